package feed

import "testing"

// Whoever is behind by what came a moment ago keeps it, although the log's
// oldest bytes are old because somebody does not read at all.
func TestFrozenMemberTakesNothingFromTheLate(t *testing.T) {
	st := newStage(t, 1)
	fast, late, frozen := st.open(Options{}, unlimited), st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	for _, p := range []*pipe{fast, late, frozen} {
		p.subscribe("book.S0", "trade.S0")
	}
	frozen.room = 0
	st.move(0, 1)
	st.round()
	st.wait(2 * logNanos)

	late.room, late.out = 0, nil
	st.move(0, 1000)
	st.round()
	if late.m.lost != nil {
		t.Error("what came this moment was taken from a member that is late")
	}
	if n := len(fast.m.group.log.buf); n <= logBytesLow {
		t.Errorf("a log of %d bytes; want one that has grown", n)
	}
	late.give(unlimited)
	st.rounds()
	if n := len(texts(late.frames(), `"type":"delta"`)); n != 1000 {
		t.Errorf("%d frames came to it; want 1000", n)
	}
	if frozen.m.lost == nil {
		t.Error("the frozen member keeps what is old")
	}
}
