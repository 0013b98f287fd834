package orderbook

import (
	"math"
	"testing"
	"time"

	"tickcast/wire"
)

// player runs a stream against a book as a caller does: with outside ids it
// passes them, with handles it keeps them by its own numbers.
type player struct {
	book    *Book
	outside bool
	handles []uint64
	buf     []wire.Event
}

func newPlayer(tb testing.TB, s *stream, outside bool) *player {
	tb.Helper()
	b, err := New(Config{OutsideIDs: outside})
	if err != nil {
		tb.Fatal(err)
	}
	p := &player{book: b, outside: outside, handles: make([]uint64, s.refs), buf: make([]wire.Event, 0, 4096)}
	p.play(s.opening)
	return p
}

// play runs a part of the stream. What it does besides calling the book is
// measured too, so it is little.
func (p *player) play(ops []op) {
	book, buf, handles := p.book, p.buf, p.handles
	var order Order
	for i := range ops {
		o := &ops[i]
		id := uint64(o.id)
		if !p.outside {
			id = handles[o.ref]
		}
		if o.kind == opCancel {
			buf = book.Cancel(buf[:0], id)
			continue
		}
		order.ID, order.Side, order.Qty, order.Price = id, o.side, wire.Qty(o.qty), wire.Price(o.price)
		if order.Type = Limit; o.kind == opTake {
			order.Type = IOC
		}
		buf = book.Enter(buf[:0], &order)
		if o.kind == opAdd && !p.outside {
			handles[o.ref] = buf[0].ID
		}
	}
	p.buf = buf
}

// chunk is the commands between two looks at the clock. The quietest chunk is
// what the book costs on a machine that others use too.
const chunk = 50_000

func BenchmarkWorkload(b *testing.B) {
	for _, w := range workloads {
		for _, ids := range []string{"handles", "outside"} {
			b.Run(w.name+"/"+ids, func(b *testing.B) {
				s := w.stream(b)
				b.ReportAllocs()
				quiet := time.Duration(math.MaxInt64)
				for b.Loop() {
					b.StopTimer()
					p := newPlayer(b, s, ids == "outside")
					b.StartTimer()
					for ops := s.ops; len(ops) > 0; ops = ops[min(len(ops), chunk):] {
						start := time.Now()
						p.play(ops[:chunk])
						quiet = min(quiet, time.Since(start))
					}
				}
				b.ReportMetric(float64(quiet.Nanoseconds())/chunk, "quiet-ns/command")
				ns := float64(b.Elapsed().Nanoseconds()) / float64(b.N) / float64(len(s.ops))
				b.ReportMetric(ns, "ns/command")
				b.ReportMetric(float64(s.levels), "levels")
				b.ReportMetric(s.fills, "fills/IOC")
			})
		}
	}
}
