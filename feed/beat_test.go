package feed

import (
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"tickcast/wire"
)

// The goroutine of Shards lets each rate publish at its beats, whole multiples
// of its period in wall time, also of tiers that are made while it sleeps.
func TestBeatsComeInWallTime(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		st := newStage(t, 1)
		s := &Shards{hub: st.hub, stop: make(chan struct{})}
		now := func() int64 { return time.Now().UnixNano() }
		var wg sync.WaitGroup
		wg.Go(func() { s.beat(now) })
		defer wg.Wait()
		defer close(s.stop)
		time.Sleep(3*time.Second + 7*time.Millisecond)
		st.now = now()
		e := st.listen(0, wire.NewSlot(wire.ChannelBBO, wire.Rate20ms), wire.NewSlot(wire.ChannelBook, wire.Rate100ms), wire.NewSlot(wire.ChannelDepth5, wire.Rate1s))
		for range 3000 { // changes every millisecond, for 3 s
			st.now = now()
			st.move(0, 1)
			time.Sleep(time.Millisecond)
		}
		synctest.Wait()
		for name, want := range map[string]int{"bbo.S0.20ms": 150, "book.S0.100ms": 30, "depth5.S0.1s": 3} {
			frames := e.take(name)
			if n := len(frames); n != want {
				t.Errorf("%d frames of %s in 3 s; want %d", n, name, want)
			}
			period := slotOf(name).Rate().Period() / 1000
			for i, f := range frames {
				if f.TP%period != 0 || i > 0 && f.TP-frames[i-1].TP != period {
					t.Fatalf("frame %d of %s was published at %d", i, name, f.TP)
				}
			}
		}
	})
}

// Without tiers nothing wakes it but the sweep of what nobody watches.
func TestBeatSleepsWithoutTiers(t *testing.T) {
	st := newStage(t, 1)
	if next := st.hub.Beat(st.now); next != st.now+beatNanosMax {
		t.Fatalf("due in %d ns without tiers", next-st.now)
	}
	st.listen(0, wire.NewSlot(wire.ChannelDepth5, wire.RateEvery))
	if next := st.hub.Beat(st.now); next != st.now+sweepNanos {
		t.Fatalf("due in %d ns with a depth stream", next-st.now)
	}
	st.listen(0, wire.NewSlot(wire.ChannelBBO, wire.Rate20ms))
	if next := st.hub.Beat(st.now); next != st.now+20e6 {
		t.Fatalf("due in %d ns with a tier of 20 ms", next-st.now)
	}
}
