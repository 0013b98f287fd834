package feed

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"tickcast/wire"
)

// tick is an execution of the tape.
type tick struct {
	at    int64 // market time, ns since the epoch
	price wire.Price
	qty   wire.Qty
}

// summary is what a candle or a ticker says of some ticks.
type summary struct {
	Open, High, Low, Close, Volume, Quote int64
	Trades                                uint64
	Begin, TS                             int64 // µs
	Closed                                bool
}

// summarize adds ticks up; without any all prices are last.
func summarize(ticks []tick, last wire.Price) summary {
	s := summary{Open: int64(last), High: int64(last), Low: int64(last), Close: int64(last)}
	for i, k := range ticks {
		p := int64(k.price)
		if i == 0 {
			s.Open, s.High, s.Low = p, p, p
		}
		s.High, s.Low, s.Close = max(s.High, p), min(s.Low, p), p
		s.Volume += int64(k.qty)
		s.Quote += p * int64(k.qty)
		s.Trades++
	}
	return s
}

// between returns the ticks in [from, to), and the price before them.
func between(tape []tick, from, to int64) (ticks []tick, last wire.Price) {
	for _, k := range tape {
		switch {
		case k.at < from:
			last = k.price
		case k.at < to:
			ticks = append(ticks, k)
		}
	}
	return ticks, last
}

// tapeTeller plays executions at random times, and writes down what candles
// and ticker should publish: each frame anew from the whole tape.
type tapeTeller struct {
	st     *stage
	tape   []tick
	closed [wire.CandleCount]int64 // up to where candles were closed
	want   map[string][]summary
}

// advance notes what is due up to market time ts.
func (tt *tapeTeller) advance(ts int64) {
	if len(tt.tape) == 0 {
		return
	}
	for i := range tt.closed {
		c := wire.ChannelCandle1s + wire.Channel(i)
		interval := c.Interval()
		if tt.closed[i] == 0 {
			tt.closed[i] = tt.tape[0].at / interval * interval
		}
		for ; tt.closed[i]+interval <= ts; tt.closed[i] += interval {
			s := summarize(between(tt.tape, tt.closed[i], tt.closed[i]+interval))
			s.Begin, s.TS, s.Closed = tt.closed[i]/1000, (tt.closed[i]+interval)/1000, true
			tt.want[c.String()+".S0"] = append(tt.want[c.String()+".S0"], s)
		}
	}
	var leaves []int64 // when buckets leave the window
	for _, k := range tt.tape {
		leaves = append(leaves, k.at/60e9*60e9+24*3600e9+60e9)
	}
	leaves = slices.Compact(leaves)
	for _, at := range leaves {
		if at > tt.st.now && at <= ts {
			tt.ticker(at)
		}
	}
}

// ticker notes the ticker at market time ts: of the last 1,440 whole minutes
// and what has passed of the running one.
func (tt *tapeTeller) ticker(ts int64) {
	ticks, last := between(tt.tape, ts/60e9*60e9-24*3600e9, ts+1)
	s := summarize(ticks, last)
	s.TS = ts / 1000
	tt.want["ticker.S0"] = append(tt.want["ticker.S0"], s)
}

// trade lets executions happen at market time ts, in one transaction.
func (tt *tapeTeller) trade(ts int64, ticks ...tick) {
	st := tt.st
	tt.advance(ts)
	for _, k := range ticks {
		k.at = ts
		tt.tape = append(tt.tape, k)
		st.batch.Events = append(st.batch.Events, wire.Event{
			Kind: wire.EventTrade, Trade: uint64(len(tt.tape)), Price: k.price, Qty: k.qty, Side: wire.Buy,
		})
	}
	for i := range tt.closed {
		c := wire.ChannelCandle1s + wire.Channel(i)
		begin := ts / c.Interval() * c.Interval()
		s := summarize(between(tt.tape, begin, ts+1))
		s.Begin, s.TS = begin/1000, ts/1000
		tt.want[c.String()+".S0"] = append(tt.want[c.String()+".S0"], s)
	}
	tt.ticker(ts)
	st.now = ts
	st.batch.Commit(0, ts-stageBegin)
	st.publish()
}

func summaryOf(f *clientFrame) summary {
	last := f.Close
	if f.Last != "" {
		last = f.Last
	}
	return summary{
		Open: units(f.Open), High: units(f.High), Low: units(f.Low), Close: units(last),
		Volume: units(f.Volume), Quote: units(f.QuoteVolume), Trades: f.Trades, Begin: f.OpenTime, TS: f.TS, Closed: f.Closed,
	}
}

// Candles and ticker are what anybody can compute from the tape of trades,
// frame by frame, however market time runs.
func TestCandlesAndTickerEqualTheTape(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		tt := &tapeTeller{st: newStage(test, 1), want: map[string][]summary{}}
		e := tt.st.listen(0)
		for range rapid.IntRange(1, 40).Draw(t, "steps") {
			ts := tt.st.now + rapid.OneOf(
				rapid.Int64Range(0, 300e6), rapid.Int64Range(0, 100e9), rapid.Just(int64(1e9)), rapid.Just(int64(0)),
			).Draw(t, "later")
			if rapid.IntRange(0, 40).Draw(t, "day") == 40 { // the short intervals are skipped then
				ts += rapid.Int64Range(23*3600e9, 25*3600e9).Draw(t, "hours")
			}
			if rapid.Bool().Draw(t, "advance") {
				tt.advance(ts)
				tt.st.now = ts
				tt.st.hub.Advance(ts-stageBegin, ts)
				continue
			}
			var ticks []tick
			for range rapid.IntRange(1, 3).Draw(t, "trades") {
				ticks = append(ticks, tick{
					price: wire.Price(rapid.IntRange(990, 1010).Draw(t, "price")), qty: wire.Qty(rapid.IntRange(1, 500).Draw(t, "qty")),
				})
			}
			tt.trade(ts, ticks...)
		}
		for name, want := range tt.want {
			got, next := []summary(nil), uint64(1)
			frames := e.take(name)
			for i := range frames {
				for ; next < frames[i].Seq; next++ { // announced below
					got = append(got, summary{})
				}
				got = append(got, summaryOf(&frames[i]))
				next++
			}
			for i := range got {
				if got[i] == (summary{}) && i < len(want) && want[i].Trades == 0 && e.shed[name] > 0 {
					got[i] = want[i]
					e.shed[name]--
				}
			}
			if !slices.Equal(want, got) || e.shed[name] != 0 {
				t.Fatalf("%s, %d frames too many announced (-want +got):\n%s", name, e.shed[name], cmp.Diff(want, got))
			}
		}
	})
}

// A market that leaps costs bounded work, in bounded turns; who watches is
// told how many candles were left out, and gets the last ones.
func TestLeapCostsBoundedWork(t *testing.T) {
	st := newStage(t, 1)
	e := st.listen(0)
	p := st.open(Options{}, unlimited)
	p.subscribe("candle1s.S0", "ticker.S0")
	st.move(0, 2)
	st.rounds()
	p.frames()
	const days = 30
	st.now += days * 86400e9
	s, turns := st.hub.symbols[0], 0
	begin := st.hub.stats.Frames
	for done := false; !done; turns++ {
		before := e.total()
		done = st.hub.caughtUp(s, st.now, st.now)
		if n := e.total() - before; n > dueFramesMax {
			t.Fatalf("%d frames in a turn", n)
		}
	}
	if n := e.total(); n > 6*(candlesMax+2)+tickerFramesMax {
		t.Fatalf("%d frames in %d turns", n, turns)
	}
	if n := st.hub.stats.Frames - begin; n < days*86400 {
		t.Fatalf("%d frames are numbered; the candles of a second alone are %d", n, days*86400)
	}
	st.rounds()
	frames := p.frames()
	candles := texts(frames, `"stream":"candle1s.S0"`)
	if missed := conflatedIn(t, frames); missed != s.seq(slotCandle1s)-1-uint64(len(candles)) || missed < days*86400-2*candlesMax {
		t.Fatalf("%d candles came, %d are announced as left out; %d were numbered", len(candles), missed, s.seq(slotCandle1s))
	}
}

var slotCandle1s = wire.NewSlot(wire.ChannelCandle1s, wire.RateEvery)

// tickerFramesMax is what a leap may cost of a ticker with a bucket or two.
const tickerFramesMax = 4

func (e *ear) total() int { return len(e.order) }

// A transaction that comes after a leap finds the candles before it closed.
func TestTradeAfterALeap(t *testing.T) {
	st := newStage(t, 1)
	e := st.listen(0, slotCandle1s)
	st.move(0, 2)
	st.now += 400e9
	st.move(0, 2)
	frames := e.take("candle1s.S0")
	if len(frames) != 402 || frames[1].CloseTime != frames[2].OpenTime || !frames[400].Closed || frames[401].Closed || frames[401].Trades != 1 {
		t.Fatalf("%d frames, the last %+v", len(frames), frames[len(frames)-1])
	}
}
