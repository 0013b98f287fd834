package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickcast/wire"
)

func directoryOf(symbols ...string) *directory {
	var d *directory
	for i, s := range symbols {
		in := wire.MustInstrument(s, "X", "Y", "0.5", "0.01")
		d = newDirectory(d, []*listing{newListing(uint32(i), in)})
	}
	return d
}

func TestDirectoryNear(t *testing.T) {
	d := directoryOf("BTCUSDT", "BTCEUR", "ETHUSDT", "ETHBTC", "SOLUSDT", "B")
	for in, want := range map[string]string{
		"BTC":      "BTCUSDT BTCEUR B",
		"BTCUSD":   "BTCUSDT BTCEUR B",
		"BTCUSDTX": "BTCUSDT BTCEUR B",
		"ETHX":     "ETHUSDT ETHBTC",
		"S":        "SOLUSDT",
		"X":        "",
		"":         "",
		"A":        "",
		"ZZZ":      "",
	} {
		got := d.near(in)
		wanted := strings.Fields(want)
		slices.Sort(got)
		slices.Sort(wanted)
		if !slices.Equal(got, wanted) {
			t.Errorf("near %q: %v; want %v", in, got, wanted)
		}
	}
}

// The best of all symbols, by the prefix that they share.
func TestDirectoryNearEqualsASearch(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		symbol := rapid.StringMatching(`[AB]{1,5}`)
		symbols := rapid.SliceOfNDistinct(symbol, 1, 12, rapid.ID).Draw(t, "symbols")
		d, s := directoryOf(symbols...), symbol.Draw(t, "unknown")
		shared := func(a string) int {
			n := 0
			for n < min(len(a), len(s)) && a[n] == s[n] {
				n++
			}
			return n
		}
		var want, got []int
		for _, a := range symbols {
			if n := shared(a); n > 0 {
				want = append(want, n)
			}
		}
		slices.SortFunc(want, func(a, b int) int { return b - a })
		for _, a := range d.near(s) {
			got = append(got, shared(a))
		}
		if want = want[:min(len(want), nearMax)]; !slices.Equal(got, want) {
			t.Fatalf("near %q in %v share %v; want %v", s, symbols, got, want)
		}
	})
}

func TestDirectoryMatch(t *testing.T) {
	d := directoryOf("BTCUSDT", "ETHUSDT", "ETHBTC")
	for in, want := range map[string]string{
		"bbo.BTCUSDT": "bbo.BTCUSDT",
		"bbo.BTC":     "",
		"bbo.*":       "bbo.BTCUSDT bbo.ETHUSDT bbo.ETHBTC",
		"trade.ETH*":  "trade.ETHUSDT trade.ETHBTC",
		"book.ETHB*":  "book.ETHBTC",
		"book.X*":     "",
	} {
		e, err := wire.ParseEntry(in)
		if err != nil {
			t.Fatal(err)
		}
		var got []string
		for _, id := range d.match(nil, &e) {
			got = append(got, string(d.name(nil, id)))
			if back, ok := d.stream(got[len(got)-1]); !ok || back != id {
				t.Errorf("%s is stream %v, %v; want %v", got[len(got)-1], back, ok, id)
			}
		}
		if !slices.Equal(got, strings.Fields(want)) {
			t.Errorf("%s: %v; want %s", in, got, want)
		}
	}
	for _, name := range []string{"bbo.*", "bbo.NO", "x.BTCUSDT", "bbo", ""} {
		if id, ok := d.stream(name); ok {
			t.Errorf("%q is stream %v", name, id)
		}
	}
}

// A listing extends patterns, those with a rate too, and says which.
func TestListingExtendsPatterns(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.say(`{"op":"subscribe","streams":["bbo.S*","book.*.100ms","depth5.S0","ticker.X*.1s"]}`)
	st.rounds()
	ack := p.frames()
	for _, entry := range []string{"bbo.S*", "book.*.100ms"} {
		if got := texts(ack, `"entry":"`+entry+`"`); len(got) != 1 {
			t.Fatalf("%d acknowledgements name %s: %v", len(got), entry, ack)
		}
	}
	st.list("S1")
	st.rounds()
	frames := p.frames()
	for name, entry := range map[string]string{"bbo.S1": "bbo.S*", "book.S1.100ms": "book.*.100ms"} {
		if got := texts(frames, `"stream":"`+name+`","cursor":"e:0","recovered":false,"entry":"`+entry+`"}],"by":"`+entry+`"}`); len(got) != 1 {
			t.Fatalf("%s is announced %d times: %v", name, len(got), frames)
		}
	}
	st.move(1, 2)
	st.hub.Beat(st.now + 100e6)
	st.rounds()
	if got := len(texts(p.frames(), `"stream":"book.S1.100ms","seq":1,`)); got != 1 {
		t.Fatalf("%d frames of the new symbol's tier", got)
	}
}

func TestTimersInOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var timers timers
		var want []int64
		g := &group{}
		for range rapid.IntRange(1, 100).Draw(t, "steps") {
			if rapid.Bool().Draw(t, "push") {
				at := rapid.Int64Range(0, 100).Draw(t, "at")
				want = append(want, at)
				timers.push(at, g)
				slices.Sort(want)
				continue
			}
			now := rapid.Int64Range(0, 100).Draw(t, "now")
			e, due := timers.pop(now)
			if due != (len(want) > 0 && want[0] <= now) || due && e.at != want[0] {
				t.Fatalf("pop(%d) = %d, %v of %v", now, e.at, due, want)
			}
			if due {
				want = want[1:]
			}
			if next, ok := timers.next(); ok != (len(want) > 0) || ok && next != want[0] {
				t.Fatalf("next is %d, %v of %v", next, ok, want)
			}
		}
	})
}

// PROTOCOL.md section 8: 50/s with a burst of 200; the excess is delayed up to
// 2 s, then refused.
func TestBudgetBurstThenRate(t *testing.T) {
	var b budget
	now := int64(1e18)
	for i := range requestsBurst {
		if b.spent(now) || !b.take(now, false) {
			t.Fatalf("message %d of the burst waits", i)
		}
	}
	if b.spent(now) || !b.take(now, false) || !b.spent(now) {
		t.Fatal("the first message beyond the burst is taken and the next waits")
	}
	// Somebody who sends at twice the rate is delayed to it, then refused.
	taken, refused, first := 0, 0, int64(0)
	for begin := now; now < begin+4e9; now += 1e6 {
		if b.spent(now) {
			continue
		}
		if b.take(now, false) {
			taken++
		} else {
			if first == 0 {
				first = now - begin
			}
			refused++
		}
	}
	if first < delayNanos || first > delayNanos+1e9 || refused == 0 {
		t.Fatalf("refused %d times, first after %d ms", refused, first/1e6)
	}
	if taken < 150 || taken > 200 {
		t.Fatalf("%d messages in 4 s", taken)
	}
	// A calm minute forgets it all.
	now += 60e9
	if !b.take(now, false) || b.refused != 0 || b.since != 0 {
		t.Fatalf("after a calm minute: %+v", b)
	}
}

func TestBudgetHoldsTheRate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b budget
		now, begin, taken := int64(1e18), int64(1e18), 0
		for range rapid.IntRange(1, 1000).Draw(t, "messages") {
			now += rapid.Int64Range(0, 30e6).Draw(t, "later")
			if b.spent(now) {
				continue
			}
			if b.take(now, false) {
				taken++
			}
			if most := requestsBurst + 1 + int((now-begin)*requestsPerSecond/1e9); taken > most {
				t.Fatalf("%d messages in %d ms", taken, (now-begin)/1e6)
			}
		}
	})
}

// A client that floods is delayed, refused and in the end closed; pings and
// pongs are free as long as they are few.
func TestFloodIsRefusedThenClosed(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	for range 1000 {
		p.send(wire.OpcodePing, "")
		p.send(wire.OpcodePong, "")
		p.frames()
		st.wait(2 * chatterNanos)
	}
	if p.m.dead || p.m.budget.at != 0 {
		t.Fatal("pings were charged for")
	}
	var frames []clientMessage
	for range 4000 {
		if p.m.dead || p.m.closing {
			break
		}
		for range 10 {
			if p.reading {
				p.say(`{"op":"ping"}`)
			}
		}
		st.wait(10e6)
		frames = append(frames, p.frames()...)
	}
	refused := len(texts(frames, string(wire.CodeLimitRate)))
	if p.m.end.Code != wire.CloseAbuse || refused < refusedMax || uint64(refused) > st.shard.stats.Refused {
		t.Fatalf("refused %d times, then %+v", refused, p.m.end)
	}
}

func TestGroupBeats(t *testing.T) {
	phases := map[int64]bool{}
	for i := range 100 {
		g := &group{key: fmt.Sprint("key", i)}
		for _, period := range []int64{20e6, 1e9, 15e9} {
			phase := g.phase(period)
			if phase < 0 || phase >= period {
				t.Fatalf("phase %d of %d", phase, period)
			}
			now := int64(1e18) + int64(i)*12345
			next := g.next(now, period)
			if next <= now || next > now+period || (next-phase)%period != 0 {
				t.Fatalf("after %d comes %d, phase %d of %d", now, next, phase, period)
			}
			if again := g.next(next, period); again != next+period {
				t.Fatalf("after %d comes %d", next, again)
			}
		}
		phases[g.phase(1e9)/1e7] = true
	}
	if len(phases) < 40 {
		t.Fatalf("100 groups beat in %d hundredths of a period", len(phases))
	}
}
