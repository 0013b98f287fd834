package server

import (
	"github.com/prometheus/client_golang/prometheus"

	"tickcast/feed"
)

// stages describes how long a tick takes from one stage to the next: match to
// encode, for each batch of a source; encode to write, for the oldest tick of
// each round of a shard.
var stages = prometheus.NewDesc("tickcast_stage_seconds", "Time between two stages of a tick.", []string{"stage"}, nil)

// collectStages sends both histograms.
func collectStages(ch chan<- prometheus.Metric, t *totals) {
	ch <- histogram(&t.hub.MatchToEncode, "match_to_encode")
	ch <- histogram(&t.shards.EncodeToWrite, "encode_to_write")
}

// histogram converts counts by bucket to counts up to each bound.
func histogram(l *feed.Latency, stage string) prometheus.Metric {
	buckets := make(map[float64]uint64, len(l.Buckets))
	below := uint64(0)
	for i, n := range l.Buckets[:len(l.Buckets)-1] {
		below += n
		buckets[float64(l.BoundNanos(i))/1e9] = below
	}
	return prometheus.MustNewConstHistogram(stages, l.Count, float64(l.SumNanos)/1e9, buckets, stage)
}
