package feed

import "testing"

// windowed is a session that is flushed ten times a second and has heard
// nothing since a beat.
func windowed(t *testing.T) (*stage, *pipe) {
	st := newStage(t, 1)
	p := st.open(Options{Flush: 100e6}, unlimited)
	p.subscribe("book.S0", "bbo.S0")
	st.wait(250e6)
	p.frames()
	p.taken = 0
	return st, p
}

// What is published between two beats leaves at the second one, in order and
// in one write.
func TestFlushWindow(t *testing.T) {
	st, p := windowed(t)
	writes := st.shard.stats.Writes
	for range 10 {
		st.move(0, 1)
		st.round()
	}
	if p.taken > 0 {
		t.Fatalf("%d bytes before the beat", p.taken)
	}
	st.wait(100e6)
	if got := st.shard.stats.Writes - writes; got != 1 {
		t.Fatalf("%d writes at the beat", got)
	}
	if n := len(texts(p.frames(), `"stream":`)); n != 20 {
		t.Fatalf("%d frames of 20", n)
	}
	st.wait(300e6)
	if got := st.shard.stats.Writes - writes; got != 1 {
		t.Fatalf("%d writes, the last for nothing", got)
	}
}

// A window closes early when as much is due as a write takes at its price.
func TestFlushWindowClosesEarly(t *testing.T) {
	st, p := windowed(t)
	for p.taken == 0 {
		st.move(0, 1)
		st.round()
		if st.shard.groups[p.m.group.key].log.head-p.m.cursor > 2*flushBytesMax {
			t.Fatal("nothing leaves before the beat")
		}
	}
	if p.taken < flushBytesMax || p.taken > flushBytesMax+4096 {
		t.Fatalf("%d bytes were flushed early", p.taken)
	}
	// The next window is its own.
	p.frames()
	before := p.taken
	st.move(0, 1)
	st.round()
	if p.taken != before {
		t.Fatal("a frame left at once")
	}
	st.wait(100e6)
	if n := len(texts(p.frames(), `"stream":"bbo.S0"`)); n != 1 {
		t.Fatalf("%d frames in the next window", n)
	}
}
