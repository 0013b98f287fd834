package marketsim

import (
	"fmt"
	"math"
	"testing"

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
