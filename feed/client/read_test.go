package client

import (
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// script is a socket that yields its bytes in given pieces.
type script struct {
	net.Conn
	bytes  []byte
	pieces func() int
}

func (s *script) Read(p []byte) (int, error) {
	if len(s.bytes) == 0 {
		return 0, io.EOF
	}
	n := copy(p, s.bytes[:min(max(s.pieces(), 1), len(s.bytes))])
	s.bytes = s.bytes[n:]
	return n, nil
}

func (s *script) SetReadDeadline(time.Time) error { return nil }

func scripted(b []byte, pieces func() int) *Conn {
	cfg := Config{URL: "ws://test"}
	if _, err := cfg.normalize(); err != nil {
		panic(err)
	}
	pong := func([]byte) error { return nil }
	return &Conn{cfg: cfg, pong: pong, t: &transport{Conn: &script{bytes: b, pieces: pieces}}, names: map[string]string{}}
}

func appendWire(dst []byte, op Opcode, final bool, payload string) []byte {
	b0 := byte(op)
	if final {
		b0 |= 0x80
	}
	dst = append(dst, b0)
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 127), uint64(n))
	}
	return append(dst, payload...)
}

func tick(seq int, padding int) string {
	return fmt.Sprintf(`{"stream":"book.S%d","seq":%d,"x":"%s","ts":%d,"tp":%d}`, seq%3, seq, strings.Repeat("x", padding), seq+10, seq+20)
}

// Wherever the network cuts the bytes, and however the server fragments its
// messages, the same frames come out.
func TestCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		frames := rapid.IntRange(1, 20).Draw(t, "frames")
		for i := range frames {
			m := tick(i, rapid.SampledFrom([]int{0, 60, 200, 70000}).Draw(t, "padding"))
			if cut := rapid.IntRange(0, 2*len(m)).Draw(t, "fragment"); cut < len(m) {
				b = appendWire(b, OpText, false, m[:cut])
				b = appendWire(b, OpPong, true, "")
				b = appendWire(b, OpContinuation, true, m[cut:])
			} else {
				b = appendWire(b, OpText, true, m)
			}
		}
		pieces := rapid.SampledFrom([]int{1, 2, 100, 5000, 1 << 20}).Draw(t, "pieces")
		c := scripted(b, func() int { return pieces })
		for i := range frames {
			f, err := c.Next()
			if err != nil {
				t.Fatal(err)
			}
			want := Frame{Stream: fmt.Sprintf("book.S%d", i%3), Seq: uint64(i), TS: int64(i) + 10, TP: int64(i) + 20}
			if f.Stream != want.Stream || f.Seq != want.Seq || f.TS != want.TS || f.TP != want.TP {
				t.Fatalf("frame %d = %+v", i, f)
			}
		}
		if _, err := c.Next(); !errors.Is(err, io.EOF) {
			t.Fatalf("at the end: %v", err)
		}
	})
}

func TestViolations(t *testing.T) {
	for name, b := range map[string][]byte{
		"masked":             {0x81, 0x80, 0, 0, 0, 0},
		"reserved bit":       {0xc1, 0},
		"reserved opcode":    {0x83, 0},
		"long ping":          append([]byte{0x89, 126, 0, 126}, make([]byte, 126)...),
		"fragmented ping":    {0x09, 0},
		"huge":               {0x82, 127, 0x80, 0, 0, 0, 0, 0, 0, 0},
		"lone continuation":  {0x80, 0},
		"message in message": {0x01, 0, 0x81, 0},
	} {
		c := scripted(b, func() int { return 1 })
		if _, err := c.Next(); !errors.Is(err, ErrProtocol) {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A message that is no frame of the protocol is an error of its own.
func TestMalformedMessage(t *testing.T) {
	b := appendWire(nil, OpText, true, `{"seq":1}`)
	b = appendWire(b, OpText, true, tick(1, 0))
	c := scripted(b, func() int { return 10 })
	if _, err := c.Next(); !errors.Is(err, ErrFrame) {
		t.Errorf("Next = %v", err)
	}
	if f, err := c.Next(); err != nil || f.Seq != 1 {
		t.Errorf("Next = %v, %v", f, err)
	}
}

func FuzzNext(f *testing.F) {
	f.Add(appendWire(nil, OpText, true, testTick))
	f.Add([]byte{0x88, 2, 3, 0xe8})
	f.Fuzz(func(t *testing.T, b []byte) {
		whole := scripted(append([]byte(nil), b...), func() int { return len(b) })
		byByte := scripted(b, func() int { return 1 })
		for range 100 {
			f1, err1 := whole.Next()
			f2, err2 := byByte.Next()
			if f1.Op != f2.Op || f1.Stream != f2.Stream || f1.Seq != f2.Seq || fmt.Sprint(err1) != fmt.Sprint(err2) {
				t.Fatalf("%+v %v, byte by byte %+v %v", f1, err1, f2, err2)
			}
		}
	})
}
