package main

import (
	"bytes"
	"encoding/json"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/shopspring/decimal"

	"tickcast/feed/client"
)

// follower is a strict client of everything that a market publishes.
type follower struct {
	t      *testing.T
	conn   *client.Conn
	listed []string // symbols, as acknowledged
	books  map[string]*followedBook
	seqs   map[string]uint64
}

// followedBook is what a follower knows of a symbol.
type followedBook struct {
	sides  [2]map[int64]int64 // quantity by price: bids, asks
	orders map[uint64]followedOrder
	hidden bool   // orders are collected
	scales [2]int // of prices and quantities

	// The book's change that each side of the comparison has come to: the
	// snapshots of many streams are of different moments.
	orderUpd, bookUpd uint64
}

type followedOrder struct {
	side       int
	price, qty int64
}

func newFollower(t *testing.T, url string) *follower {
	t.Helper()
	conn, err := client.Dial(t.Context(), client.Config{
		URL: url, Streams: []string{"order.*", "book.*", "bbo.*", "trade.*", "status.*"}, SilenceTimeout: 20 * time.Second,
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = conn.Close() })
	return &follower{t: t, conn: conn, books: map[string]*followedBook{}, seqs: map[string]uint64{}}
}

// follow reads until the market's time stands still, and then the states, which
// have all been sent by a pong.
func (f *follower) follow() {
	f.t.Helper()
	deadline := time.Now().Add(time.Minute)
	for over := f.conn.Hello().Clock.Speed == 0; time.Now().Before(deadline); {
		frame, err := f.conn.Next()
		if err != nil {
			f.t.Fatal(err)
		}
		switch frame.Op {
		case "":
			f.data(&frame)
		case "subscribed":
			f.subscribed(frame.Raw)
		case "gap", "conflated":
			f.skipped(frame.Op, frame.Raw)
		case "error":
			f.t.Fatalf("%s", frame.Raw)
		case "notice":
			over = over || bytes.Contains(frame.Raw, []byte(`"speed":0,`))
		case "pong":
			return
		}
		if over {
			over = false
			if err := f.conn.Ping(1); err != nil {
				f.t.Fatal(err)
			}
		}
	}
	f.t.Fatal("the recording does not end")
}

// skipped takes what the server says that it left out, because a busy machine
// made this client slow.
func (f *follower) skipped(op string, raw []byte) {
	var gap client.Gap
	if op == "gap" {
		if err := json.Unmarshal(raw, &gap); err != nil || gap.Reason != "slow" {
			f.t.Fatalf("%s: %v", raw, err)
		}
	}
	for stream := range f.seqs {
		channel, _, _ := strings.Cut(stream, ".")
		if stream == gap.Stream || op == "conflated" && (channel == "bbo" || channel == "status") {
			delete(f.seqs, stream)
		}
	}
}

func (f *follower) subscribed(raw []byte) {
	var ack client.Subscribed
	if err := json.Unmarshal(raw, &ack); err != nil {
		f.t.Fatal(err)
	}
	for _, s := range ack.Streams {
		if symbol, ok := strings.CutPrefix(s.Stream, "order."); ok {
			f.listed = append(f.listed, symbol)
			f.books[symbol] = &followedBook{orders: map[uint64]followedOrder{}}
		}
	}
}

// followedFrame is the union of the frames.
type followedFrame struct {
	Type       string
	Upd        uint64
	Bids, Asks [][2]string
	Bid, Ask   *[2]string
	CRC        *uint32
	Orders     []frameOrder
	Events     []frameOrder
}

type frameOrder struct {
	Do         string
	ID         uint64
	Side       string
	Price, Qty string
}

func (f *follower) data(frame *client.Frame) {
	channel, symbol, _ := strings.Cut(frame.Stream, ".")
	b := f.books[symbol]
	var m followedFrame
	if err := json.Unmarshal(frame.Raw, &m); err != nil || b == nil {
		f.t.Fatalf("%s: %v", frame.Raw, err)
	}
	last, known := f.seqs[frame.Stream]
	if f.seqs[frame.Stream] = frame.Seq; known && frame.Seq != last+1 {
		f.t.Fatalf("%s: seq %d after %d", frame.Stream, frame.Seq, last)
	}
	switch channel {
	case "order":
		b.applyOrders(f.t, &m)
	case "book":
		if b.applyLevels(&m); m.CRC != nil && *m.CRC != b.crc() {
			f.t.Fatalf("%s: the book has crc %d", frame.Raw, b.crc())
		}
		if sums := b.sums(); !b.hidden && b.orderUpd == b.bookUpd && !(maps.Equal(sums[0], b.sides[0]) && maps.Equal(sums[1], b.sides[1])) {
			f.t.Fatalf("%s: the orders make %v", frame.Raw, sums)
		}
		bid, ask := b.best(0), b.best(1)
		if len(bid) > 0 && len(ask) > 0 && bid[0] >= ask[0] {
			f.t.Fatalf("%s: crossed", frame.Raw)
		}
	case "bbo":
		if m.Upd != b.bookUpd {
			return // the last one before the snapshot
		}
		for side, top := range []*[2]string{m.Bid, m.Ask} {
			best := b.best(side)
			if (top == nil) != (len(best) == 0) || top != nil && (units(top[0]) != best[0] || units(top[1]) != b.sides[side][best[0]]) {
				f.t.Fatalf("%s: the best are %v", frame.Raw, best)
			}
		}
	}
}

// units reads a number without its point: a symbol's have one scale.
func units(s string) int64 {
	n := int64(0)
	for _, c := range s {
		if c != '.' {
			n = 10*n + int64(c-'0')
		}
	}
	return n
}

func scaleOf(s string) int {
	_, fraction, _ := strings.Cut(s, ".")
	return len(fraction)
}

func (b *followedBook) applyLevels(m *followedFrame) {
	b.bookUpd = m.Upd
	if m.Type == "snapshot" {
		b.sides = [2]map[int64]int64{{}, {}}
		b.hidden = len(m.Bids)+len(m.Asks) == 0
	}
	for side, levels := range [][][2]string{m.Bids, m.Asks} {
		for _, l := range levels {
			b.scales = [2]int{scaleOf(l[0]), scaleOf(l[1])}
			if b.sides[side][units(l[0])] = units(l[1]); units(l[1]) == 0 {
				delete(b.sides[side], units(l[0]))
			}
		}
	}
}

func (b *followedBook) applyOrders(t *testing.T, m *followedFrame) {
	t.Helper()
	b.orderUpd = m.Upd
	if m.Type == "snapshot" {
		clear(b.orders)
	}
	for _, o := range append(m.Orders, m.Events...) {
		held := followedOrder{slices.Index([]string{"buy", "sell"}, o.Side), units(o.Price), units(o.Qty)}
		before, known := b.orders[o.ID]
		switch {
		case known == (o.Do == "add" || o.Do == ""):
			t.Fatalf("%+v of %+v", o, before)
		case o.Do == "remove":
			delete(b.orders, o.ID)
		case o.Do == "reduce" && (before.price != held.price || before.qty < held.qty):
			t.Fatalf("%+v of %+v", o, before)
		default:
			b.orders[o.ID] = held
		}
	}
}

// sums returns the levels that the orders make.
func (b *followedBook) sums() [2]map[int64]int64 {
	sums := [2]map[int64]int64{{}, {}}
	for _, o := range b.orders {
		sums[o.side][o.price] += o.qty
	}
	return sums
}

// best returns the prices of a side, the best first.
func (b *followedBook) best(side int) []int64 {
	prices := slices.Sorted(maps.Keys(b.sides[side]))
	if side == 0 {
		slices.Reverse(prices)
	}
	return prices
}

// crc is the checksum of PROTOCOL.md.
func (b *followedBook) crc() uint32 {
	var text []byte
	for side := 1; side >= 0; side-- {
		best := b.best(side)
		for _, price := range best[:min(len(best), 10)] {
			text = strconv.AppendInt(strconv.AppendInt(text, price, 10), b.sides[side][price], 10)
		}
	}
	return crc32.ChecksumIEEE(text)
}

// row returns the best levels as `tickcast replay` prints them.
func (b *followedBook) row(levels int) string {
	var fields []string
	bids, asks := b.best(0), b.best(1)
	for i := range levels {
		fields = append(fields, b.level(1, asks, i, "9999999999,0"), b.level(0, bids, i, "-9999999999,0"))
	}
	return strings.Join(fields, ",")
}

func (b *followedBook) level(side int, prices []int64, i int, none string) string {
	if i >= len(prices) {
		return none
	}
	price := decimal.New(prices[i], int32(4-b.scales[0]))
	return price.String() + "," + decimal.New(b.sides[side][prices[i]], int32(-b.scales[1])).String()
}
