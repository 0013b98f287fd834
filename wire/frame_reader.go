package wire

import (
	"encoding/binary"
	"math"
	"unicode/utf8"
)

// Message is what a client sent: a text, or a control frame. The zero Message
// is none.
type Message struct {
	Op      Opcode // OpcodeText, OpcodeClose, OpcodePing, OpcodePong
	Payload []byte // of a close: its reason
	Code    CloseCode
}

// FrameReader finds the messages in the bytes of a client. The zero value is
// ready. It is 64 bytes, for it sits in every session, and holds other memory
// only while a message is incomplete: a message that arrives in one read is
// unmasked where it lies.
//
// A frame is read in two stages, header and payload. What came of a header
// waits in header; what came of a payload waits, unmasked, in buf: first the
// unfinished message, then the control frame that stands between its
// fragments.
type FrameReader struct {
	buf     []byte
	left    int    // bytes of the frame's payload still to come
	message uint32 // bytes of buf that belong to the message
	checked uint32 // bytes of it that are whole, valid characters

	header    [frameHeaderBytesMax]byte
	headerLen uint8

	op        Opcode // of the frame
	mask      [4]byte
	maskPos   uint8
	fin       bool // the frame is the last of its message
	inPayload bool // the header is read
	unended   bool // a fragment came, the last has not
}

// The faults of a client's frames.
var (
	errFrameRSV          = &CloseError{CloseProtocol, "reserved bits are set"}
	errFrameOpcode       = &CloseError{CloseProtocol, "reserved opcode"}
	errFrameUnmasked     = &CloseError{CloseProtocol, "frame is not masked"}
	errFrameContinuation = &CloseError{CloseProtocol, "continuation of nothing"}
	errFrameInterrupted  = &CloseError{CloseProtocol, "message begins inside another"}
	errFrameControl      = &CloseError{CloseProtocol, "control frame is fragmented or too long"}
	errFrameLength       = &CloseError{CloseProtocol, "length is not in its shortest form"}
	errFrameBinary       = &CloseError{CloseUnsupported, "binary messages are not accepted"}
	errFrameTooBig       = &CloseError{CloseTooBig, "message is too big"}
	errFrameText         = &CloseError{CloseBadText, "text is not UTF-8"}
	errCloseCode         = &CloseError{CloseProtocol, "bad close code"}
	errCloseReason       = &CloseError{CloseBadText, "close reason is not UTF-8"}
)

// Next returns the next message in src, and what lies behind it. If src ends
// before one is complete, it returns a zero Message and an empty rest; then
// call it again with the bytes that follow. limit bounds the bytes of a text.
//
// The payload is valid until the next call and may alias src, whose bytes Next
// changes: it unmasks in place. So call it until the Message is zero before
// reading more into src; that call also gives back what memory it held.
//
// The error is a *CloseError; the reader is of no use after it.
func (r *FrameReader) Next(src []byte, limit int) (m Message, rest []byte, err error) {
	r.release()
	for {
		if !r.inPayload {
			if src, err = r.readHeader(src, min(limit, math.MaxInt32)); err != nil || !r.inPayload {
				return Message{}, src, err
			}
		}
		m, src, err = r.readPayload(src)
		if err != nil || m.Op != 0 || r.inPayload {
			return m, src, err
		}
	}
}

// release forgets a payload that the last call returned.
func (r *FrameReader) release() {
	switch {
	case r.inPayload:
	case r.unended:
		r.buf = r.buf[:r.message]
	default:
		r.buf = nil
	}
}

// readHeader consumes a header, or what there is of one.
func (r *FrameReader) readHeader(src []byte, limit int) ([]byte, error) {
	seen := int(r.headerLen)
	n := copy(r.header[seen:], src)
	size, err := r.parseHeader(r.header[:seen+n], limit)
	if err != nil {
		return src, err
	}
	if size == 0 {
		r.headerLen += uint8(n)
		return src[n:], nil
	}
	r.headerLen, r.inPayload = 0, true
	return src[size-seen:], nil
}

// parseHeader reads the header at the beginning of h and returns its size, 0 if
// it is not complete. Each fault is found as soon as its bytes are there.
func (r *FrameReader) parseHeader(h []byte, limit int) (size int, err error) {
	if len(h) < 2 {
		return 0, nil
	}
	if err := r.checkKind(h[0], h[1]); err != nil {
		return 0, err
	}
	length, size := uint64(h[1]&frameLength), 2
	switch length {
	case frameLength16:
		if size = 4; len(h) < size {
			return 0, nil
		}
		if length = uint64(binary.BigEndian.Uint16(h[2:])); length < frameLength16 {
			return 0, errFrameLength
		}
	case frameLength64:
		if size = 10; len(h) < size {
			return 0, nil
		}
		if length = binary.BigEndian.Uint64(h[2:]); length <= 0xffff || length > math.MaxInt64 {
			return 0, errFrameLength
		}
	}
	op := Opcode(h[0] & frameOpcode)
	if op&frameControl == 0 && length > uint64(max(limit-int(r.message), 0)) {
		return 0, errFrameTooBig
	}
	if len(h) < size+4 {
		return 0, nil
	}
	r.op, r.fin, r.left = op, h[0]&frameFin != 0, int(length)
	r.mask, r.maskPos = [4]byte(h[size:]), 0
	return size + 4, nil
}

// checkKind checks the first two bytes of a frame.
func (r *FrameReader) checkKind(b0, b1 byte) error {
	op := Opcode(b0 & frameOpcode)
	switch {
	case b0&frameRSV != 0:
		return errFrameRSV
	case op > OpcodePong || op > OpcodeBinary && op < OpcodeClose:
		return errFrameOpcode
	case b1&frameMasked == 0:
		return errFrameUnmasked
	case op&frameControl != 0:
		if b0&frameFin == 0 || b1&frameLength > controlBytesMax {
			return errFrameControl
		}
		return nil
	case op == 0:
		if !r.unended {
			return errFrameContinuation
		}
		return nil
	case r.unended:
		return errFrameInterrupted
	case op == OpcodeBinary:
		return errFrameBinary
	}
	return nil
}

// readPayload consumes a payload, or what there is of one. The message is zero
// if the frame does not complete one.
func (r *FrameReader) readPayload(src []byte) (m Message, rest []byte, err error) {
	n := min(r.left, len(src))
	chunk, rest := src[:n], src[n:]
	MaskBytes(chunk, r.mask, int(r.maskPos))
	r.maskPos = uint8(int(r.maskPos)+n) & 3
	r.left -= n
	r.inPayload = r.left > 0
	if r.op&frameControl != 0 {
		m, err = r.control(chunk)
	} else {
		m, err = r.text(chunk)
	}
	return m, rest, err
}

// control takes a piece of a control frame.
func (r *FrameReader) control(chunk []byte) (Message, error) {
	if r.inPayload || len(r.buf) > int(r.message) {
		r.buf = append(r.buf, chunk...)
		chunk = r.buf[r.message:]
	}
	if r.inPayload {
		return Message{}, nil
	}
	m := Message{Op: r.op, Payload: chunk}
	if r.op != OpcodeClose || len(chunk) == 0 {
		return m, nil
	}
	if len(chunk) == 1 {
		return Message{}, errCloseCode
	}
	m.Code, m.Payload = CloseCode(binary.BigEndian.Uint16(chunk)), chunk[2:]
	if !m.Code.received() {
		return Message{}, errCloseCode
	}
	if !utf8.Valid(m.Payload) {
		return Message{}, errCloseReason
	}
	return m, nil
}

// text takes a piece of a message.
func (r *FrameReader) text(chunk []byte) (Message, error) {
	ended := r.fin && !r.inPayload
	if ended && r.message == 0 { // in one piece: the rule
		r.unended = false
		if !utf8.Valid(chunk) {
			return Message{}, errFrameText
		}
		return Message{Op: OpcodeText, Payload: chunk}, nil
	}
	r.buf = append(r.buf, chunk...)
	r.message = uint32(len(r.buf))
	whole, ok := wholeRunes(r.buf[r.checked:])
	r.checked += uint32(whole)
	if !ok || ended && r.checked < r.message {
		return Message{}, errFrameText
	}
	r.unended = !ended
	if !ended {
		return Message{}, nil
	}
	r.message, r.checked = 0, 0
	return Message{Op: OpcodeText, Payload: r.buf}, nil
}

// wholeRunes returns how many bytes of b are whole characters. It is not ok if
// what follows cannot become one, whatever else comes.
func wholeRunes(b []byte) (n int, ok bool) {
	n = len(b)
	for i := n - 1; i >= 0 && i >= n-utf8.UTFMax; i-- {
		if utf8.RuneStart(b[i]) {
			if !utf8.FullRune(b[i:]) {
				n = i
			}
			break
		}
	}
	return n, utf8.Valid(b[:n])
}
