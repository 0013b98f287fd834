package client

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"time"
)

// Errors of a connection.
var (
	// ErrClosed is what Next and the writing methods return after Close.
	ErrClosed = errors.New("client: connection is closed")
	// ErrFrame is wrapped by Next's error for a message that is no frame of
	// the protocol. The connection stays usable.
	ErrFrame = errors.New("client: malformed frame")
	// ErrProtocol is wrapped by errors of the WebSocket framing itself, after
	// which nothing more can be read.
	ErrProtocol = errors.New("client: websocket protocol violation")
)

// CloseCode is the code of a WebSocket close frame (PROTOCOL.md section 8).
type CloseCode uint16

// The codes that a feed closes with.
const (
	CloseNormal      CloseCode = 1000
	CloseProtocol    CloseCode = 1002
	CloseUnsupported CloseCode = 1003
	CloseNoStatus    CloseCode = 1005 // the close frame carried no code
	CloseInvalid     CloseCode = 1007
	ClosePolicy      CloseCode = 1008
	CloseTooBig      CloseCode = 1009
	CloseShutdown    CloseCode = 1012
	CloseRestart     CloseCode = 4001
	CloseMaxAge      CloseCode = 4003
	CloseSlow        CloseCode = 4008
	CloseNoPong      CloseCode = 4012
	CloseCredentials CloseCode = 4500
	CloseAbuse       CloseCode = 4501
	CloseConnections CloseCode = 4504
)

// Meaning returns the code's meaning in a few words, "" if it has none here.
func (c CloseCode) Meaning() string {
	switch c {
	case CloseNormal:
		return "normal"
	case CloseProtocol:
		return "protocol error"
	case CloseUnsupported:
		return "unsupported data"
	case CloseNoStatus:
		return "no status"
	case CloseInvalid:
		return "invalid text"
	case ClosePolicy:
		return "policy"
	case CloseTooBig:
		return "message too big"
	case CloseShutdown:
		return "shutdown"
	case CloseRestart:
		return "restart"
	case CloseMaxAge:
		return "maximum age"
	case CloseSlow:
		return "too slow"
	case CloseNoPong:
		return "no pong"
	case CloseCredentials:
		return "bad credentials"
	case CloseAbuse:
		return "protocol abuse"
	case CloseConnections:
		return "connection limit"
	}
	return ""
}

// String returns the number and, where there is one, the meaning.
func (c CloseCode) String() string {
	s := strconv.Itoa(int(c))
	if m := c.Meaning(); m != "" {
		s += " " + m
	}
	return s
}

// CloseError says that the server closed the connection with a close frame.
type CloseError struct {
	Code CloseCode
	Text string // the server's reason, may be empty
}

// Error returns code, meaning and text.
func (e *CloseError) Error() string {
	if e.Text == "" {
		return "client: server closed: " + e.Code.String()
	}
	return fmt.Sprintf("client: server closed: %s: %s", e.Code, e.Text)
}

// Retry reports whether coming back makes sense: not after 45xx and not after
// errors that the same client would make again.
func (e *CloseError) Retry() bool {
	switch e.Code {
	case CloseProtocol, CloseUnsupported, CloseInvalid, ClosePolicy, CloseTooBig:
		return false
	}
	return e.Code < 4500 || e.Code > 4599
}

// StatusError says that the server answered the upgrade with a plain HTTP
// response.
type StatusError struct {
	Status     int           // HTTP status
	Code       string        // the body's error code, "" if it had none
	Message    string        // the body's message, or the beginning of the body
	RetryAfter time.Duration // from the header, 0 if it had none
}

// Error returns status, code and message.
func (e *StatusError) Error() string {
	s := fmt.Sprintf("client: upgrade refused: HTTP %d %s", e.Status, http.StatusText(e.Status))
	if e.Code != "" {
		s += ": " + e.Code
	}
	if e.Message != "" {
		s += ": " + e.Message
	}
	return s
}

// Retry reports whether coming back makes sense: after 5xx and 429.
func (e *StatusError) Retry() bool {
	return e.Status >= 500 || e.Status == http.StatusTooManyRequests
}

// newStatusError reads PROTOCOL.md section 7's {"error":{"code":…,"message":…}};
// a body of another form becomes the message.
func newStatusError(resp *http.Response, body []byte) *StatusError {
	e := &StatusError{Status: resp.StatusCode}
	if s, err := strconv.Atoi(resp.Header.Get("Retry-After")); err == nil && s > 0 {
		e.RetryAfter = time.Duration(s) * time.Second
	}
	var parsed struct {
		Error Fault `json:"error"`
	}
	if json.Unmarshal(body, &parsed) == nil && parsed.Error.Code != "" {
		e.Code, e.Message = parsed.Error.Code, parsed.Error.Message
		return e
	}
	e.Message = fmt.Sprintf("%.200s", body)
	return e
}
