package marketsim

import (
	"fmt"
	"math"
	"testing"
	"time"

	"tickcast/wire"
)

// BenchmarkSim reports the cost of an event as tickcast sim counts them: a
// command to a book with all that it sets off, one transaction of the tape.
// Order flow, matching and merging are included, hashing is not.
func BenchmarkSim(b *testing.B) {
	for _, symbols := range []int{1, 10, 256, 4096} {
		b.Run(fmt.Sprint(symbols), func(b *testing.B) {
			s := newSim(b, Config{Symbols: symbols})
			var batch wire.Batch
			for s.Next() < 60e9 { // in which slabs and buffers grow
				batch.Reset()
				s.Step(&batch, 60e9, 1024)
			}
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				s.Step(&batch, math.MaxInt64, 1024)
				n += len(batch.Txns)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/event")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "events/s")
		})
	}
}

// BenchmarkRealTime reports the share of a core that a market of 500 symbols
// takes at speed 1, when it is stepped so often.
func BenchmarkRealTime(b *testing.B) {
	for _, step := range []time.Duration{time.Millisecond, 20 * time.Millisecond} {
		b.Run(step.String(), func(b *testing.B) {
			s := newSim(b, Config{Symbols: 500})
			var batch wire.Batch
			now := int64(0)
			for ; now < 10e9; now += 10e6 {
				batch.Reset()
				s.Step(&batch, now, math.MaxInt32)
			}
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				now += int64(step)
				s.Step(&batch, now, math.MaxInt32)
			}
			b.ReportMetric(float64(b.Elapsed())/float64(b.N)/float64(step), "cores")
		})
	}
}
