package feed

import "testing"

// A shard is hot for a second after packets, however many answers it writes
// meanwhile, and for a moment after heartbeats and pings alone.
func TestHotAfterPackets(t *testing.T) {
	const end = stageBegin + int64(1e6)
	for name, c := range map[string]struct {
		packets, writes int
		want            int64
	}{
		"nothing":    {0, 0, 0},
		"pings":      {0, 1000, end + answerNanos},
		"packets":    {1, 0, stageBegin + hotNanos},
		"a tick":     {1, 1000, stageBegin + hotNanos},
		"many ticks": {100, 1000, stageBegin + hotNanos},
	} {
		var p pacing
		p.round(stageBegin, end, c.packets, c.writes)
		if !p.hot(c.want-1) && c.want > 0 || p.hot(max(c.want, stageBegin)) {
			t.Errorf("%s: hot until %d; want %d", name, p.hotUntil, c.want)
		}
		p.round(stageBegin+1, end+1, 0, 1)
		if c.packets > 0 && !p.hot(c.want-1) {
			t.Errorf("%s, then an answer: hot until %d only", name, p.hotUntil)
		}
	}
}
