package client

import (
	"encoding/binary"
	"fmt"
)

// Opcode is a WebSocket opcode (RFC 6455 section 5.2). Unlike other
// enumerations it starts at 0, as the RFC has it.
type Opcode uint8

// The opcodes.
const (
	OpContinuation Opcode = 0
	OpText         Opcode = 1
	OpBinary       Opcode = 2
	OpClose        Opcode = 8
	OpPing         Opcode = 9
	OpPong         Opcode = 10
)

// String returns the opcode's name, or "reserved".
func (o Opcode) String() string {
	switch o {
	case OpContinuation:
		return "continuation"
	case OpText:
		return "text"
	case OpBinary:
		return "binary"
	case OpClose:
		return "close"
	case OpPing:
		return "ping"
	case OpPong:
		return "pong"
	}
	return "reserved"
}

// FrameBytesMax bounds the payload of a frame that CutFrame accepts: twice what
// the server promises never to exceed (512 KiB).
const FrameBytesMax = 1 << 20

// WireFrame is one WebSocket frame as it stands in a buffer.
type WireFrame struct {
	Op      Opcode
	Final   bool   // it ends its message
	Payload []byte // aliases the buffer
	Bytes   int    // that the whole frame takes, header included
}

// CutFrame cuts the first frame off b, the bytes that a server sent. If b holds
// no whole frame yet it returns false, and Bytes is how many bytes it takes at
// least. The error wraps ErrProtocol: nothing after it makes sense.
//
//	  0               1               2 … (2, 4 or 10)
//	| F rsv | opcode | M | length 7  | length 16 or 64 | payload
//	  1  3      4      1     7
func CutFrame(b []byte) (WireFrame, bool, error) {
	if len(b) < 2 {
		return WireFrame{Bytes: 2}, false, nil
	}
	head, size := 2, int(b[1])
	switch {
	case size == 126:
		if head = 4; len(b) < head {
			return WireFrame{Bytes: head}, false, nil
		}
		size = int(binary.BigEndian.Uint16(b[2:]))
	case size == 127:
		if head = 10; len(b) < head {
			return WireFrame{Bytes: head}, false, nil
		}
		long := binary.BigEndian.Uint64(b[2:])
		if long > FrameBytesMax {
			return WireFrame{}, false, errTooLong(long)
		}
		size = int(long)
	case size > 127: // a server must not mask
		return WireFrame{}, false, errHeader(b)
	}
	f := WireFrame{Op: Opcode(b[0] & 0x0f), Final: b[0]&0x80 != 0, Bytes: head + size}
	if b[0]&0x70 != 0 || f.Op >= OpClose && (!f.Final || size > 125) {
		return WireFrame{}, false, errHeader(b)
	}
	if len(b) < f.Bytes {
		return f, false, nil
	}
	f.Payload = b[head:f.Bytes:f.Bytes]
	return f, true, nil
}

// The errors are made apart so that CutFrame stays small in the fast case.

func errHeader(b []byte) error {
	return fmt.Errorf("%w: frame header % x", ErrProtocol, b[:2])
}

func errTooLong(n uint64) error {
	return fmt.Errorf("%w: frame of %d bytes, limit %d", ErrProtocol, n, FrameBytesMax)
}
