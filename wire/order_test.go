package wire

import (
	"bytes"
	"math"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// someOrders is a snapshot: bids, then asks, each in order of priority.
func someOrders() OrderFrame {
	return OrderFrame{
		Seq: 2070, Upd: 90211, Snapshot: true, TS: someTime, TP: someTime,
		Events: []Event{
			{Kind: EventAdd, ID: 4711, Side: Buy, Price: 2535190, Qty: 20000},
			{Kind: EventAdd, ID: 4718, Side: Buy, Price: 2535190, Qty: 11200},
			{Kind: EventAdd, ID: 4702, Side: Sell, Price: 2536520, Qty: 140660},
		},
	}
}

// someOrderEvents is a delta with each kind of event.
func someOrderEvents() OrderFrame {
	return OrderFrame{
		Seq: 2071, Upd: 90212, TS: someTime, TP: someTime,
		Events: []Event{
			{Kind: EventRemove, ID: 4711, Side: Buy, Price: 2535190},
			{Kind: EventReduce, ID: 4718, Side: Buy, Price: 2535190, Qty: 4200},
			{Kind: EventReplace, ID: 4702, Side: Sell, Price: 2536500, Qty: 140660},
			{Kind: EventAdd, ID: 4721, Side: Sell, Price: 2535200, Qty: 50000},
		},
	}
}

func TestGoldenOrder(t *testing.T) {
	e := NewEncoder(&btc)
	snapshot, events := someOrders(), someOrderEvents()
	lines := [][]byte{e.AppendOrder(nil, JSON, &snapshot), e.AppendOrder(nil, JSON, &events)}
	for _, events := range [][]Event{events.Events[:2], events.Events[2:3], events.Events[3:]} {
		delta := OrderFrame{Seq: snapshot.Seq + 1, Upd: snapshot.Upd + 1, TS: someTime, TP: someTime, Events: events}
		lines = append(lines, e.AppendOrder(nil, JSON, &delta))
		snapshot.Seq, snapshot.Upd = delta.Seq, delta.Upd
	}
	snapshot = someOrders()
	empty := snapshot
	empty.Events = nil
	snapshot.Part, snapshot.Parts = 1, 3
	events.Part, events.Parts = 2, 2
	lines = append(lines,
		e.AppendOrder(nil, JSON, &empty),
		e.AppendOrder(nil, JSON, &snapshot),
		e.AppendOrder(nil, JSON, &events))
	checkGolden(t, "json/order", lines...)
}

type orderJSON struct {
	Do    string `json:"do"`
	ID    uint64 `json:"id"`
	Side  string `json:"side"`
	Price string `json:"price"`
	Qty   string `json:"qty"`
}

func (o *orderJSON) event(t rapid.TB, in *Instrument) Event {
	t.Helper()
	level := parseLevel(t, in, levelJSON{o.Price, o.Qty})
	e := Event{ID: o.ID, Price: level.Price, Qty: level.Qty}
	e.Kind = map[string]EventKind{
		"": EventAdd, "add": EventAdd, "reduce": EventReduce, "remove": EventRemove, "replace": EventReplace,
	}[o.Do]
	e.Side = map[string]Side{"buy": Buy, "sell": Sell}[o.Side]
	return e
}

func TestOrderRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		in := anyInstrument(t)
		f := OrderFrame{
			Seq: rapid.Uint64().Draw(t, "seq"), Upd: rapid.Uint64().Draw(t, "upd"),
			Snapshot: rapid.Bool().Draw(t, "snapshot"),
			TS:       rapid.Int64().Draw(t, "ts"), TP: rapid.Int64().Draw(t, "tp"),
		}
		kinds := []EventKind{EventAdd, EventReduce, EventRemove, EventReplace}
		if f.Snapshot {
			kinds = kinds[:1]
		}
		f.Events = rapid.SliceOfN(rapid.Custom(func(t *rapid.T) Event {
			level := anyLevel(&in).Draw(t, "level")
			return Event{
				Kind: rapid.SampledFrom(kinds).Draw(t, "kind"), ID: rapid.Uint64().Draw(t, "id"),
				Side:  rapid.SampledFrom([]Side{Buy, Sell}).Draw(t, "side"),
				Price: level.Price, Qty: level.Qty,
			}
		}), 0, 20).Draw(t, "events")
		if f.Parts = rapid.IntRange(0, 9).Draw(t, "parts"); f.Parts > 1 {
			f.Part = rapid.IntRange(1, f.Parts).Draw(t, "part")
		}
		got := decodeFrame(t, NewEncoder(&in).AppendOrder(nil, JSON, &f))
		equal(t, "order.A-B_9", got.Stream)
		list, other := got.Events, got.Orders
		if f.Snapshot {
			equal(t, "snapshot", got.Type)
			list, other = got.Orders, got.Events
		} else {
			equal(t, "delta", got.Type)
		}
		if list == nil || other != nil {
			t.Fatalf("orders %v, events %v", got.Orders, got.Events)
		}
		decoded := OrderFrame{
			Seq: got.Seq, Upd: got.Upd, Snapshot: f.Snapshot, Events: []Event{},
			Parts: f.Parts, TS: got.TS, TP: got.TP,
		}
		for i := range *list {
			equal(t, f.Snapshot, (*list)[i].Do == "")
			decoded.Events = append(decoded.Events, (*list)[i].event(t, &in))
		}
		if got.Part != nil {
			decoded.Part, decoded.Parts = got.Part[0], got.Part[1]
		}
		f.TS, f.TP = f.TS/1000, f.TP/1000
		equal(t, f, decoded)
	})
}

// widest is an instrument whose names and numbers are as long as any.
var widest = MustInstrument(strings.Repeat("W", SymbolBytesMax), "W", "W", "0.000000000000000001", "0.000000000000000001")

const (
	widestInt  = -1 << 63
	widestUint = 1<<64 - 1
)

var widestEvent = Event{Kind: EventReplace, ID: widestUint, Side: Sell, Price: widestInt, Qty: widestInt}

// betweenLists returns what stands in the list of a frame of orders.
func betweenLists(t rapid.TB, payload []byte) []byte {
	t.Helper()
	_, list, begun := bytes.Cut(payload, []byte(`:[{"`))
	list, _, ended := bytes.Cut(list, []byte(`"}],"ts":`))
	if !begun || !ended {
		t.Fatalf("no list in %.200s", payload)
	}
	return list
}

// The parts of a frame of orders keep the bound, and are its orders together.
func TestOrderParts(t *testing.T) {
	dst, whole := []byte(nil), []byte(nil)
	rapid.Check(t, func(t *rapid.T) {
		n := rapid.OneOf(
			rapid.SampledFrom([]int{1, ordersPartMax, ordersPartMax + 1, 2 * ordersPartMax, 2*ordersPartMax + 1}),
			rapid.IntRange(1, 3*ordersPartMax),
		).Draw(t, "events")
		in := rapid.SampledFrom([]*Instrument{&btc, &widest}).Draw(t, "instrument")
		f := OrderFrame{Seq: widestUint, Upd: widestUint, Snapshot: rapid.Bool().Draw(t, "snapshot"), TS: widestInt, TP: widestInt}
		f.Events = make([]Event, n)
		for i := range f.Events {
			f.Events[i] = widestEvent
			f.Events[i].ID -= uint64(i)
		}
		e := NewEncoder(in)
		whole = e.AppendOrder(whole[:0], JSON, &f)
		var ends []int
		dst, ends = e.AppendOrderParts(append(dst[:0], "before"...), JSON, &f, []int{3})
		parts, start := len(ends)-1, len("before")
		equal(t, (n+ordersPartMax-1)/ordersPartMax, parts)
		rest := betweenLists(t, whole)
		for i, end := range ends[1:] {
			payload := dst[start:end]
			if len(payload) > FrameBytesMax {
				t.Fatalf("part %d has %d bytes", i+1, len(payload))
			}
			label := appendPartJSON(nil, i+1, parts)
			equal(t, parts > 1, bytes.Contains(payload, append(label, `,"upd":`...)))
			if i > 0 {
				rest = bytes.TrimPrefix(rest, []byte(`"},{"`))
			}
			list := betweenLists(t, payload)
			if !bytes.HasPrefix(rest, list) {
				t.Fatalf("part %d is not what follows", i+1)
			}
			rest, start = rest[len(list):], end
		}
		equal(t, len(dst), start)
		equal(t, 0, len(rest))
	})
}

func TestOrderPartsOfNone(t *testing.T) {
	e := NewEncoder(&btc)
	f := OrderFrame{Seq: 1, Snapshot: true, TS: someTime, TP: someTime}
	dst, ends := e.AppendOrderParts(nil, JSON, &f, nil)
	equal(t, []int{len(dst)}, ends)
	equal(t, string(e.AppendOrder(nil, JSON, &f)), string(dst))
}

// The constants by which frames are cut bound what they say, for the longest
// names and numbers.
func TestCutBounds(t *testing.T) {
	e := NewEncoder(&widest)
	bound := func(what string, size, most int) {
		t.Helper()
		if size > most {
			t.Errorf("%s: %d bytes; at most %d", what, size, most)
		}
	}
	book := BookFrame{
		Rate: Rate100ms, Seq: widestUint, First: widestUint, Upd: widestUint, Snapshot: true,
		CRC: 1<<32 - 1, HasCRC: true, Part: math.MinInt, Parts: math.MaxInt, TS: widestInt, TP: widestInt,
	}
	bound("book", len(e.AppendBook(nil, JSON, &book)), frameJSONFixed)
	order := OrderFrame{
		Seq: widestUint, Upd: widestUint, Snapshot: true,
		Part: math.MinInt, Parts: math.MaxInt, TS: widestInt, TP: widestInt,
	}
	bound("order", len(e.AppendOrder(nil, JSON, &order)), frameJSONFixed)

	level := Level{Price: widestInt, Qty: widestInt}
	bound("level", len(e.appendLevelJSON(nil, level))+len(","), levelJSONMax)
	equal(t, levelJSONFixed+2*decimalBytes(widestInt, ScaleMax), len(e.appendLevelJSON(nil, level))+len(","))
	order.Snapshot = false
	order.Events = []Event{widestEvent}
	one := len(e.AppendOrder(nil, JSON, &order))
	order.Events = []Event{widestEvent, widestEvent}
	bound("event", len(e.AppendOrder(nil, JSON, &order))-one, orderJSONMax)

	book.Snapshot, book.HasCRC = false, false
	book.Bids = make([]Level, 2*FrameBytesMax/levelJSONMax)
	for i := range book.Bids {
		book.Bids[i] = level
	}
	dst, ends := e.AppendBookParts(nil, JSON, &book, nil)
	start := 0
	for _, end := range ends {
		bound("part", end-start, FrameBytesMax)
		start = end
	}
	equal(t, len(dst), start)
	for r := range Rate(RateCount) {
		bound("prefix", len(e.head(ChannelBook, r)), 50)
	}
	bound("prefix", len(e.head(ChannelOrder, RateEvery)), 50)
}
