package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"os"
	"time"
)

// silenceStep is how often the read deadline is moved: setting it at every read
// would cost as much as reading a frame.
const silenceStep = time.Second

// Next blocks for the next frame, control or data, in the order in which the
// server sent them. Pings are answered on the way. An error that wraps ErrFrame
// concerns one message; every other ends the connection and is returned from
// then on: a *CloseError if the server closed it, ErrClosed after Close.
//
// Only one goroutine may call Next.
func (c *Conn) Next() (Frame, error) {
	if c.readErr != nil {
		return Frame{}, c.readErr
	}
	raw, err := c.nextMessage()
	if err != nil {
		if c.closed.Load() {
			err = ErrClosed
		}
		c.readErr = err
		return Frame{}, err
	}
	h, ok := Scan(raw)
	if !ok {
		return Frame{Raw: raw}, fmt.Errorf("%w: %.64q", ErrFrame, raw)
	}
	if h.Op != nil {
		return Frame{Op: opName(h.Op), Raw: raw}, nil
	}
	return Frame{Stream: c.intern(h.Stream), Seq: h.Seq, TS: h.TS, TP: h.TP, Raw: raw}, nil
}

// intern returns name as a string that is allocated once a stream.
func (c *Conn) intern(name []byte) string {
	if s, ok := c.names[string(name)]; ok {
		return s
	}
	if len(c.names) >= namesMax {
		clear(c.names)
	}
	s := string(name)
	c.names[s] = s
	return s
}

// nextMessage returns the next whole text message.
func (c *Conn) nextMessage() ([]byte, error) {
	for {
		f, err := c.nextFrame()
		if err != nil {
			return nil, err
		}
		switch f.Op {
		case OpText, OpBinary:
			if c.partial {
				return nil, fmt.Errorf("%w: message within a message", ErrProtocol)
			}
			if f.Final {
				return f.Payload, nil
			}
			c.message, c.partial = append(c.message[:0], f.Payload...), true
		case OpContinuation:
			if !c.partial || len(c.message)+len(f.Payload) > FrameBytesMax {
				return nil, fmt.Errorf("%w: continuation after %d bytes", ErrProtocol, len(c.message))
			}
			c.message, c.partial = append(c.message, f.Payload...), !f.Final
			if f.Final {
				return c.message, nil
			}
		case OpPing:
			if err := c.pong(f.Payload); err != nil {
				return nil, fmt.Errorf("client: answer ping: %w", err)
			}
		case OpPong:
		case OpClose:
			return nil, newCloseError(f.Payload)
		default:
			return nil, fmt.Errorf("%w: opcode %d", ErrProtocol, f.Op)
		}
	}
}

func newCloseError(payload []byte) *CloseError {
	if len(payload) < 2 {
		return &CloseError{Code: CloseNoStatus}
	}
	return &CloseError{Code: CloseCode(binary.BigEndian.Uint16(payload)), Text: string(payload[2:])}
}

// nextFrame returns the next frame, an alias of the transport's buffer.
func (c *Conn) nextFrame() (WireFrame, error) {
	t := c.t
	for {
		f, ok, err := CutFrame(t.buf[t.r:t.w])
		if err != nil {
			return WireFrame{}, err
		}
		if ok {
			t.r += f.Bytes
			return f, nil
		}
		if err := c.wait(); err != nil {
			return WireFrame{}, err
		}
	}
}

// wait reads more of the socket.
func (c *Conn) wait() error {
	if err := c.cfg.OnWait(); err != nil {
		return err
	}
	if now := time.Now(); now.Sub(c.silenceAt) >= silenceStep {
		c.silenceAt = now
		_ = c.t.SetReadDeadline(now.Add(c.cfg.SilenceTimeout)) // a broken socket fails at the read
	}
	err := c.t.fill()
	if errors.Is(err, os.ErrDeadlineExceeded) {
		return fmt.Errorf("client: nothing received for %v: %w", c.cfg.SilenceTimeout, err)
	}
	if err != nil {
		return fmt.Errorf("client: read: %w", err)
	}
	return nil
}
