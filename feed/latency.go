package feed

import "math/bits"

// latencyBuckets are powers of two from 1 us: the last but one ends at 4 s.
const latencyBuckets = 24

// Latency is a histogram of durations between two stages.
type Latency struct {
	Count    uint64
	SumNanos int64
	Buckets  [latencyBuckets]uint64 // Buckets[i] counts those below BoundNanos(i), and not below the one before
}

// BoundNanos returns the upper bound of a bucket; the last has none.
func (*Latency) BoundNanos(bucket int) int64 { return 1000 << bucket }

// observe counts a duration. One that is negative, because two clocks were
// read on two processors, counts as 0.
func (l *Latency) observe(nanos int64) {
	nanos = max(nanos, 0)
	l.Count++
	l.SumNanos += nanos
	l.Buckets[min(bits.Len64(uint64(nanos/1000)), latencyBuckets-1)]++
}

func (l *Latency) add(o *Latency) {
	l.Count += o.Count
	l.SumNanos += o.SumNanos
	for i := range l.Buckets {
		l.Buckets[i] += o.Buckets[i]
	}
}
