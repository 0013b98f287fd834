package orderbook

import (
	"fmt"
	"math"
	"slices"
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
				b.ReportMetric(float64(bytesOf(newPlayer(b, s, ids == "outside").book))/1024, "KiB")
				b.ReportMetric(s.fills, "fills/IOC")
			})
		}
	}
}

// BenchmarkLatency times every command by itself. The clock's own cost, the
// median of two looks at it in a row, is subtracted.
func BenchmarkLatency(b *testing.B) {
	names := [...]string{opAdd: "add", opCancel: "cancel", opTake: "ioc"}
	for _, w := range workloads {
		b.Run(w.name, func(b *testing.B) {
			s := w.stream(b)
			clock := clockNanos()
			var took [len(names)][]int32
			for b.Loop() {
				b.StopTimer()
				p := newPlayer(b, s, false)
				b.StartTimer()
				for i := range s.ops[:latencyOps] {
					start := time.Now()
					p.play(s.ops[i : i+1])
					ns := time.Since(start).Nanoseconds() - clock
					kind := s.ops[i].kind
					took[kind] = append(took[kind], int32(max(ns, 0)))
				}
			}
			var all []int32
			for kind, ns := range took {
				reportQuantiles(b, names[kind], ns)
				all = append(all, ns...)
			}
			reportQuantiles(b, "all", all)
		})
	}
}

const latencyOps = 500_000

func clockNanos() int64 {
	ns := make([]int64, 1001)
	for i := range ns {
		start := time.Now()
		ns[i] = time.Since(start).Nanoseconds()
	}
	slices.Sort(ns)
	return ns[len(ns)/2]
}

func reportQuantiles(b *testing.B, what string, ns []int32) {
	slices.Sort(ns)
	for _, q := range []struct {
		name string
		at   float64
	}{{"p50", .5}, {"p99", .99}, {"p99.9", .999}} {
		b.ReportMetric(float64(ns[int(q.at*float64(len(ns)-1))]), what+"-"+q.name+"-ns")
	}
}

// BenchmarkBooks drives many books, each with 2,000 standing orders, one command
// a book in turn, and in bursts of 64.
func BenchmarkBooks(b *testing.B) {
	w := workload{name: "books", standing: 2_000, half: 497, step: 1}
	for _, books := range []int{1, 16, 128, 1024} {
		for _, burst := range []int{1, 64} {
			b.Run(fmt.Sprintf("%d/burst=%d", books, burst), func(b *testing.B) {
				s := w.stream(b)
				players := make([]*player, books)
				done, quiet := 0, math.Inf(1)
				for b.Loop() {
					b.StopTimer()
					for i := range players {
						players[i] = newPlayer(b, s, false)
						players[i].buf = players[0].buf // as one source's batch
					}
					b.StartTimer()
					n, ns := playTurns(players, s.ops[:workloadOps/books], burst)
					done += n
					quiet = min(quiet, ns)
				}
				b.ReportMetric(quiet, "quiet-ns/command")
				b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/command")
			})
		}
	}
}

// playTurns returns the commands done, and ns a command in the quietest stretch
// of at least a chunk.
func playTurns(players []*player, ops []op, burst int) (done int, quiet float64) {
	quiet = math.Inf(1)
	start, from := time.Now(), 0
	for len(ops) > 0 {
		n := min(burst, len(ops))
		for _, p := range players {
			p.play(ops[:n])
		}
		done += n * len(players)
		ops = ops[n:]
		if done-from >= chunk {
			now := time.Now()
			quiet = min(quiet, float64(now.Sub(start).Nanoseconds())/float64(done-from))
			start, from = now, done
		}
	}
	return done, quiet
}

// BenchmarkApply measures building mode: the same stream's L3 events.
func BenchmarkApply(b *testing.B) {
	s := workloads[0].stream(b)
	var events []wire.Event
	p := newPlayer(b, s, true)
	for i := range s.ops[:chunk] {
		p.play(s.ops[i : i+1])
		events = append(events, p.buf...)
	}
	source := newPlayer(b, s, true)
	opening := source.book.AppendSnapshot(nil, 0)
	done := 0
	for b.Loop() {
		b.StopTimer()
		book, _, err := Restore(opening)
		if err != nil {
			b.Fatal(err)
		}
		b.StartTimer()
		for i := range events {
			if err := book.Apply(&events[i]); err != nil {
				b.Fatal(err)
			}
		}
		done += chunk
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(done), "ns/command")
}
