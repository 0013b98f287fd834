package wire

import (
	"encoding/json"
	"hash/crc32"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

var btc = MustInstrument("BTCUSDT", "BTC", "USDT", "0.01", "0.00001")

// A time with digits below the microsecond: they must be cut off.
const someTime = 1_700_000_000_123_456_789

func someBBO() BBOFrame {
	return BBOFrame{
		Seq: 1042, Upd: 90211,
		Top: Top{Bid: Level{2535190, 31200}, Ask: Level{2536520, 140660}},
		TS:  someTime, TP: someTime + 1_000_000,
	}
}

func someBook(levels int) BookFrame {
	f := BookFrame{Seq: 501, First: 90200, Upd: 90211, TS: someTime, TP: someTime}
	for i := range levels {
		f.Bids = append(f.Bids, Level{Price(2535190 - i), Qty(31200 + i)})
		f.Asks = append(f.Asks, Level{Price(2536520 + i), Qty(140660 + i)})
	}
	return f
}

func TestGoldenBBO(t *testing.T) {
	e := NewEncoder(&btc)
	full, noAsk, empty := someBBO(), someBBO(), someBBO()
	noAsk.Top.Ask = Level{}
	empty.Top = Top{}
	tier := full
	tier.Rate, tier.Seq = Rate100ms, 12
	checkGolden(t, "json/bbo",
		e.AppendBBO(nil, JSON, &full),
		e.AppendBBO(nil, JSON, &noAsk),
		e.AppendBBO(nil, JSON, &empty),
		e.AppendBBO(nil, JSON, &tier))
}

func TestGoldenTrade(t *testing.T) {
	e := NewEncoder(&btc)
	buy := TradeFrame{Seq: 88, ID: 12345, Price: 2536520, Qty: 1200, Side: Buy, TS: someTime, TP: someTime}
	sell := buy
	sell.Side, sell.Seq, sell.ID = Sell, 89, 12346
	checkGolden(t, "json/trade", e.AppendTrade(nil, JSON, &buy), e.AppendTrade(nil, JSON, &sell))
}

func TestGoldenBook(t *testing.T) {
	e := NewEncoder(&btc)
	snapshot := someBook(2)
	snapshot.Snapshot, snapshot.HasCRC = true, true
	snapshot.First = snapshot.Upd
	snapshot.CRC = e.CRC(snapshot.Bids, snapshot.Asks)
	delta := someBook(1)
	delta.First = delta.Upd
	delta.Bids[0].Qty, delta.Asks = 0, nil
	sum := delta
	sum.HasCRC, sum.CRC = true, 0
	part := snapshot
	part.Part, part.Parts = 1, 3
	empty := BookFrame{Seq: 502, First: 90212, Upd: 90212, Snapshot: true, HasCRC: true, TS: someTime, TP: someTime}
	checkGolden(t, "json/book",
		e.AppendBook(nil, JSON, &snapshot),
		e.AppendBook(nil, JSON, &delta),
		e.AppendBook(nil, JSON, &sum),
		e.AppendBook(nil, JSON, &part),
		e.AppendBook(nil, JSON, &empty))
}

func TestGoldenBookTier(t *testing.T) {
	e := NewEncoder(&btc)
	snapshot := someBook(2)
	snapshot.Rate, snapshot.Seq, snapshot.First = Rate100ms, 71, snapshot.Upd
	snapshot.Snapshot, snapshot.HasCRC = true, true
	snapshot.CRC = e.CRC(snapshot.Bids, snapshot.Asks)
	delta := snapshot // of twelve updates, after which only these levels differ
	delta.Seq, delta.First, delta.Upd, delta.Snapshot = 72, snapshot.Upd+1, snapshot.Upd+12, false
	delta.Bids, delta.Asks = []Level{{2535189, 0}}, []Level{{2536519, 50000}}
	delta.CRC = e.CRC(snapshot.Bids[:1], append(delta.Asks, snapshot.Asks...))
	lines := [][]byte{e.AppendBook(nil, JSON, &snapshot), e.AppendBook(nil, JSON, &delta)}
	for _, r := range []Rate{Rate20ms, Rate1s} {
		delta.Rate = r
		lines = append(lines, e.AppendBook(nil, JSON, &delta))
	}
	checkGolden(t, "json/book_tier", lines...)
}

// The frames as a client of encoding/json sees them.
type (
	levelJSON [2]string
	frameJSON struct {
		Stream string       `json:"stream"`
		Seq    uint64       `json:"seq"`
		ID     uint64       `json:"id"`
		Price  string       `json:"price"`
		Qty    string       `json:"qty"`
		Side   string       `json:"side"`
		Type   string       `json:"type"`
		Part   *[2]int      `json:"part"`
		First  uint64       `json:"first"`
		Upd    uint64       `json:"upd"`
		Bid    *levelJSON   `json:"bid"`
		Ask    *levelJSON   `json:"ask"`
		Bids   *[]levelJSON `json:"bids"`
		Asks   *[]levelJSON `json:"asks"`
		CRC    *uint32      `json:"crc"`
		Orders *[]orderJSON `json:"orders"`
		Events *[]orderJSON `json:"events"`
		derivedJSON
		TS int64 `json:"ts"`
		TP int64 `json:"tp"`
	}
)

func decodeFrame(t rapid.TB, payload []byte) frameJSON {
	t.Helper()
	var f frameJSON
	d := json.NewDecoder(strings.NewReader(string(payload)))
	d.DisallowUnknownFields()
	if err := d.Decode(&f); err != nil {
		t.Fatalf("%s: %v", payload, err)
	}
	if d.More() {
		t.Fatalf("more than one value: %s", payload)
	}
	return f
}

func anyInstrument(t *rapid.T) Instrument {
	increment := rapid.SampledFrom([]string{"1", "5", "0.01", "0.25", "0.00001", "0.00000001", "0.000000000000000001"})
	return MustInstrument("A-B_9", "A", "B", increment.Draw(t, "tick"), increment.Draw(t, "lot"))
}

// anyRate draws the rates that a channel has.
func anyRate(c Channel) *rapid.Generator[Rate] {
	return rapid.Custom(func(t *rapid.T) Rate { return Rate(rapid.IntRange(0, RateCount-1).Draw(t, "rate")) }).
		Filter(func(r Rate) bool { return NewSlot(c, r) != 0 })
}

func streamName(c Channel, r Rate, in *Instrument) string {
	return string(NewSlot(c, r).Stream(0).AppendName(nil, in.Symbol))
}

func anyLevel(in *Instrument) *rapid.Generator[Level] {
	return rapid.Custom(func(t *rapid.T) Level {
		return Level{
			Price: Price(anyUnits().Draw(t, "price") / int64(in.Tick) * int64(in.Tick)),
			Qty:   Qty(anyUnits().Draw(t, "qty") / int64(in.Lot) * int64(in.Lot)),
		}
	})
}

func parseLevel(t rapid.TB, in *Instrument, l levelJSON) Level {
	t.Helper()
	p, err := in.ParsePrice(l[0])
	if err != nil {
		t.Fatal(err)
	}
	q, err := in.ParseQty(l[1])
	if err != nil {
		t.Fatal(err)
	}
	return Level{p, q}
}

func parseBest(t rapid.TB, in *Instrument, l *levelJSON) Level {
	t.Helper()
	if l == nil {
		return Level{}
	}
	return parseLevel(t, in, *l)
}

func parseLevels(t rapid.TB, in *Instrument, ls *[]levelJSON) []Level {
	t.Helper()
	if ls == nil {
		t.Fatal("levels are missing")
	}
	var levels []Level
	for _, l := range *ls {
		levels = append(levels, parseLevel(t, in, l))
	}
	return levels
}

func equal(t rapid.TB, want, got any) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Fatalf("(-want +got):\n%s", diff)
	}
}

func TestBBORoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		level := anyLevel(&in)
		f := BBOFrame{
			Rate: anyRate(ChannelBBO).Draw(t, "rate"),
			Seq:  rapid.Uint64().Draw(t, "seq"), Upd: rapid.Uint64().Draw(t, "upd"),
			Top: Top{Bid: level.Draw(t, "bid"), Ask: level.Draw(t, "ask")},
			TS:  rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		for _, side := range []*Level{&f.Top.Bid, &f.Top.Ask} {
			if side.Qty == 0 {
				*side = Level{}
			}
		}
		got := decodeFrame(t, NewEncoder(&in).AppendBBO(nil, JSON, &f))
		equal(t, streamName(ChannelBBO, f.Rate, &in), got.Stream)
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, BBOFrame{
			Rate: f.Rate, Seq: got.Seq, Upd: got.Upd, TS: got.TS, TP: got.TP,
			Top: Top{Bid: parseBest(t, &in, got.Bid), Ask: parseBest(t, &in, got.Ask)},
		})
	})
}

func TestTradeRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		level := anyLevel(&in).Draw(t, "level")
		f := TradeFrame{
			Seq: rapid.Uint64().Draw(t, "seq"), ID: rapid.Uint64().Draw(t, "id"),
			Price: level.Price, Qty: level.Qty,
			Side: rapid.SampledFrom([]Side{Buy, Sell}).Draw(t, "side"),
			TS:   rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		got := decodeFrame(t, NewEncoder(&in).AppendTrade(nil, JSON, &f))
		equal(t, "trade.A-B_9", got.Stream)
		equal(t, f.Side.String(), got.Side)
		level = parseLevel(t, &in, levelJSON{got.Price, got.Qty})
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, TradeFrame{
			Seq: got.Seq, ID: got.ID, Price: level.Price, Qty: level.Qty,
			Side: f.Side, TS: got.TS, TP: got.TP,
		})
	})
}

func TestBookRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		levels := rapid.SliceOfN(anyLevel(&in), 0, 20)
		f := BookFrame{
			Rate: anyRate(ChannelBook).Draw(t, "rate"),
			Seq:  rapid.Uint64().Draw(t, "seq"), First: rapid.Uint64().Draw(t, "first"), Upd: rapid.Uint64().Draw(t, "upd"),
			Snapshot: rapid.Bool().Draw(t, "snapshot"),
			Bids:     levels.Draw(t, "bids"), Asks: levels.Draw(t, "asks"),
			TS: rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		if f.HasCRC = rapid.Bool().Draw(t, "has crc"); f.HasCRC {
			f.CRC = rapid.Uint32().Draw(t, "crc")
		}
		if f.Parts = rapid.IntRange(0, 9).Draw(t, "parts"); f.Parts > 1 {
			f.Part = rapid.IntRange(1, f.Parts).Draw(t, "part")
		}
		checkBook(t, &in, &f, NewEncoder(&in).AppendBook(nil, JSON, &f))
	})
}

// checkBook decodes payload and compares it with f.
func checkBook(t rapid.TB, in *Instrument, f *BookFrame, payload []byte) {
	t.Helper()
	got := decodeFrame(t, payload)
	equal(t, streamName(ChannelBook, f.Rate, in), got.Stream)
	equal(t, map[bool]string{true: "snapshot", false: "delta"}[f.Snapshot], got.Type)
	want := *f
	want.TS, want.TP = f.TS/1000, f.TP/1000
	decoded := BookFrame{
		Rate: f.Rate, Seq: got.Seq, First: got.First, Upd: got.Upd, Snapshot: f.Snapshot,
		Bids: parseLevels(t, in, got.Bids), Asks: parseLevels(t, in, got.Asks),
		Parts: f.Parts, TS: got.TS, TP: got.TP,
	}
	if got.CRC != nil {
		decoded.CRC, decoded.HasCRC = *got.CRC, true
	}
	if got.Part != nil {
		decoded.Part, decoded.Parts = got.Part[0], got.Part[1]
	}
	// cmp.Diff takes seconds for a book in parts.
	if !slices.Equal(want.Bids, decoded.Bids) || !slices.Equal(want.Asks, decoded.Asks) {
		t.Fatalf("got levels %v, %v; want %v, %v", decoded.Bids, decoded.Asks, want.Bids, want.Asks)
	}
	want.Bids, want.Asks, decoded.Bids, decoded.Asks = nil, nil, nil, nil
	equal(t, want, decoded)
}

func TestBookParts(t *testing.T) {
	e := NewEncoder(&btc)
	f := func(bids, asks, wantParts int) {
		t.Helper()
		whole := someBook(max(bids, asks))
		whole.Snapshot, whole.HasCRC = true, true
		whole.Bids, whole.Asks = whole.Bids[:bids], whole.Asks[:asks]
		whole.CRC = e.CRC(whole.Bids, whole.Asks)
		dst, ends := e.AppendBookParts([]byte("before"), JSON, &whole, []int{3})
		if len(ends) != 1+wantParts || ends[0] != 3 {
			t.Fatalf("%d bids, %d asks: ends %v; want %d of them behind the 3", bids, asks, ends, wantParts)
		}
		rest := whole
		start := len("before")
		for i, end := range ends[1:] {
			payload := dst[start:end]
			if len(payload) > FrameBytesMax {
				t.Errorf("part %d has %d bytes", i+1, len(payload))
			}
			if i+2 < len(ends) && len(payload) < FrameBytesMax-512 {
				t.Errorf("part %d has only %d bytes", i+1, len(payload))
			}
			part := whole
			if wantParts > 1 {
				part.Part, part.Parts = i+1, wantParts
			}
			decoded := decodeFrame(t, payload)
			nb, na := len(*decoded.Bids), len(*decoded.Asks)
			part.Bids, rest.Bids = rest.Bids[:nb], rest.Bids[nb:]
			part.Asks, rest.Asks = rest.Asks[:na], rest.Asks[na:]
			checkBook(t, &btc, &part, payload)
			start = end
		}
		if start != len(dst) || len(rest.Bids)+len(rest.Asks) > 0 {
			t.Errorf("%d bytes and %d levels are left", len(dst)-start, len(rest.Bids)+len(rest.Asks))
		}
	}
	f(0, 0, 1)
	f(10, 10, 1)
	f(9000, 9000, 1)
	f(20000, 0, 1)
	f(24000, 0, 2)
	f(0, 24000, 2)
	f(30000, 25000, 3)
}

// naiveCRC is the rule as a client would write it from the page.
func naiveCRC(in *Instrument, bids, asks []Level) uint32 {
	var text strings.Builder
	number := func(s string) { text.WriteString(strings.TrimLeft(strings.ReplaceAll(s, ".", ""), "0")) }
	for _, side := range [][]Level{asks, bids} {
		for _, l := range side[:min(len(side), 10)] {
			number(in.PriceDecimal(l.Price).StringFixed(int32(in.PriceScale)))
			number(in.QtyDecimal(l.Qty).StringFixed(int32(in.QtyScale)))
		}
	}
	return crc32.ChecksumIEEE([]byte(text.String()))
}

func TestCRCAgainstNaive(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		levels := rapid.SliceOfN(anyLevel(&in), 0, 13)
		bids, asks := levels.Draw(t, "bids"), levels.Draw(t, "asks")
		equal(t, naiveCRC(&in, bids, asks), NewEncoder(&in).CRC(bids, asks))
	})
}

func TestCRCOfEmptyBook(t *testing.T) {
	equal(t, uint32(0), NewEncoder(&btc).CRC(nil, nil))
}

func TestDialects(t *testing.T) {
	for d := Dialect(1); d < DialectCount; d++ {
		if got, ok := ParseDialect(d.String()); got != d || !ok {
			t.Errorf("%v: got %v, %v", d, got, ok)
		}
	}
	for _, s := range []string{"", "JSON", "sbe", "invalid"} {
		if d, ok := ParseDialect(s); ok {
			t.Errorf("%q is %v", s, d)
		}
	}
	equal(t, "invalid", Dialect(DialectCount).String())
	equal(t, "invalid", Dialect(0).String())
}

func TestCallersErrorsPanic(t *testing.T) {
	e := NewEncoder(&btc)
	for name, appendFrame := range map[string]func(){
		"bbo":    func() { e.AppendBBO(nil, 0, &BBOFrame{}) },
		"trade":  func() { e.AppendTrade(nil, DialectCount, &TradeFrame{}) },
		"book":   func() { e.AppendBook(nil, 0, &BookFrame{}) },
		"order":  func() { e.AppendOrder(nil, 0, &OrderFrame{}) },
		"depth":  func() { e.AppendDepth(nil, 0, &DepthFrame{Channel: ChannelDepth5}) },
		"candle": func() { e.AppendCandle(nil, 0, &CandleFrame{Channel: ChannelCandle1s}) },
		"ticker": func() { e.AppendTicker(nil, DialectCount, &TickerFrame{}) },
		"status": func() { e.AppendStatus(nil, 0, &StatusFrame{}) },

		"depth without a channel":  func() { e.AppendDepth(nil, JSON, &DepthFrame{}) },
		"candle without a channel": func() { e.AppendCandle(nil, JSON, &CandleFrame{}) },
		"ticker at 20ms":           func() { e.AppendTicker(nil, JSON, &TickerFrame{Rate: Rate20ms}) },
	} {
		func() {
			defer func() {
				if recover() == nil {
					t.Errorf("%s: no panic", name)
				}
			}()
			appendFrame()
		}()
	}
}
