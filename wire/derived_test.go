package wire

import (
	"encoding/json"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func someDepth(c Channel) DepthFrame {
	book := someBook(c.Depth())
	return DepthFrame{Channel: c, Seq: 311, Upd: 90211, Bids: book.Bids, Asks: book.Asks, TS: someTime, TP: someTime}
}

// someCandle is of 14 executions at about 25,365.
func someCandle() CandleFrame {
	return CandleFrame{
		Channel: ChannelCandle1m, Seq: 871, OpenTime: 1_699_999_980_000_000_000,
		Open: 2536000, High: 2537010, Low: 2535190, Close: 2536520,
		Volume: SumOf(312000), QuoteVolume: SumOf(791_394_128_000), Trades: 14,
		TS: someTime, TP: someTime,
	}
}

func someTicker() TickerFrame {
	return TickerFrame{
		Seq: 40211, Last: 2536520, Open: 2490000, High: 2541105, Low: 2485550,
		Volume: SumOf(1_830_277_120), QuoteVolume: Product(2514870, 1_830_277_120), Trades: 96120,
		TS: someTime, TP: someTime,
	}
}

func TestGoldenDepth(t *testing.T) {
	e := NewEncoder(&btc)
	var lines [][]byte
	add := func(f DepthFrame) { lines = append(lines, e.AppendDepth(nil, JSON, &f)) }
	for _, c := range []Channel{ChannelDepth5, ChannelDepth10, ChannelDepth20} {
		add(someDepth(c))
	}
	short := someDepth(ChannelDepth5)
	for _, r := range []Rate{Rate20ms, Rate100ms, Rate1s} {
		short.Rate = r
		add(short)
	}
	short.Rate, short.Bids, short.Asks = RateEvery, short.Bids[:2], nil
	add(short)
	short.Bids = nil
	add(short)
	checkGolden(t, "json/depth", lines...)
}

func TestGoldenCandle(t *testing.T) {
	e := NewEncoder(&btc)
	var lines [][]byte
	add := func(f CandleFrame) {
		f.TP = f.TS + 1_000_000
		lines = append(lines, e.AppendCandle(nil, JSON, &f))
	}
	open := someCandle()
	add(open)
	closed := open
	closed.Seq, closed.Closed = 872, true
	closed.TS = open.OpenTime + open.Channel.Interval()
	add(closed)
	flat := closed
	flat.Seq, flat.OpenTime, flat.TS = 873, closed.TS, closed.TS+closed.Channel.Interval()
	flat.Open, flat.High, flat.Low = flat.Close, flat.Close, flat.Close
	flat.Volume, flat.QuoteVolume, flat.Trades = Sum{}, Sum{}, 0
	add(flat)
	for c := ChannelCandle1s; c <= ChannelCandle1d; c++ {
		each := closed
		each.Channel, each.OpenTime = c, closed.OpenTime-closed.OpenTime%c.Interval()
		each.TS = each.OpenTime + c.Interval()
		add(each)
	}
	open.Rate, open.Seq = Rate1s, 60
	add(open)
	checkGolden(t, "json/candle", lines...)
}

func TestGoldenTicker(t *testing.T) {
	e := NewEncoder(&btc)
	rise := someTicker()
	fall := rise
	fall.Seq, fall.Open, fall.High, fall.Rate = 61, 2549910, 2551000, Rate1s
	quiet := rise
	quiet.Open, quiet.High, quiet.Low = quiet.Last, quiet.Last, quiet.Last
	quiet.Volume, quiet.QuoteVolume, quiet.Trades = Sum{}, Sum{}, 0
	checkGolden(t, "json/ticker",
		e.AppendTicker(nil, JSON, &rise),
		e.AppendTicker(nil, JSON, &fall),
		e.AppendTicker(nil, JSON, &quiet))
}

func TestGoldenStatus(t *testing.T) {
	e := NewEncoder(&btc)
	var lines [][]byte
	add := func(s State, r Reason, indicative Level) {
		f := StatusFrame{Seq: uint64(len(lines) + 1), State: s, Reason: r, Indicative: indicative, TS: someTime, TP: someTime}
		lines = append(lines, e.AppendStatus(nil, JSON, &f))
	}
	crossing := Level{2535800, 91250}
	add(StatePreOpen, 0, Level{})
	add(StatePreOpen, 0, crossing)
	add(StateTrading, 0, crossing) // which is for collecting states only
	add(StateHalt, ReasonBand, Level{})
	add(StateAuction, 0, crossing)
	add(StateAuction, 0, Level{Price: 2535800})
	add(StateClosed, 0, Level{})
	checkGolden(t, "json/status", lines...)
}

// What frames of depth5 to status have beside the others, for encoding/json.
type derivedJSON struct {
	OpenTime    int64           `json:"open_time"`
	CloseTime   int64           `json:"close_time"`
	Last        string          `json:"last"`
	Open        string          `json:"open"`
	High        string          `json:"high"`
	Low         string          `json:"low"`
	Close       string          `json:"close"`
	Volume      string          `json:"volume"`
	QuoteVolume string          `json:"quote_volume"`
	VWAP        string          `json:"vwap"`
	Change      string          `json:"change"`
	ChangePct   string          `json:"change_pct"`
	Trades      *uint64         `json:"trades"`
	Closed      *bool           `json:"closed"`
	State       string          `json:"state"`
	Reason      *string         `json:"reason"`
	Indicative  json.RawMessage `json:"indicative"`
}

// parseUnitsOf reads a number that must have exactly scale decimals.
func parseUnitsOf(t rapid.TB, text string, scale int) *big.Int {
	t.Helper()
	whole, decimals, pointed := strings.Cut(text, ".")
	if len(decimals) != scale || pointed != (scale > 0) || strings.HasPrefix(strings.TrimPrefix(whole, "-"), "0") && len(strings.TrimPrefix(whole, "-")) > 1 {
		t.Fatalf("%q is not a number of %d decimals", text, scale)
	}
	units, ok := new(big.Int).SetString(whole+decimals, 10)
	if !ok {
		t.Fatalf("%q is not a number", text)
	}
	return units
}

func parseSum(t rapid.TB, text string, scale uint8) Sum {
	t.Helper()
	return sumOfBig(parseUnitsOf(t, text, int(scale)))
}

func parsePrices(t rapid.TB, in *Instrument, texts ...string) (prices []Price) {
	t.Helper()
	for _, text := range texts {
		units := parseUnitsOf(t, text, int(in.PriceScale))
		if !units.IsInt64() {
			t.Fatalf("%q is no price", text)
		}
		prices = append(prices, Price(units.Int64()))
	}
	return prices
}

func TestDepthRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		f := DepthFrame{
			Channel: rapid.SampledFrom([]Channel{ChannelDepth5, ChannelDepth10, ChannelDepth20}).Draw(t, "channel"),
			Seq:     rapid.Uint64().Draw(t, "seq"), Upd: rapid.Uint64().Draw(t, "upd"),
			TS: rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		f.Rate = anyRate(f.Channel).Draw(t, "rate")
		levels := rapid.SliceOfN(anyLevel(&in), 0, f.Channel.Depth())
		f.Bids, f.Asks = levels.Draw(t, "bids"), levels.Draw(t, "asks")
		got := decodeFrame(t, NewEncoder(&in).AppendDepth(nil, JSON, &f))
		equal(t, streamName(f.Channel, f.Rate, &in), got.Stream)
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, DepthFrame{
			Channel: f.Channel, Rate: f.Rate, Seq: got.Seq, Upd: got.Upd, TS: got.TS, TP: got.TP,
			Bids: append([]Level{}, parseLevels(t, &in, got.Bids)...), Asks: append([]Level{}, parseLevels(t, &in, got.Asks)...),
		})
	})
}

func TestCandleRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		price := rapid.Map(anyUnits(), func(units int64) Price { return Price(units) })
		f := CandleFrame{
			Channel:  ChannelCandle1s + Channel(rapid.IntRange(0, CandleCount-1).Draw(t, "interval")),
			Seq:      rapid.Uint64().Draw(t, "seq"),
			OpenTime: rapid.Int64Range(-1<<50, 1<<62).Draw(t, "open time"),
			Open:     price.Draw(t, "open"), High: price.Draw(t, "high"),
			Low: price.Draw(t, "low"), Close: price.Draw(t, "close"),
			Volume: anySum().Draw(t, "volume"), QuoteVolume: anySum().Draw(t, "quote volume"),
			Trades: rapid.Uint64().Draw(t, "trades"), Closed: rapid.Bool().Draw(t, "closed"),
			TS: rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		f.OpenTime -= f.OpenTime % f.Channel.Interval()
		f.Rate = anyRate(f.Channel).Draw(t, "rate")
		got := decodeFrame(t, NewEncoder(&in).AppendCandle(nil, JSON, &f))
		equal(t, streamName(f.Channel, f.Rate, &in), got.Stream)
		equal(t, f.Channel.Interval(), (got.CloseTime-got.OpenTime)*1000)
		p := parsePrices(t, &in, got.Open, got.High, got.Low, got.Close)
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, CandleFrame{
			Channel: f.Channel, Rate: f.Rate, Seq: got.Seq, OpenTime: got.OpenTime * 1000,
			Open: p[0], High: p[1], Low: p[2], Close: p[3],
			Volume:      parseSum(t, got.Volume, in.QtyScale),
			QuoteVolume: parseSum(t, got.QuoteVolume, in.PriceScale+in.QtyScale),
			Trades:      *got.Trades, Closed: *got.Closed, TS: got.TS, TP: got.TP,
		})
	})
}

func TestTickerRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		price := rapid.Map(rapid.Int64Range(-1<<61, 1<<61), func(units int64) Price { return Price(units) })
		f := TickerFrame{
			Rate: anyRate(ChannelTicker).Draw(t, "rate"),
			Seq:  rapid.Uint64().Draw(t, "seq"), Last: price.Draw(t, "last"), Open: price.Draw(t, "open"),
			High: price.Draw(t, "high"), Low: price.Draw(t, "low"),
			Volume: anySum().Draw(t, "volume"), QuoteVolume: anySum().Draw(t, "quote volume"),
			Trades: rapid.Uint64().Draw(t, "trades"),
			TS:     rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		got := decodeFrame(t, NewEncoder(&in).AppendTicker(nil, JSON, &f))
		equal(t, streamName(ChannelTicker, f.Rate, &in), got.Stream)
		p := parsePrices(t, &in, got.Last, got.Open, got.High, got.Low, got.VWAP, got.Change)
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, TickerFrame{
			Rate: f.Rate, Seq: got.Seq, Last: p[0], Open: p[1], High: p[2], Low: p[3],
			Volume:      parseSum(t, got.Volume, in.QtyScale),
			QuoteVolume: parseSum(t, got.QuoteVolume, in.PriceScale+in.QtyScale),
			Trades:      *got.Trades, TS: got.TS, TP: got.TP,
		})
		equal(t, f.VWAP(), p[4])
		equal(t, f.Last-f.Open, p[5])
		equal(t, f.ChangePercent(), parseUnitsOf(t, got.ChangePct, 2).Int64())
	})
}

func TestTickerFigures(t *testing.T) {
	f := func(open, last Price, volume, quote Sum, wantVWAP Price, wantPercent int64) {
		t.Helper()
		frame := TickerFrame{Open: open, Last: last, Volume: volume, QuoteVolume: quote}
		if vwap, percent := frame.VWAP(), frame.ChangePercent(); vwap != wantVWAP || percent != wantPercent {
			t.Errorf("%+v: got %d, %d; want %d, %d", frame, vwap, percent, wantVWAP, wantPercent)
		}
	}
	f(100, 100, Sum{}, Sum{}, 100, 0)
	f(100, 150, SumOf(2), SumOf(251), 126, 5000) // 125.5 rounds up
	f(100, 150, SumOf(4), SumOf(501), 125, 5000) // 125.25 down
	f(100, 50, SumOf(1), SumOf(100), 100, -5000)
	f(80000, 80001, SumOf(1), SumOf(1), 1, 0)        // 0.00125 % rounds down
	f(20000, 20001, SumOf(1), SumOf(1), 1, 1)        // 0.005 % rounds up
	f(20000, 19999, SumOf(1), SumOf(1), 1, 0)        // -0.005 % too
	f(0, 5, SumOf(1), SumOf(5), 5, 0)                // of nothing
	f(-100, -150, SumOf(2), SumOf(-251), -125, 5000) // -125.5 rounds up
	f(1, 1<<62, Product(1<<60, 16), Product(1<<60, 1<<62), 1<<58, 1<<63-1)
}

func TestStatusRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		f := StatusFrame{
			Seq:        rapid.Uint64().Draw(t, "seq"),
			State:      State(rapid.IntRange(int(StateTrading), int(StateClosed)).Draw(t, "state")),
			Reason:     Reason(rapid.IntRange(0, int(ReasonIOC)).Draw(t, "reason")),
			Indicative: anyLevel(&in).Draw(t, "indicative"),
			TS:         rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		if f.Indicative.Qty == 0 || !f.State.Collecting() {
			f.Indicative = Level{}
		}
		got := decodeFrame(t, NewEncoder(&in).AppendStatus(nil, JSON, &f))
		equal(t, streamName(ChannelStatus, RateEvery, &in), got.Stream)
		equal(t, f.State.String(), got.State)
		equal(t, f.Reason.String(), *got.Reason)
		equal(t, f.State.Collecting(), got.Indicative != nil)
		var indicative *levelJSON
		if got.Indicative != nil {
			if err := json.Unmarshal(got.Indicative, &indicative); err != nil {
				t.Fatal(err)
			}
		}
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, StatusFrame{
			Seq: got.Seq, State: f.State, Reason: f.Reason,
			Indicative: parseBest(t, &in, indicative), TS: got.TS, TP: got.TP,
		})
	})
}
