package wire

import (
	"encoding/binary"
	"fmt"
	"strings"
	"unicode/utf8"
)

// CloseCode says why a WebSocket was closed (RFC 6455 section 7.4, PROTOCOL.md,
// "Closing"). Of the private ones 40xx means: come back, 45xx: do not. The
// zero CloseCode is a close frame without a code.
type CloseCode uint16

// The codes that the server sends.
const (
	CloseNormal      CloseCode = 1000 // the client wished it
	CloseGoingAway   CloseCode = 1001 // an end point leaves
	CloseProtocol    CloseCode = 1002 // bytes that are no WebSocket frames
	CloseUnsupported CloseCode = 1003 // binary frames
	CloseBadText     CloseCode = 1007 // text that is no UTF-8
	ClosePolicy      CloseCode = 1008 // bad messages, again and again
	CloseTooBig      CloseCode = 1009 // a message over the limit
	CloseInternal    CloseCode = 1011 // the server's fault
	CloseShutdown    CloseCode = 1012 // the server ends or is replaced

	CloseRestart CloseCode = 4001 // a new epoch began
	CloseMaxAge  CloseCode = 4003 // the connection is old
	CloseTooSlow CloseCode = 4008 // the client does not read
	CloseNoPong  CloseCode = 4012 // the client does not answer

	CloseBadCredentials  CloseCode = 4500 // they will not get better
	CloseAbuse           CloseCode = 4501 // floods
	CloseConnectionLimit CloseCode = 4504 // too many connections
)

var closeNames = map[CloseCode]string{
	0:                    "no code",
	CloseNormal:          "normal",
	CloseGoingAway:       "going away",
	CloseProtocol:        "protocol error",
	CloseUnsupported:     "unsupported data",
	CloseBadText:         "invalid UTF-8",
	ClosePolicy:          "policy",
	CloseTooBig:          "message too big",
	CloseInternal:        "internal error",
	CloseShutdown:        "shutdown",
	CloseRestart:         "restart",
	CloseMaxAge:          "maximum age",
	CloseTooSlow:         "too slow",
	CloseNoPong:          "no pong",
	CloseBadCredentials:  "bad credentials",
	CloseAbuse:           "protocol abuse",
	CloseConnectionLimit: "connection limit",
}

// String returns what the code means, in a word or two.
func (c CloseCode) String() string {
	if name, ok := closeNames[c]; ok {
		return name
	}
	return fmt.Sprintf("code %d", uint16(c))
}

// received reports whether a client may send the code: those of RFC 6455
// section 7.4.1 that are not reserved for local use, 1012 to 1014 of the IANA
// registry, and 3000 to 4999.
func (c CloseCode) received() bool {
	switch {
	case c >= 1000 && c <= 1003, c >= 1007 && c <= 1014, c >= 3000 && c <= 4999:
		return true
	}
	return false
}

// CloseError is a fault of the client's that ends the connection.
type CloseError struct {
	Code CloseCode
	Text string // the reason for the close frame
}

// Error returns code and text.
func (e *CloseError) Error() string {
	return fmt.Sprintf("close %d: %s", uint16(e.Code), e.Text)
}

// AppendCloseFrame appends a close frame of the server; without a code it is
// empty. The reason is cut to 123 bytes of whole characters.
func AppendCloseFrame(dst []byte, code CloseCode, reason string) []byte {
	if code == 0 {
		return AppendFrameHeader(dst, OpcodeClose, 0)
	}
	reason = closeReason(reason)
	dst = AppendFrameHeader(dst, OpcodeClose, 2+len(reason))
	dst = binary.BigEndian.AppendUint16(dst, uint16(code))
	return append(dst, reason...)
}

const closeReasonBytesMax = controlBytesMax - 2

func closeReason(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) <= closeReasonBytesMax {
		return s
	}
	end := closeReasonBytesMax
	for !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end]
}
