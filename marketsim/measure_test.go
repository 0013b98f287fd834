package marketsim

import (
	"errors"
	"math"
	"testing"

	"tickcast/wire"
)

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
