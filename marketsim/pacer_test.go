package marketsim

import (
	"errors"
	"math"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

const second = int64(1e9)

func newPacer(t *testing.T, wall int64, speed float64) *Pacer {
	t.Helper()
	p, err := NewPacer(wall, speed)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

func wantDue(t *testing.T, p *Pacer, wall, want int64) {
	t.Helper()
	if got := p.Due(wall); got != want {
		t.Errorf("due at %d: got %d; want %d", wall, got, want)
	}
}

func wantClock(t *testing.T, p *Pacer, want Clock) {
	t.Helper()
	if diff := cmp.Diff(want, p.Clock()); diff != "" {
		t.Errorf("clock (-want +got):\n%s", diff)
	}
}

func TestPacer(t *testing.T) {
	const w = 1_000 * int64(1e9)
	p := newPacer(t, w, 1)
	wantDue(t, p, w-5, 0)
	wantDue(t, p, w, 0)
	wantDue(t, p, w+7, 7)
	if got := p.WallAt(7); got != w+7 {
		t.Errorf("got wall %d; want %d", got, w+7)
	}
	wantClock(t, p, Clock{Base: w, Speed: 1, Market: w, Wall: w})

	if err := p.SetSpeed(w+10*second, 2.5); err != nil {
		t.Fatal(err)
	}
	wantDue(t, p, w+12*second, 15*second)
	wantClock(t, p, Clock{Base: w, Speed: 2.5, Market: w + 10*second, Wall: w + 10*second})

	p.Pause(w + 12*second)
	wantDue(t, p, w+99*second, 15*second)
	if got := p.WallAt(15*second + 1); got != math.MaxInt64 {
		t.Errorf("paused: got wall %d; want never", got)
	}
	p.Step(w+13*second, second)
	wantDue(t, p, w+13*second, 16*second)
	wantClock(t, p, Clock{Base: w, Speed: 0, Market: w + 16*second, Wall: w + 13*second})
	p.Resume(w + 20*second)
	wantDue(t, p, w+22*second, 21*second)
	p.Step(w+22*second, second) // not paused
	wantDue(t, p, w+22*second, 21*second)
}

func TestPacerSlip(t *testing.T) {
	p := newPacer(t, 0, 2)
	if p.Slip(second, 2*second) {
		t.Error("slipped though on time")
	}
	if !p.Slip(3*second, 5*second) {
		t.Error("did not slip though late")
	}
	wantDue(t, p, 3*second, 5*second)
	wantDue(t, p, 4*second, 7*second)
	if got := p.Slipped(); got != second {
		t.Errorf("got %d slipped; want 1 s", got)
	}
	wantClock(t, p, Clock{Speed: 2, Market: 5 * second, Wall: 3 * second})
}

func TestPacerAsFastAsPossible(t *testing.T) {
	p := newPacer(t, 100, SpeedMax())
	wantDue(t, p, 101, math.MaxInt64)
	if got := p.WallAt(1 << 60); got != 100 {
		t.Errorf("got wall %d; want at once", got)
	}
	p.Slip(200, 5*second)
	if err := p.SetSpeed(300, 1); err != nil {
		t.Fatal(err)
	}
	wantDue(t, p, 400, 5*second+100)
	if got := p.Slipped(); got != 0 {
		t.Errorf("got %d slipped; want 0", got)
	}
}

// TestPacerNever holds that what is not due within the range of wall times is due
// at its end, found at once, and that what is due in centuries is.
func TestPacerNever(t *testing.T) {
	const base = 1_800_000_000 * second
	for _, c := range []struct {
		speed  float64
		market int64
		never  bool
	}{
		{0.5, math.MaxInt64, true},
		{1, math.MaxInt64, true},
		{2, math.MaxInt64, true},
		{1e6, math.MaxInt64, true},
		{1e-15, 1, false},
		{1e-15, 60 * second, true},
		{math.SmallestNonzeroFloat64, 1, true},
		{1e-9, 60 * second, true},
		{0.75, math.MaxInt64/2 + 1, false},
		{2, math.MaxInt64 - 1, false},
		{1e6, math.MaxInt64 - 1, false},
	} {
		p := newPacer(t, base, c.speed)
		got := make(chan int64, 1)
		go func() { got <- p.WallAt(c.market) }()
		select {
		case wall := <-got:
			if never := wall == math.MaxInt64; never != c.never || !never && p.Due(wall) < c.market {
				t.Errorf("%d at speed %g: got wall %d; want never: %t", c.market, c.speed, wall, c.never)
			}
		case <-time.After(20 * time.Second):
			t.Fatalf("%d at speed %g: no answer", c.market, c.speed)
		}
	}
}

func TestPacerRefuses(t *testing.T) {
	for _, speed := range []float64{0, -1, math.NaN(), math.Inf(-1), 2 * SpeedLimit} {
		if _, err := NewPacer(0, speed); !errors.Is(err, ErrSpeed) {
			t.Errorf("speed %g: got %v; want ErrSpeed", speed, err)
		}
	}
}

// TestPacerInverse holds that WallAt is the first instant at which a market
// time is due, at any speed and anchor.
func TestPacerInverse(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		speed := rapid.Float64Range(0.1, 1000).Draw(t, "speed")
		base := rapid.Int64Range(0, 2e18).Draw(t, "base")
		p, err := NewPacer(base, speed)
		if err != nil {
			t.Fatal(err)
		}
		p.Slip(base+rapid.Int64Range(0, 1e15).Draw(t, "elapsed"), rapid.Int64Range(0, 1e12).Draw(t, "reached"))
		market := p.Due(p.wall) + rapid.Int64Range(1, 8e13).Draw(t, "ahead") // floats are exact for 100 days
		wall := p.WallAt(market)
		if p.Due(wall) < market {
			t.Fatalf("not due at %d: %d of %d", wall, p.Due(wall), market)
		}
		if p.Due(wall-2) >= market {
			t.Fatalf("already due before %d", wall)
		}
	})
}
