package marketsim

import (
	"math"
	"testing"

	"tickcast/wire"
)

// TestClosedForGood holds that a market which closes and does not open again has
// an end, whatever else its timeline asks for.
func TestClosedForGood(t *testing.T) {
	for _, symbols := range []int{1, 3} {
		cfg := Config{Symbols: symbols, Timeline: []Cue{
			{Scenario: ScenarioClose, Duration: 10 * secondNanos},
			{At: 20 * minuteNanos, Scenario: ScenarioBusy, Duration: minuteNanos},
		}}
		s := newSim(t, cfg)
		var b wire.Batch
		closed := 10*secondNanos + auctionNanos
		if reached := s.Step(&b, math.MaxInt64, math.MaxInt); reached != closed || s.Next() != math.MaxInt64 {
			t.Errorf("%d symbols: reached %d, next at %d; want an end at %d", symbols, reached, s.Next(), closed)
		}
		events := len(b.Events)
		if reached := s.Step(&b, math.MaxInt64, math.MaxInt); reached != closed || len(b.Events) != events {
			t.Errorf("%d symbols: reached %d after the end; want %d", symbols, reached, closed)
		}
		if reached := s.Step(&b, 30*minuteNanos, math.MaxInt); reached != 30*minuteNanos || len(b.Events) != events {
			t.Errorf("%d symbols: reached %d; want the time of a closed market to go on", symbols, reached)
		}
		want, _ := tape(t, cfg, 30*minuteNanos)
		for _, workers := range []int{1, 2, 3} {
			if got := parallelTape(t, cfg, math.MaxInt64, workers); got != want {
				t.Errorf("%d symbols, %d workers: got tape %s; want %s", symbols, workers, got, want)
			}
		}
	}
}
