package marketsim

import (
	"errors"
	"math"
	"testing"

	"tickcast/wire"
)

// TestDay holds correlations on three hours; Measure takes a day.
func TestDay(t *testing.T) {
	d, err := measureDay(Config{Preset: PresetSmallTick, Seed: 1}, 3*hourNanos)
	if err != nil {
		t.Fatal(err)
	}
	if got := d.normality(); got.Values[0].Got < got.Values[2].Got {
		t.Errorf("kurtosis grew with the interval: %v", got)
	}
	same := correlation(returns(d.mids[0], 60), returns(d.mids[5], 60))
	other := correlation(returns(d.mids[0], 60), returns(d.mids[1], 60))
	near(t, "correlation of two coins", same, d.sim.Correlation(0, 5), 0.25)
	near(t, "correlation of a coin and a platform", other, d.sim.Correlation(0, 1), 0.25)
	for i := range 3 {
		got := d.hourly[i] / d.hourly[0] * float64(hours[0]+hours[1]) / float64(hours[i]+hours[i+1])
		near(t, "activity of an hour", got, 1, 0.1)
	}
}

func TestMetaorderImpact(t *testing.T) {
	got, err := impactExponent(Config{Preset: PresetSmallTick, Seed: 2}, 40)
	if err != nil {
		t.Fatal(err)
	}
	near(t, "impact exponent", got, 0.55, 0.25)
}

func TestMetaordersChangeNothingBefore(t *testing.T) {
	order := Metaorder{Side: wire.Buy, Start: 10e9, Interval: 1e8, Children: 5}
	without, _ := tape(t, Config{Symbols: 2}, 10e9-1)
	with, _ := tape(t, Config{Symbols: 2, Metaorders: []Metaorder{order}}, 10e9-1)
	if with != without {
		t.Error("a metaorder changed the tape before it began")
	}
	_, without2 := tape(t, Config{Symbols: 2}, 20e9)
	_, with2 := tape(t, Config{Symbols: 2, Metaorders: []Metaorder{order}}, 20e9)
	if with2[0] == without2[0] || with2[1] != without2[1] {
		t.Error("a metaorder must change its own symbol's tape and no other")
	}
}

func TestMetaordersRefused(t *testing.T) {
	ok := Metaorder{Side: wire.Buy, Start: 1e9, Interval: 1e9, Children: 3}
	for name, orders := range map[string][]Metaorder{
		"instrument": {{Instrument: 10, Side: wire.Buy, Start: 1, Interval: 1, Children: 1}},
		"side":       {{Start: 1, Interval: 1, Children: 1}},
		"children":   {{Side: wire.Sell, Start: 1, Interval: 1}},
		"overlap":    {ok, ok},
	} {
		if _, err := New(Config{Metaorders: orders}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v; want ErrConfig", name, err)
		}
	}
}

func TestActivityCurve(t *testing.T) {
	last := activityAt(0)
	near(t, "at the session's start", float64(last)/65536, 1, 1e-4)
	for at := int64(0); at < 2*dayNanos; at += 60e9 {
		now := activityAt(at)
		if math.Abs(float64(now)-float64(last)) > 200 {
			t.Fatalf("at %d: the curve jumps from %d to %d", at, last, now)
		}
		last = now
	}
	near(t, "at half past twelve", float64(activityAt(12*hourNanos+hourNanos/2))/65536, 1.195, 1e-3)
}
