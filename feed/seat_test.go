package feed

import (
	"io"
	"testing"

	"tickcast/wire"
)

// due reports whether a session will be looked after at the next inspection.
func (p *pipe) due() bool { return p.m.shard.seats[p.m.seat].lookAt <= p.stage.now+inspectNanos }

// Sessions that have nothing unsent and nothing half received are left alone,
// among others that have.
func TestSessionsAtRestAreNotLookedAfter(t *testing.T) {
	st := newStage(t, 1)
	quiet, pinged, full := st.open(Options{Quiet: true}, unlimited), st.open(Options{}, unlimited), st.open(Options{Quiet: true}, unlimited)
	gone, half := st.open(Options{Quiet: true}, unlimited), st.open(Options{Quiet: true}, unlimited)
	for _, p := range []*pipe{quiet, pinged, full} {
		p.subscribe("bbo.S0")
	}
	gone.m.disconnected(io.EOF)
	st.move(0, 1)
	st.wait(2e9)
	for _, p := range []*pipe{quiet, pinged, full, half} {
		if p.due() {
			t.Fatalf("session %s has nothing to be looked after for", p.m.conn())
		}
	}
	full.room = 0
	st.move(0, 1)
	st.rounds()
	half.m.shard.now = st.now
	half.m.input([]byte{0x81})
	st.wait(2e9)
	if quiet.due() || pinged.due() || !full.due() || !half.due() {
		t.Fatalf("looked after: %v, %v; full %v; half a message %v", quiet.due(), pinged.due(), full.due(), half.due())
	}
	if total := st.shard.total(); total.Slow != 1 || total.Sessions != 4 {
		t.Errorf("%d slow of %d sessions", total.Slow, total.Sessions)
	}
	full.give(unlimited)
	half.m.input([]byte{0x80, 0, 0, 0, 0})
	st.wait(2e9)
	if full.due() || half.due() {
		t.Fatalf("looked after: written %v; a whole message %v", full.due(), half.due())
	}
	st.wait(18e9)
	if pinged.m.pingedAt == 0 || quiet.m.pingedAt != 0 {
		t.Errorf("pinged at %d; at %d who wants no pings", pinged.m.pingedAt, quiet.m.pingedAt)
	}
}

// A ping comes after 20 s of silence, give or take the second in which nobody
// looks, however late the client answered the one before.
func TestPingsComeInTime(t *testing.T) {
	for delay := int64(0); delay <= silentNanos; delay += 7e8 {
		st := newStage(t, 1)
		p := st.open(Options{}, unlimited)
		for range 5 {
			heard := p.m.heard
			for p.m.pingedAt == 0 {
				st.wait(1e8)
			}
			if after := p.m.pingedAt - heard; after <= pingNanos || after > pingNanos+inspectNanos {
				t.Fatalf("answers take %d ms: a ping %d ms after the last", delay/1e6, after/1e6)
			}
			st.wait(delay)
			if p.m.closing {
				t.Fatalf("closed, though answers take %d ms", delay/1e6)
			}
			p.send(wire.OpcodePong, "")
		}
	}
}

// A shard whose sessions rest, and whose logs are empty, wakes seldom; from a
// client that does not read on, once a second.
func TestShardAtRestWakesSeldom(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	p.subscribe("bbo.S0")
	wakes := func() (n int) {
		for end := st.now + 60e9; ; n++ {
			if st.now = max(st.shard.next(), st.now); st.now >= end {
				return n
			}
			st.round()
		}
	}
	st.move(0, 1)
	st.wait(10e9)
	if n := wakes(); n > int(60e9/restNanos) || logBytes(st.shard) != 0 {
		t.Fatalf("%d wakes in a minute of rest, with %d bytes of logs", n, logBytes(st.shard))
	}
	p.room = 0
	st.move(0, 1)
	st.rounds()
	if soon := st.shard.next() - st.now; soon > inspectNanos {
		t.Fatalf("a client does not read: looked after in %d ms", soon/1e6)
	}
	if n := wakes(); n < 59 {
		t.Fatalf("%d wakes in a minute while a client does not read", n)
	}
	st.wait(5e9)
	if !p.closed || p.end.Code != wire.CloseTooSlow {
		t.Fatalf("closed %v, %+v", p.closed, p.end)
	}
}
