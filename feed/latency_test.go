package feed

import "testing"

func TestLatencyBuckets(t *testing.T) {
	var l Latency
	for nanos, bucket := range map[int64]int{-5: 0, 0: 0, 999: 0, 1000: 1, 1999: 1, 2000: 2, 4e9: 22, 1 << 62: latencyBuckets - 1} {
		before := l.Buckets[bucket]
		l.observe(nanos)
		if l.Buckets[bucket] != before+1 {
			t.Errorf("%d ns is not in bucket %d: %v", nanos, bucket, l.Buckets)
		}
		if nanos >= 0 && bucket < latencyBuckets-1 && nanos >= l.BoundNanos(bucket) {
			t.Errorf("%d ns is not below the bound %d", nanos, l.BoundNanos(bucket))
		}
	}
	var sum Latency
	sum.add(&l)
	if sum != l {
		t.Errorf("got %v; want %v", sum, l)
	}
}
