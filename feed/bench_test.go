package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"tickcast/marketsim"
	"tickcast/wire"
)

// bboBatch is a batch of n transactions that may be published again and again:
// an order at the top comes and goes. Each changes bbo and book.
func bboBatch(b *testing.B, st *stage, n int) *wire.Batch {
	st.enter(0, wire.Buy, 5000, 100)
	st.publish()
	for range n / 2 {
		id := st.enter(0, wire.Buy, 5005, 100)
		st.batch.Events = st.books[0].Cancel(st.batch.Events, id)
		st.batch.Commit(0, st.now-stageBegin)
	}
	if len(st.batch.Txns) != n {
		b.Fatalf("a batch of %d transactions", len(st.batch.Txns))
	}
	return &st.batch
}

// BenchmarkPublish is the hub's part of 1,000 transactions, each a bbo and a
// book frame: image, numbers, encoding, history, inbox.
func BenchmarkPublish(b *testing.B) {
	for _, watched := range []string{"nobody", "bbo", "bbo book trade", "depth5 depth10 depth20", "order", "all"} {
		b.Run("watched="+watched, func(b *testing.B) {
			st := newStage(b, 1)
			st.deepen(0, 50)
			p := st.open(Options{}, unlimited)
			p.count = true
			for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
				if watched == "all" || slot.Rate() == wire.RateEvery && slices.Contains(strings.Fields(watched), slot.Channel().String()) {
					p.subscribe(string(slot.Stream(0).AppendName(nil, "S0")))
				}
			}
			const txns = 1000
			batch := bboBatch(b, st, txns)
			b.ReportAllocs()
			for b.Loop() {
				if err := st.hub.Publish(batch, st.now); err != nil {
					b.Fatal(err)
				}
				b.StopTimer()
				st.round()
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/txns, "ns/txn")
		})
	}
}

// BenchmarkPublishMany is the hub's part of a transaction of each of 500
// symbols, whose bbo is watched. Before each batch the caches are filled with
// something else, as the writes of a busy shard do.
func BenchmarkPublishMany(b *testing.B) {
	const symbols = 500
	st := newStage(b, symbols)
	p := st.open(Options{}, unlimited)
	p.count = true
	p.subscribe("bbo.*")
	for i := range symbols {
		st.deepen(i, 10)
	}
	var batches [4]wire.Batch
	var ids [symbols]uint64
	for k := range batches {
		for i := range symbols {
			from := len(st.batch.Events)
			switch k {
			case 0:
				ids[i] = st.enter(i, wire.Buy, 5000, 100)
				continue
			case 1, 2:
				st.batch.Events = st.books[i].Replace(st.batch.Events, ids[i], wire.Qty(100+50*k), 5000)
			default:
				st.batch.Events = st.books[i].Cancel(st.batch.Events, ids[i])
			}
			if len(st.batch.Events) == from {
				b.Fatal("nothing happened")
			}
			st.batch.Commit(uint32(i), st.now-stageBegin)
		}
		batches[k], st.batch = st.batch, wire.Batch{}
	}
	other := make([]byte, 4<<20)
	var spent time.Duration
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		for i := range other {
			other[i]++
		}
		began := time.Now()
		if err := st.hub.Publish(&batches[n%len(batches)], st.now); err != nil {
			b.Fatal(err)
		}
		spent += time.Since(began)
		n++
		st.round()
	}
	b.ReportMetric(float64(spent.Nanoseconds())/float64(n)/symbols, "ns/txn")
}

// BenchmarkPublishLoad is the hub's part of a tick of the load source, which
// moves 500 symbols in turn, in batches as they come under a firehose. The
// caches are filled with something else before each.
func BenchmarkPublishLoad(b *testing.B) {
	const symbols, ticks = 500, 160
	for _, watched := range []string{"bbo.*", "bbo.* book.*"} {
		b.Run("watched="+watched, func(b *testing.B) {
			load, err := marketsim.NewLoad(symbols)
			if err != nil {
				b.Fatal(err)
			}
			st := newStage(b, 0)
			if err := st.hub.List(load.Instruments()...); err != nil {
				b.Fatal(err)
			}
			p := st.open(Options{}, unlimited)
			p.count = true
			p.subscribe(strings.Fields(watched)...)
			for load.Next() == 0 {
				load.Step(&st.batch, 0, symbols)
				st.publish()
			}
			load.SetRate(0, 1e6)
			var other []byte
			var spent []time.Duration // by batch
			wall := int64(0)
			publish := func() {
				st.batch.Reset()
				wall += ticks * 1000
				load.Step(&st.batch, wall, ticks)
				for i := range other {
					other[i]++
				}
				began := time.Now()
				if err := st.hub.Publish(&st.batch, st.now); err != nil {
					b.Fatal(err)
				}
				spent = append(spent, time.Since(began))
				st.round()
			}
			st.hub.archive.bytesMax = 128 << 20
			for a := st.hub.archive; a.bytes+8*chunkBytes < a.bytesMax; { // until nothing grows
				publish()
			}
			other, spent = make([]byte, 4<<20), spent[:0]
			for b.Loop() {
				publish()
			}
			sum := time.Duration(0)
			for _, d := range spent {
				sum += d
			}
			slices.Sort(spent)
			b.ReportMetric(float64(sum.Nanoseconds())/float64(len(spent))/ticks, "ns/txn")
			b.ReportMetric(float64(spent[len(spent)*99/100].Nanoseconds())/1e3, "p99-batch-us")
		})
	}
}

// deepen gives a symbol so many levels a side, behind where it moves.
func (st *stage) deepen(symbol, n int) {
	for i := range wire.Price(n) {
		st.enter(symbol, wire.Buy, 4000-5*i, 100)
		st.enter(symbol, wire.Sell, 6000+5*i, 100)
	}
	st.publish()
}

// BenchmarkBeat is a beat of tiers of 500 symbols, of which each has changed
// so many times since the last. turn-us is the longest that the mutex was held.
func BenchmarkBeat(b *testing.B) {
	const symbols = 500
	for _, changes := range []int{1, 20} {
		b.Run(fmt.Sprintf("changes=%d", changes), func(b *testing.B) {
			st := newStage(b, symbols)
			for i := range symbols {
				st.deepen(i, 50)
			}
			p := st.open(Options{}, unlimited)
			p.count = true
			p.subscribe("book.*.100ms", "bbo.*.100ms")
			longest := new(turnClock)
			st.hub.addInbox(longest)
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range symbols {
					st.move(i, changes)
				}
				st.round()
				st.now += 100e6
				longest.begin()
				b.StartTimer()
				st.hub.Beat(st.now)
				b.StopTimer()
				longest.at = time.Time{}
				st.round()
				b.StartTimer()
			}
			b.ReportMetric(float64(longest.sum.Nanoseconds())/float64(longest.turns)/1e3, "turn-us")
			b.ReportMetric(float64(longest.most.Nanoseconds())/1e3, "longest-turn-us")
		})
	}
}

// turnClock measures the turns of a hub's mutex, which end with a Wake.
type turnClock struct {
	at        time.Time
	sum, most time.Duration
	turns     int
}

func (c *turnClock) Packet(Packet, []byte) {}
func (c *turnClock) Mark(*Marker)          {}
func (c *turnClock) begin()                { c.at = time.Now() }

func (c *turnClock) Wake() {
	if c.at.IsZero() {
		return
	}
	d := time.Since(c.at)
	c.sum, c.most, c.turns = c.sum+d, max(c.most, d), c.turns+1
	c.begin()
}

// BenchmarkDeliver is a shard's part of 64 bbo frames: taken from the inbox
// and copied into the logs of those who hear them, without a write.
func BenchmarkDeliver(b *testing.B) {
	const frames = 64
	for _, c := range []struct{ groups, members int }{{1, 1}, {1, 1000}, {1000, 1}} {
		b.Run(fmt.Sprintf("groups=%d/members=%d", c.groups, c.members), func(b *testing.B) {
			st := newStage(b, 1)
			for i := range c.groups * c.members {
				p := st.open(Options{Heartbeat: 1e18 + int64(i%c.groups)}, unlimited)
				p.count = true
				p.subscribe("bbo.S0")
			}
			batch := bboBatch(b, st, frames)
			st.rounds()
			if err := st.hub.Publish(batch, st.now); err != nil {
				b.Fatal(err)
			}
			var d delivery
			st.queue.take(&d)
			if len(d.items) != frames || len(st.shard.groups) < c.groups {
				b.Fatalf("%d packets, %d groups", len(d.items), len(st.shard.groups))
			}
			st.shard.deliver(&d, st.now)
			st.shard.flush(st.now)
			b.ReportAllocs()
			for b.Loop() {
				d.at = 0
				st.shard.deliver(&d, st.now)
				b.StopTimer()
				for _, g := range st.shard.groups {
					g.dirty = false
					for _, m := range g.members {
						m.cursor = g.log.head
					}
					g.trim()
				}
				clear(st.shard.dirty)
				st.shard.dirty = st.shard.dirty[:0]
				b.StartTimer()
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/frames/float64(c.groups), "ns/copy")
		})
	}
}

// BenchmarkFlush is a round in which one frame goes out to every member of a
// group, through a socket that costs nothing.
func BenchmarkFlush(b *testing.B) {
	for _, members := range []int{1, 1000} {
		b.Run(fmt.Sprintf("members=%d", members), func(b *testing.B) {
			st := newStage(b, 1)
			for range members {
				p := st.open(Options{}, unlimited)
				p.count = true
				p.subscribe("trade.S0")
			}
			g := st.shard.sortedGroups()[0]
			payload := make([]byte, 150)
			b.ReportAllocs()
			for b.Loop() {
				g.control(payload)
				st.shard.flush(st.now)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(members), "ns/member")
		})
	}
}

// BenchmarkAttachBook is the hub's part of a subscription to a book of 1,000
// levels a side, while the book moves: most subscribers share a state.
func BenchmarkAttachBook(b *testing.B) {
	st := newStage(b, 1)
	for i := range wire.Price(1000) {
		st.enter(0, wire.Buy, 10000-5*i, 100)
		st.enter(0, wire.Sell, 10005+5*i, 100)
	}
	st.publish()
	version := st.hub.listings.Load().version
	b.ReportAllocs()
	n := 0
	for b.Loop() {
		if n++; n%8 == 0 {
			b.StopTimer()
			st.enter(0, wire.Buy, 10000, 1)
			st.publish()
			st.round()
			b.StartTimer()
		}
		a := &attachment{dialect: wire.JSON, version: version, session: nil}
		a.wants = append(a.wants, want{stream: wire.NewStreamID(0, wire.ChannelBook), state: true})
		if !st.hub.attach(a) {
			b.Fatal("refused")
		}
		a.reset(st.hub)
		st.queue.in.items = st.queue.in.items[:0]
	}
}

// BenchmarkSubscribe is everything from a client's frame to its
// acknowledgement and state, for a stream that others of its group hear.
func BenchmarkSubscribe(b *testing.B) {
	for _, entry := range []string{"bbo.S0", "book.S0", "bbo.*"} {
		b.Run(entry, func(b *testing.B) {
			st := newStage(b, 100)
			for i := range 100 {
				st.move(i, 10)
			}
			first := st.open(Options{}, unlimited)
			first.subscribe(entry)
			text := wire.AppendClientFrame(nil, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(`{"op":"subscribe","id":7,"streams":["`+entry+`"]}`))
			buf := make([]byte, len(text))
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				p := st.open(Options{}, unlimited)
				p.count = true
				st.rounds()
				copy(buf, text)
				b.StartTimer()
				p.m.input(buf)
				st.round()
				st.round()
				b.StopTimer()
				p.m.kill(closeAbnormal, "test", true)
				st.rounds()
				b.StartTimer()
			}
		})
	}
}

// BenchmarkResync is the return of a client that missed frames of many
// streams.
func BenchmarkResync(b *testing.B) {
	const symbols = 500
	st := newStage(b, symbols)
	for i := range symbols {
		st.move(i, 4)
	}
	p := st.open(Options{}, unlimited)
	p.count = true
	p.subscribe("bbo.*", "trade.*", "book.*")
	b.ReportAllocs()
	for b.Loop() {
		b.StopTimer()
		p.room = 0
		st.move(st.steps%symbols, 2)
		st.steps++
		st.round()
		b.StartTimer()
		p.m.fallOff()
		p.give(unlimited)
		st.rounds()
	}
}

// BenchmarkRelieve is what a publisher pays when a shard's inbox is full.
func BenchmarkRelieve(b *testing.B) {
	var full delivery
	for i := range inboxItemsMax {
		full.add(packetOf(uint32(i%500), wire.ChannelBBO, uint64(i)))
	}
	b.ReportAllocs()
	for b.Loop() {
		d := full
		d.relieve(inboxItemsMax / 2)
	}
}

// BenchmarkAttachLastTurn is how long a subscription to a stream of each of 500
// symbols holds the hub's mutex in its last turn, when all have moved.
func BenchmarkAttachLastTurn(b *testing.B) {
	const symbols = 500
	for _, slot := range []wire.Slot{slotBBO, slotStatus, slotBook, wire.NewSlot(wire.ChannelDepth20, wire.RateEvery)} {
		b.Run(string(slot.Stream(0).AppendName(nil, "*")), func(b *testing.B) {
			st := newStage(b, symbols)
			for i := range symbols {
				st.deepen(i, 20)
			}
			version := st.hub.listings.Load().version
			b.ReportAllocs()
			for b.Loop() {
				b.StopTimer()
				for i := range symbols {
					st.move(i, 1)
				}
				st.round()
				a := &attachment{dialect: wire.JSON, version: version}
				for i := range uint32(symbols) {
					a.wants = append(a.wants, want{stream: slot.Stream(i), state: true, fresh: true})
				}
				st.hub.prepare(a)
				b.StartTimer()
				st.hub.settle(a)
				b.StopTimer()
				a.reset(st.hub)
				st.queue.in.items = st.queue.in.items[:0]
				b.StartTimer()
			}
		})
	}
}

// BenchmarkCaptureOrders is how long the hub's mutex is held for a snapshot of
// all resting orders.
func BenchmarkCaptureOrders(b *testing.B) {
	for _, orders := range []int{1000, 20_000} {
		b.Run(fmt.Sprintf("orders=%d", orders), func(b *testing.B) {
			st := newStage(b, 1)
			for i := range orders {
				st.enter(0, wire.Buy, wire.Price(5*(1000+i*7919%990)), 100)
			}
			st.publish()
			for b.Loop() {
				if n := len(st.hub.symbols[0].captureOrders().frame.order.Events); n != orders {
					b.Fatal(n)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(orders), "ns/order")
		})
	}
}
