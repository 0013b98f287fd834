package orderbook

import (
	"math/rand/v2"
	"sync"
	"testing"

	"tickcast/wire"
)

// workload is a stream of commands after an opening that fills the book: 52 %
// limit orders that rest, 43 % cancels of a random live order, 5 % IOC orders
// with about 2.9 fills. Its own seed fixes it.
type workload struct {
	name     string
	standing int   // live orders
	half     int64 // ticks on each side of the middle over which orders lie
	step     int64 // ticks between prices that are in use
}

var workloads = []workload{
	{"near", 20_000, 497, 1},
	{"sparse", 20_000, 2_100_000, 290},
	{"deep", 40_000, 23, 1},
}

const (
	workloadOps    = 3_000_000
	workloadSeed   = 20261123
	workloadMiddle = 10_000_000
)

type opKind uint8

const (
	opAdd opKind = iota
	opCancel
	opTake
)

// op is one command of a stream. ref is the caller's own compact number of the
// order, by which a caller keeps its handle.
type op struct {
	id    uint32
	price int32
	ref   int32
	qty   int16
	kind  opKind
	side  wire.Side
}

// generator keeps the live orders of the stream it makes.
type generator struct {
	w    workload
	rng  *rand.Rand
	book *Book
	next uint32
	live []op           // orders that rest
	at   map[uint32]int // id to its place in live
	free []int32        // refs that are not in use
	refs int32
	buf  []wire.Event
	fill int // fills of IOC orders
	take int // IOC orders
}

var streams sync.Map // workload name to *stream

type stream struct {
	opening, ops []op
	refs         int
	fills        float64 // an IOC order
	levels       int
}

func (w workload) stream(tb testing.TB) *stream {
	if s, ok := streams.Load(w.name); ok {
		return s.(*stream)
	}
	b, err := New(Config{OutsideIDs: true})
	if err != nil {
		tb.Fatal(err)
	}
	g := &generator{w: w, rng: rand.New(rand.NewPCG(workloadSeed, uint64(w.half))), book: b, at: map[uint32]int{}}
	s := &stream{}
	for len(g.live) < w.standing {
		s.opening = append(s.opening, g.add())
	}
	s.levels = len(b.AppendLevels(nil, wire.Buy, 0)) + len(b.AppendLevels(nil, wire.Sell, 0))
	s.ops = make([]op, 0, workloadOps)
	for range workloadOps {
		// Cancels make room for adds: the number of orders stands.
		switch x := g.rng.IntN(100); {
		case x < 95 && len(g.live) <= w.standing:
			s.ops = append(s.ops, g.add())
		case x < 95:
			s.ops = append(s.ops, g.cancel())
		default:
			s.ops = append(s.ops, g.takes())
		}
	}
	s.refs, s.fills = int(g.refs), float64(g.fill)/float64(g.take)
	streams.Store(w.name, s)
	return s
}

func (g *generator) add() op {
	o := op{kind: opAdd, side: wire.Buy + wire.Side(g.rng.IntN(2)), qty: int16(1 + g.rng.IntN(100))}
	g.next++
	o.id = g.next
	away := 1 + g.w.step*g.rng.Int64N(g.w.half/g.w.step)
	if o.side == wire.Buy {
		away = -away
	}
	o.price = int32(workloadMiddle + away)
	if n := len(g.free); n > 0 {
		o.ref, g.free = g.free[n-1], g.free[:n-1]
	} else {
		o.ref = g.refs
		g.refs++
	}
	g.at[o.id] = len(g.live)
	g.live = append(g.live, o)
	g.run(&o)
	return o
}

func (g *generator) cancel() op {
	o := g.live[g.rng.IntN(len(g.live))]
	o.kind = opCancel
	g.run(&o)
	return o
}

// takes is an IOC order of about the size of two resting ones, which fill it with a part of a third.
func (g *generator) takes() op {
	o := op{kind: opTake, side: wire.Buy + wire.Side(g.rng.IntN(2)), qty: int16(47 + g.rng.IntN(100))}
	g.next++
	o.id = g.next
	o.price = workloadMiddle + int32(g.w.half)
	if o.side == wire.Sell {
		o.price = workloadMiddle - int32(g.w.half)
	}
	g.take++
	g.run(&o)
	return o
}

func (g *generator) run(o *op) {
	g.buf = o.run(g.book, g.buf[:0])
	for i := range g.buf {
		switch e := &g.buf[i]; e.Kind {
		case wire.EventTrade:
			g.fill++
		case wire.EventRemove:
			n := g.at[uint32(e.ID)]
			g.free = append(g.free, g.live[n].ref)
			last := len(g.live) - 1
			g.live[n] = g.live[last]
			g.at[g.live[n].id] = n
			g.live = g.live[:last]
			delete(g.at, uint32(e.ID))
		}
	}
}

// run executes the op on a book with outside ids.
func (o *op) run(b *Book, dst []wire.Event) []wire.Event {
	if o.kind == opCancel {
		return b.Cancel(dst, uint64(o.id))
	}
	order := Order{ID: uint64(o.id), Type: Limit, Side: o.side, Qty: wire.Qty(o.qty), Price: wire.Price(o.price)}
	if o.kind == opTake {
		order.Type = IOC
	}
	return b.Enter(dst, &order)
}
