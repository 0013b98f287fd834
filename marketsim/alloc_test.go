//go:build !race

package marketsim

import (
	"math"
	"testing"

	"tickcast/wire"
)

func TestStepDoesNotAllocate(t *testing.T) {
	for _, symbols := range []int{1, 10} {
		s := newSim(t, Config{Symbols: symbols})
		var b wire.Batch
		// Buffers and slabs grow to what a burst needs.
		for s.Next() < 300e9 {
			b.Reset()
			s.Step(&b, math.MaxInt64, 2000)
		}
		allocs := testing.AllocsPerRun(500, func() {
			b.Reset()
			s.Step(&b, math.MaxInt64, 100)
		})
		if allocs != 0 {
			t.Errorf("%d symbols: got %v allocations a step; want 0", symbols, allocs)
		}
	}
}

func TestLoadDoesNotAllocate(t *testing.T) {
	l := newLoad(t, 100)
	l.SetRate(0, 500_000)
	var b wire.Batch
	for range 10 {
		b.Reset()
		l.Step(&b, l.Next(), 1000)
	}
	if allocs := testing.AllocsPerRun(500, func() {
		b.Reset()
		l.Step(&b, l.Next(), 1000)
	}); allocs != 0 {
		t.Errorf("got %v allocations a step; want 0", allocs)
	}
}
