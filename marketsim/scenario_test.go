//go:build !race

package marketsim

// The tests of this file run markets for minutes, each in one goroutine, which
// cannot race; the race detector would make them ten times as long.

import (
	"errors"
	"math"
	"testing"

	"tickcast/orderbook"
	"tickcast/wire"
)

// watched is what a scenario did to the first symbol.
type watched struct {
	t    *testing.T
	sim  *Sim
	book *orderbook.Book // rebuilt from the events

	events    []int64   // times
	trades    []int64   // times
	states    []moment  // changes of state
	mids      []float64 // at the end of each second, while both sides are there
	prices    []float64 // of trades
	uncrosses int
}

type moment struct {
	at    int64
	state wire.State
}

// watch runs the first symbol with a timeline and checks what must hold in all
// of them: the events rebuild the book, nothing is rejected, nothing trades in
// a stopped market but in its uncross, and the book of a trading one is not
// crossed.
func watch(t *testing.T, until int64, timeline ...Cue) *watched {
	t.Helper()
	return watchConfig(t, Config{Seed: 2, Symbols: 1, Timeline: timeline}, until)
}

func watchConfig(t *testing.T, cfg Config, until int64) *watched {
	t.Helper()
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	w := &watched{t: t, sim: newSim(t, cfg), book: book}
	state := wire.StateTrading
	var b wire.Batch
	for now := int64(0); now <= until; now += secondNanos {
		b.Reset()
		w.sim.Step(&b, now, math.MaxInt)
		for i, txn := range b.Txns {
			state = w.transaction(txn.Time, b.EventsOf(i), state)
		}
		top := book.Top()
		if top.Bid.Qty == 0 || top.Ask.Qty == 0 || state != wire.StateTrading {
			w.mids = append(w.mids, math.NaN())
			continue
		}
		w.mids = append(w.mids, float64(top.Bid.Price+top.Ask.Price)/2)
	}
	return w
}

func (w *watched) transaction(at int64, events []wire.Event, state wire.State) wire.State {
	w.t.Helper()
	before := state
	if at > 0 {
		w.events = append(w.events, at)
	}
	for i := range events {
		e := &events[i]
		switch e.Kind {
		case wire.EventRejected:
			w.t.Fatalf("at %d in state %s: rejected %+v", at, state, e)
		case wire.EventStateSet:
			state = e.State
			w.states = append(w.states, moment{at, state})
		case wire.EventUncross:
			w.uncrosses++
		case wire.EventTrade:
			if state != wire.StateTrading && state != wire.StateClosed || before == wire.StateClosed {
				w.t.Fatalf("at %d: a trade in state %s", at, state)
			}
			w.trades = append(w.trades, at)
			w.prices = append(w.prices, float64(e.Price))
		}
		if err := w.book.Apply(e); err != nil {
			w.t.Fatalf("at %d: %v", at, err)
		}
	}
	if top := w.book.Top(); state == wire.StateTrading && top.Bid.Qty > 0 && top.Ask.Qty > 0 && top.Bid.Price >= top.Ask.Price {
		w.t.Fatalf("at %d: crossed: %+v", at, top)
	}
	if len(w.events) > 1 && w.events[len(w.events)-2] > at {
		w.t.Fatalf("at %d: the tape goes back in time", at)
	}
	return state
}

// between counts times in [from, to).
func between(times []int64, from, to int64) int {
	n := 0
	for _, at := range times {
		if at >= from && at < to {
			n++
		}
	}
	return n
}

// rate compares the events in [from, to) with those of the same market without
// a timeline.
func (w *watched) rate(from, to int64) float64 {
	w.t.Helper()
	plain := watch(w.t, to)
	return float64(between(w.events, from, to)) / float64(between(plain.events, from, to))
}

func inRange(t *testing.T, what string, got, low, high float64) {
	t.Helper()
	if !(got >= low && got <= high) {
		t.Errorf("%s: got %.4g; want %g to %g", what, got, low, high)
	}
}

// deviation of the returns over a second in [from, to) seconds.
func (w *watched) deviation(from, to int) float64 {
	m := momentsOf(returns(w.mids[from:to], 1))
	return math.Sqrt(m.variance())
}

func TestCalm(t *testing.T) {
	w := watch(t, 10*minuteNanos, Cue{Scenario: ScenarioCalm})
	plain := watch(t, 10*minuteNanos)
	inRange(t, "rate", w.rate(2*minuteNanos, 10*minuteNanos), 0.4, 0.65)
	inRange(t, "volatility", w.deviation(60, 600)/plain.deviation(60, 600), 0.1, 0.7)
}

func TestNormal(t *testing.T) {
	w := watch(t, 20*minuteNanos, Cue{Scenario: ScenarioBusy}, Cue{At: 2 * minuteNanos, Scenario: ScenarioNormal})
	inRange(t, "rate after a busy time", w.rate(12*minuteNanos, 20*minuteNanos), 0.6, 1.5)
}

func TestBusy(t *testing.T) {
	w := watch(t, 10*minuteNanos, Cue{At: minuteNanos, Scenario: ScenarioBusy, Duration: 5 * minuteNanos})
	inRange(t, "rate before", w.rate(0, minuteNanos), 1, 1)
	inRange(t, "rate", w.rate(2*minuteNanos, 6*minuteNanos), 2.2, 4.5)
	plain := watch(t, 6*minuteNanos)
	inRange(t, "trades", float64(between(w.trades, minuteNanos, 6*minuteNanos))/float64(between(plain.trades, minuteNanos, 6*minuteNanos)), 2, 7)
}

func TestIlliquid(t *testing.T) {
	w := watch(t, 15*minuteNanos, Cue{Scenario: ScenarioIlliquid})
	inRange(t, "rate", w.rate(5*minuteNanos, 15*minuteNanos), 0.2, 0.4)
	f := &w.sim.flows[0]
	inRange(t, "orders", float64(f.book.Orders()), 60, 220)
	top := w.book.Top()
	inRange(t, "spread", float64(top.Ask.Price-top.Bid.Price)/float64(f.tick)/(float64(f.spread)/65536), 1.5, 6)
}

func TestTrend(t *testing.T) {
	for _, size := range []int{30, -30} {
		w := watch(t, 7*minuteNanos, Cue{At: minuteNanos, Scenario: ScenarioTrend, Size: size})
		plain := watch(t, 7*minuteNanos)
		moved := w.mids[400]/w.mids[60] - plain.mids[400]/plain.mids[60]
		inRange(t, "trend", moved*1000/float64(size), 0.7, 1.3)
	}
}

func TestNews(t *testing.T) {
	w := watch(t, 5*minuteNanos, Cue{At: minuteNanos, Scenario: ScenarioNews, Size: 10})
	inRange(t, "jump within 5 s", w.mids[65]/w.mids[59]-1, 0.006, 0.014)
	inRange(t, "rate", w.rate(minuteNanos, 2*minuteNanos), 2.5, 8)
}

func TestFlashCrash(t *testing.T) {
	w := watch(t, 10*minuteNanos, Cue{At: minuteNanos, Scenario: ScenarioFlashCrash})
	before, low := w.mids[59], math.Inf(1)
	for _, mid := range w.mids[60:240] {
		low = min(low, mid)
	}
	inRange(t, "fall", 1-low/before, 0.07, 0.11)
	inRange(t, "after the recovery", w.mids[480]/before, 0.97, 1.03)
	if len(w.states) > 0 {
		t.Errorf("got states %v; want none", w.states)
	}
}

func wantStates(t *testing.T, w *watched, want ...moment) {
	t.Helper()
	if len(w.states) != len(want) {
		t.Fatalf("got states %v; want %v", w.states, want)
	}
	for i := range want {
		if w.states[i] != want[i] {
			t.Errorf("state %d: got %v; want %v", i, w.states[i], want[i])
		}
	}
}

func TestHalt(t *testing.T) {
	const at, end = 30 * secondNanos, 90 * secondNanos
	w := watch(t, 5*minuteNanos, Cue{At: at, Scenario: ScenarioHalt})
	wantStates(t, w, moment{at, wire.StateHalt}, moment{end, wire.StateAuction}, moment{end + auctionNanos, wire.StateTrading})
	if n := between(w.trades, at, end+auctionNanos); n != 0 {
		t.Errorf("got %d trades in the halt", n)
	}
	if w.uncrosses != 1 || between(w.trades, end+auctionNanos, end+auctionNanos+1) == 0 {
		t.Errorf("got %d uncrosses and no trades at the end of the auction", w.uncrosses)
	}
	if between(w.trades, end+auctionNanos+1, 5*minuteNanos) < 100 {
		t.Error("trading did not go on")
	}
}

func TestOpen(t *testing.T) {
	w := watch(t, 8*minuteNanos, Cue{Scenario: ScenarioOpen})
	wantStates(t, w, moment{0, wire.StateAuction}, moment{auctionNanos, wire.StateTrading})
	if w.uncrosses != 1 || w.trades[0] != auctionNanos {
		t.Errorf("got %d uncrosses, the first trade at %d", w.uncrosses, w.trades[0])
	}
	inRange(t, "rate after the open", w.rate(auctionNanos, 90*secondNanos), 2, 6)
}

func TestClose(t *testing.T) {
	const end = 5 * minuteNanos
	w := watch(t, 10*minuteNanos, Cue{Scenario: ScenarioClose})
	wantStates(t, w, moment{end, wire.StateAuction}, moment{end + auctionNanos, wire.StateClosed})
	if w.uncrosses != 1 || between(w.events, end+auctionNanos+1, math.MaxInt64) != 0 {
		t.Errorf("got %d uncrosses and events after the close", w.uncrosses)
	}
	inRange(t, "rate before the close", w.rate(4*minuteNanos, end), 2, 8)
	again := watch(t, 20*minuteNanos, Cue{Scenario: ScenarioClose}, Cue{At: 10 * minuteNanos, Scenario: ScenarioOpen})
	if between(again.trades, 11*minuteNanos, 20*minuteNanos) < 500 {
		t.Error("the next session does not trade")
	}
}

func TestLimitBand(t *testing.T) {
	for _, size := range []int{50, -50, 100} {
		w := watch(t, 25*minuteNanos, Cue{At: minuteNanos, Scenario: ScenarioLimitBand, Size: size})
		if len(w.states) < 3 || w.states[0].state != wire.StateHalt || w.states[2].state != wire.StateTrading {
			t.Errorf("%d: got states %v; want a pause and trading", size, w.states)
			continue
		}
		halted, resumed := w.states[0].at, w.states[2].at
		if resumed-halted != pauseNanos || halted < minuteNanos+limitNanos {
			t.Errorf("%d: got a pause from %d to %d", size, halted, resumed)
		}
		if n := between(w.trades, halted, resumed); n != 0 {
			t.Errorf("%d: got %d trades in the pause", size, n)
		}
		reference := w.mids[59]
		for i, at := range w.trades {
			if away := math.Abs(w.prices[i]/reference - 1); at > minuteNanos && at < halted && away > math.Abs(float64(size))/1000+0.002 {
				t.Fatalf("%d: a trade %.3f away from the reference", size, away)
			}
		}
		if between(w.trades, resumed+1, 25*minuteNanos) < 300 {
			t.Errorf("%d: trading did not go on", size)
		}
	}
}

func TestMicroburst(t *testing.T) {
	const at = 30 * secondNanos
	w := watch(t, minuteNanos, Cue{At: at, Scenario: ScenarioMicroburst})
	listed := 102.0 * 0.05
	inRange(t, "events in 50 ms, times the listed rate", float64(between(w.events, at, at+50e6))/listed, 170, 230)
	inRange(t, "rate after", w.rate(at+secondNanos, minuteNanos), 0.5, 2)
}

func TestQuoteStuffing(t *testing.T) {
	const at, end = 30 * secondNanos, 35 * secondNanos
	w := watch(t, minuteNanos, Cue{At: at, Scenario: ScenarioQuoteStuffing})
	plain := watch(t, minuteNanos)
	inRange(t, "messages, times the listed rate", float64(between(w.events, at, end))/(102*5), 40, 60)
	inRange(t, "more trades", float64(between(w.trades, at, end)-between(plain.trades, at, end)), -25, 25)
	inRange(t, "mid", w.mids[36]/w.mids[29], 0.998, 1.002)
}

// TestCuesChangeNothingBefore holds that a market is the same up to its cue, and
// that other symbols never notice.
func TestCuesChangeNothingBefore(t *testing.T) {
	const at = 10e9
	want, _ := tape(t, Config{Symbols: 3}, at-1)
	for s := ScenarioCalm; int(s) < len(scenarioNames); s++ {
		cfg := Config{Symbols: 3, Timeline: []Cue{{At: at, Scenario: s, Symbol: "ETHUSDT"}}}
		if got, _ := tape(t, cfg, at-1); got != want {
			t.Errorf("%s: the tape before differs", s)
		}
		_, plain := tape(t, Config{Symbols: 3}, 30e9)
		_, each := tape(t, cfg, 30e9)
		if each[0] != plain[0] || each[2] != plain[2] {
			t.Errorf("%s: another symbol changed", s)
		}
		if each[1] == plain[1] && s != ScenarioNormal {
			t.Errorf("%s: nothing happened", s)
		}
	}
}

func TestScenarioTapes(t *testing.T) {
	cfg := Config{Seed: 6, Symbols: 4, Preset: PresetLargeTick, Timeline: []Cue{
		{Scenario: ScenarioOpen},
		{At: 6 * minuteNanos, Scenario: ScenarioLimitBand},
		{At: 7 * minuteNanos, Scenario: ScenarioBusy},
		{At: 26 * minuteNanos, Scenario: ScenarioMicroburst},
	}}
	want, _ := tape(t, cfg, 27*minuteNanos)
	if got := parallelTape(t, cfg, 27*minuteNanos, 2); got != want {
		t.Errorf("got tape %s from two workers; want %s", got, want)
	}
}

// TestScenariosOfPresets runs every scenario on every preset for the checks of
// watch.
func TestScenariosOfPresets(t *testing.T) {
	for p := PresetCrypto; p <= PresetIlliquid; p++ {
		for s := ScenarioCalm; int(s) < len(scenarioNames); s++ {
			cfg := Config{Seed: 3, Symbols: 1, Preset: p, Timeline: []Cue{{At: 20e9, Scenario: s}}}
			if w := watchConfig(t, cfg, 8*minuteNanos); len(w.events) < 1000 {
				t.Errorf("%s, %s: got %d events", p, s, len(w.events))
			}
		}
	}
}

func TestTimelineRefused(t *testing.T) {
	for name, timeline := range map[string][]Cue{
		"no scenario":    {{At: 1}},
		"unknown symbol": {{At: 1, Scenario: ScenarioBusy, Symbol: "NOPE"}},
		"before time":    {{At: -1, Scenario: ScenarioBusy}},
		"too large":      {{Scenario: ScenarioTrend, Size: 200}},
		"no size":        {{Scenario: ScenarioHalt, Size: 2}},
		"overlap":        {{Scenario: ScenarioHalt}, {At: 80e9, Scenario: ScenarioNews}},
	} {
		if _, err := New(Config{Timeline: timeline}); !errors.Is(err, ErrConfig) {
			t.Errorf("%s: got %v; want ErrConfig", name, err)
		}
	}
	for s := ScenarioCalm; int(s) < len(scenarioNames); s++ {
		if got, err := ParseScenario(s.String()); err != nil || got != s {
			t.Errorf("%s: got %v, %v", s, got, err)
		}
	}
	if _, err := ParseScenario("invalid"); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v; want ErrConfig", err)
	}
}
