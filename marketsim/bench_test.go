package marketsim

import (
	"fmt"
	"math"
	"testing"

	"tickcast/wire"
)

// BenchmarkSim reports the cost of a transaction, order flow, matching and
// merging included.
func BenchmarkSim(b *testing.B) {
	for _, symbols := range []int{1, 10, 256} {
		b.Run(fmt.Sprint(symbols), func(b *testing.B) {
			s := newSim(b, Config{Symbols: symbols})
			var batch wire.Batch
			s.Step(&batch, 1e9, math.MaxInt32)
			n := 0
			b.ReportAllocs()
			for b.Loop() {
				batch.Reset()
				s.Step(&batch, math.MaxInt64, 1024)
				n += len(batch.Txns)
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/txn")
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "txn/s")
		})
	}
}
