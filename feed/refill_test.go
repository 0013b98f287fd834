package feed

import (
	"bytes"
	"fmt"
	"testing"

	"tickcast/wire"
)

// A log that a refill fills is written at once, in the middle of a write of the
// same group: nobody is left out of either, least of all who is behind.
func TestRefillFillsTheLog(t *testing.T) {
	const members = 4
	for behind := range members {
		st := newStage(t, 1)
		var pipes [members]*pipe
		for i := range pipes {
			pipes[i] = st.open(Options{}, unlimited)
			pipes[i].subscribe("trade.S0")
			pipes[i].out = nil
		}
		g, s := pipes[0].m.group, st.shard
		var want []byte
		send := func(n int) {
			for range n {
				payload := fmt.Appendf(nil, "%01000d", len(want))
				want = append(want, s.framed(wire.OpcodeText, payload)...)
				g.control(payload)
			}
		}
		pipes[behind].room = 500
		send(20)
		s.flush(st.now)
		send(40)
		pipes[behind].give(30_000)
		g.trim()
		g.log.stamp(st.now)
		st.now += 1e9 // the log's oldest bytes are too old for it to grow
		filled := false
		s.refillEach, s.refill = 1, func() {
			if !filled {
				filled = true
				send(32)
			}
		}
		s.flush(st.now)
		if len(g.log.buf) != logBytesLow {
			t.Fatalf("the log has grown to %d bytes", len(g.log.buf))
		}
		for i, p := range pipes {
			if p.m.cursor < g.log.tail {
				t.Fatalf("%d behind: member %d is at %d, the log begins at %d", behind, i, p.m.cursor, g.log.tail)
			}
		}
		send(1)
		pipes[behind].give(unlimited)
		s.flush(st.now)
		for i, p := range pipes {
			if !bytes.Equal(p.out, want) {
				t.Fatalf("%d behind: member %d was sent %d bytes; want %d, or others", behind, i, len(p.out), len(want))
			}
		}
	}
}

// What a refill brought and the same round wrote is not counted until the next
// round, which may be a second later.
func TestRefillIsTimedToItsWrite(t *testing.T) {
	st := newStage(t, 2)
	a, b := st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	a.subscribe("bbo.S0")
	b.subscribe("bbo.S1")
	s := st.shard
	s.wrote(st.now)
	s.stats.EncodeToWrite = Latency{}
	st.move(0, 1)
	st.move(1, 1)
	st.queue.take(&st.inbox)
	s.deliver(&st.inbox, st.now)
	refilled := false
	s.refillEach, s.refill = 1, func() {
		if !refilled {
			refilled = true
			st.move(1, 1)
			st.queue.take(&st.inbox)
			s.packets(&st.inbox)
		}
	}
	for st.now += 1000; s.flush(st.now); st.now += 1000 {
		s.wrote(st.now)
	}
	s.wrote(st.now)
	st.now += 1e9
	s.flush(st.now)
	s.wrote(st.now)
	if !refilled {
		t.Fatal("the inbox was not looked at")
	}
	if sum := s.stats.EncodeToWrite.SumNanos; sum > 1e6 {
		t.Fatalf("%d ns in all; want some microseconds", sum)
	}
}

// Of several pings in one piece of input the last one is answered.
func TestTheLastPingIsAnswered(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.out = nil
	var in []byte
	for _, payload := range []string{"first", "second"} {
		in = wire.AppendClientFrame(in, wire.OpcodePing, [4]byte{1, 2, 3, 4}, []byte(payload))
	}
	p.m.input(in)
	st.rounds()
	if want := st.shard.framed(wire.OpcodePong, []byte("second")); !bytes.Equal(p.out, want) {
		t.Fatalf("%q; want %q", p.out, want)
	}
}
