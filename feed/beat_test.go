package feed

import (
	"strings"
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
		e := st.newEar()
		now := func() int64 { return time.Now().UnixNano() }
		s := &Shards{hub: st.hub, now: now, stop: make(chan struct{})}
		var wg sync.WaitGroup
		wg.Go(s.beat)
		defer wg.Wait()
		defer close(s.stop)
		time.Sleep(3*time.Second + 7500*time.Microsecond) // no change comes at a beat
		st.now = now()
		e.attach(st.now, 0, wire.NewSlot(wire.ChannelBBO, wire.Rate20ms), wire.NewSlot(wire.ChannelBook, wire.Rate100ms), wire.NewSlot(wire.ChannelDepth5, wire.Rate1s))
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

// wakes counts the turns of a beat.
type wakes struct{ ear }

func (w *wakes) Packet(Packet, []byte) {}
func (w *wakes) Wake()                 { w.order = append(w.order, "turn") }

// A beat of busy books takes more turns of the mutex, and what was busier
// still is shown whole.
func TestBeatIsBoundedWork(t *testing.T) {
	const symbols = 8
	st := newStage(t, symbols)
	for i := range symbols {
		st.deepen(i, 3)
	}
	p := st.open(Options{}, unlimited)
	p.subscribe("book.*.1s")
	for i := range symbols {
		st.move(i, beatTxnsMax/2)
	}
	w := &wakes{}
	st.hub.addInbox(w)
	st.now += 1e9
	st.hub.Beat(st.now)
	if n := len(w.order); n < symbols/2 {
		t.Fatalf("%d turns to merge %d times %d transactions", n, symbols, beatTxnsMax/2)
	}
	st.rounds()
	if got := texts(p.frames(), `"type":"delta"`); len(got) != symbols {
		t.Fatalf("%d deltas", len(got))
	}
	st.move(0, mergeTxnsMax+1)
	st.move(1, mergeTxnsMax)
	st.now += 1e9
	st.hub.Beat(st.now)
	st.rounds()
	frames := p.frames()
	for name, kind := range map[string]string{"book.S0.1s": "snapshot", "book.S1.1s": "delta"} {
		if got := texts(frames, `"stream":"`+name+`"`); len(got) != 1 || !strings.Contains(got[0], `"type":"`+kind+`"`) {
			t.Fatalf("%s is shown by %.200v; want a %s", name, got, kind)
		}
	}
}
