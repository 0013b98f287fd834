package feed

import (
	"testing"

	"tickcast/wire"
)

// A closing handshake waits for its client, but not beyond the drain.
func TestClosingEndsWithTheDrain(t *testing.T) {
	for _, c := range []struct{ drain, want int64 }{
		{0, closeNanos},
		{closeNanos / 4, closeNanos / 4},
		{2 * closeNanos, closeNanos},
	} {
		st := newStage(t, 1)
		p := st.open(Options{}, 0) // it reads nothing
		if c.drain > 0 {
			st.shard.drained = st.now + c.drain
		}
		p.m.close(wire.CloseShutdown, "test")
		st.wait(c.want - 1e6)
		if p.closed {
			t.Fatalf("drain of %d ns: closed too early", c.drain)
		}
		st.wait(2e6)
		if !p.closed || p.end.Code != wire.CloseShutdown {
			t.Fatalf("drain of %d ns: closed %v, %+v", c.drain, p.closed, p.end)
		}
	}
}
