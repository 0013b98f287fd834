//go:build !race

package client

import "testing"

// endless repeats its bytes for ever.
type endless struct {
	script
	all []byte
}

func (e *endless) Read(p []byte) (int, error) {
	if len(e.bytes) == 0 {
		e.bytes = e.all
	}
	n := copy(p, e.bytes)
	e.bytes = e.bytes[n:]
	return n, nil
}

func endlessTicks() *Conn {
	c := scripted(nil, nil)
	c.t.Conn = &endless{all: appendWire(nil, OpText, true, testTick)}
	return c
}

func TestNextAllocatesNothing(t *testing.T) {
	c := endlessTicks()
	if n := testing.AllocsPerRun(1000, func() {
		if f, err := c.Next(); err != nil || f.Seq != 1042 {
			t.Fatal(f, err)
		}
	}); n != 0 {
		t.Errorf("%v allocations a frame", n)
	}
}

func BenchmarkNext(b *testing.B) {
	c := endlessTicks()
	b.ReportAllocs()
	b.SetBytes(int64(len(testTick)))
	for b.Loop() {
		if _, err := c.Next(); err != nil {
			b.Fatal(err)
		}
	}
}

func BenchmarkScan(b *testing.B) {
	raw := []byte(testTick)
	b.ReportAllocs()
	for b.Loop() {
		if _, ok := Scan(raw); !ok {
			b.Fatal("not a frame")
		}
	}
}
