package feed

import (
	"bytes"
	"slices"
	"strings"
	"testing"

	"tickcast/wire"
)

// crowded is a session whose outbox holds everything that one can hold: ranges
// of two logs, control frames, a replay, states and what follows them, before
// more in its group's log. Nothing of it was sent.
func crowded(t testing.TB) (*stage, *pipe) {
	st := newStage(t, 1)
	st.move(0, 3)
	p, other := st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	other.subscribe("book.S0") // so that p leaves a group that goes on
	p.out, p.room = nil, 0
	st.move(0, 2)
	st.rounds()
	p.say(`{"op":"subscribe","streams":["trade.S0"],"since":{"trade.S0":"e:0"}}`)
	st.rounds()
	p.send(wire.OpcodePing, "ping")
	st.move(0, 2)
	st.rounds()
	p.say(`{"op":"subscribe","streams":["bbo.S0","book.S0","bbo.NO"]}`)
	st.rounds()
	st.move(0, 3)
	st.rounds()
	if n := len(p.m.outbox); n < 7 || len(p.out) > 0 {
		t.Fatalf("%d segments in a crowded outbox, %d bytes sent", n, len(p.out))
	}
	return st, p
}

// everything is what a crowded session sends.
func everything(t testing.TB) []byte {
	st, p := crowded(t)
	if n := p.m.unsentBytes(); n > 8<<10 {
		t.Fatalf("%d bytes are too many for a test of each", n)
	}
	p.give(unlimited)
	st.rounds()
	all := bytes.Clone(p.out)
	if frames := p.frames(); len(p.out) != 0 || len(frames) < 15 {
		t.Fatalf("%d frames and %d bytes", len(frames), len(p.out))
	}
	return all
}

func TestOutboxSentInPiecesOfAnySize(t *testing.T) {
	want := everything(t)
	for _, size := range []int{1, 2, 3, 7, 50, 333, 1000, len(want) - 1} {
		st, p := crowded(t)
		for p.m.unsentBytes() > 0 {
			before := p.m.unsentBytes()
			p.give(size)
			if after := p.m.unsentBytes(); after != max(before-size, 0) {
				t.Fatalf("%d bytes unsent after %d of %d were sent", after, size, before)
			}
		}
		st.rounds()
		if !bytes.Equal(p.out, want) {
			t.Fatalf("in pieces of %d: %d bytes differ from %d", size, len(p.out), len(want))
		}
		if len(p.m.outbox) != 0 || p.m.outboxBytes != 0 || len(p.m.group.log.readers) != 0 {
			t.Fatalf("left: %d segments, %d bytes, %d readers", len(p.m.outbox), p.m.outboxBytes, len(p.m.group.log.readers))
		}
	}
}

// Closed after any byte: the frame that was begun is finished, then come the
// control frames that waited and the close frame.
func TestOutboxClosedAtEveryCut(t *testing.T) {
	want := everything(t)
	all := (&pipe{stage: newStage(t, 0), out: bytes.Clone(want)}).frames()
	for cut := range len(want) {
		st, p := crowded(t)
		p.give(cut)
		p.m.close(wire.ClosePolicy, "test")
		p.give(unlimited)
		st.rounds()
		if !bytes.Equal(p.out[:cut], want[:cut]) {
			t.Fatalf("cut at %d: what was sent differs", cut)
		}
		frames := p.frames()
		if len(p.out) > 0 || frames[len(frames)-1].op != wire.OpcodeClose {
			t.Fatalf("cut at %d: %d bytes are not a frame", cut, len(p.out))
		}
		begun, n := 0, 0 // frames that were begun when it was cut
		for n < cut {
			n += wire.FrameHeaderSize(len(all[begun].text)) + len(all[begun].text)
			begun++
		}
		var due []clientMessage
		for i, f := range all {
			if i < begun || !strings.HasPrefix(f.text, `{"stream"`) {
				due = append(due, f)
			}
		}
		// What was gathered with a frame that was begun may come too.
		if got := frames[:len(frames)-1]; !slices.Equal(got, due) && !isSubsequence(due, got) {
			t.Fatalf("cut at %d: %d frames; want %d", cut, len(got), len(due))
		}
	}
}

// isSubsequence reports whether all of a are in b, in their order.
func isSubsequence(a, b []clientMessage) bool {
	for _, f := range b {
		if len(a) > 0 && a[0] == f {
			a = a[1:]
		}
	}
	return len(a) == 0
}

// Fallen off after any byte, twice over, then closed or read on: only whole
// frames.
func TestOutboxFallenOffAtEveryCut(t *testing.T) {
	want := everything(t)
	for cut := range len(want) - 1 {
		for _, closes := range []bool{false, true} {
			st, p := crowded(t)
			p.give(cut)
			p.m.fallOff()
			if cut%3 == 0 {
				p.give(5)
			}
			st.move(0, 2)
			st.round()
			p.m.fallOff()
			if closes {
				p.m.close(wire.ClosePolicy, "test")
			}
			p.give(unlimited)
			st.rounds()
			if !bytes.Equal(p.out[:cut], want[:cut]) {
				t.Fatalf("cut at %d: what was sent differs", cut)
			}
			frames := p.frames()
			if len(p.out) > 0 || p.m.unsentBytes() != 0 {
				t.Fatalf("cut at %d: %d bytes are not a frame", cut, len(p.out))
			}
			if closes != (frames[len(frames)-1].op == wire.OpcodeClose) {
				t.Fatalf("cut at %d: ends with %v", cut, frames[len(frames)-1])
			}
			acks := len(texts(frames, `"op":"subscribed"`))
			if !closes && (acks != 2 || p.m.lost != nil) {
				t.Fatalf("cut at %d: %d acknowledgements of 2", cut, acks)
			}
		}
	}
}

// A large segment leaves without being copied, and one write takes at most a
// turn's bytes.
func TestOutboxGathersUpToATurn(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	big := []byte(strings.Repeat("x", 3*writeTurnMax))
	p.m.pushReplay(big, 0)
	p.m.pushControl([]byte(`{"op":"x"}`))
	if got := p.m.gather(writeTurnMax); &got[0] != &big[0] || len(got) != writeTurnMax {
		t.Fatalf("gathered %d bytes; want the first %d where they are", len(got), writeTurnMax)
	}
	p.out = nil
	p.m.queued = true // as in a round: its turn, and no other
	p.m.write()
	if len(p.out) != writeTurnMax {
		t.Fatalf("%d bytes in a turn", len(p.out))
	}
	p.m.queued = false
	p.m.ready()
	st.rounds()
	if want := len(big) + 2 + len(`{"op":"x"}`); len(p.out) != want {
		t.Fatalf("%d bytes; want %d", len(p.out), want)
	}
}

// A ping goes straight to a socket with nothing unsent; what that does not
// take comes later, in front of all else, and at most one pong waits.
func TestFrameThatIsTakenInPart(t *testing.T) {
	for room := range 9 {
		st := newStage(t, 1)
		p := st.open(Options{Quiet: true}, unlimited)
		p.subscribe("bbo.S0")
		p.frames()
		p.room = room
		p.send(wire.OpcodePing, "payload") // its pong has 9 bytes
		p.send(wire.OpcodePing, "ignored")
		st.move(0, 1)
		st.rounds()
		if !p.m.blocked || !p.m.pong || p.m.unsentBytes() == 0 {
			t.Fatalf("room for %d: blocked %v, %d bytes unsent", room, p.m.blocked, p.m.unsentBytes())
		}
		p.give(unlimited)
		st.rounds()
		frames := p.frames()
		if len(frames) != 2 || frames[0] != (clientMessage{wire.OpcodePong, "payload"}) || len(texts(frames, `"bbo.S0"`)) != 1 {
			t.Fatalf("room for %d: %v", room, frames)
		}
		if p.send(wire.OpcodePing, "again"); len(p.frames()) != 1 || p.m.pong || len(p.m.outbox) != 0 {
			t.Fatalf("room for %d: the next pong waits", room)
		}
	}
}

// A socket that fails under a ping ends its session.
func TestPingToABrokenSocket(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.closed = true // it refuses to be written to
	st.wait(pingNanos + 2e9)
	if !p.m.dead || p.end.Code != closeAbnormal {
		t.Fatalf("it lives: %+v", p.end)
	}
}
