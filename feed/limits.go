package feed

import "tickcast/wire"

// slowNanos is the age of the oldest unsent byte from which a session counts
// as slow: ten times what a busy server takes.
const slowNanos = int64(1e9)

// Limit names a bound that clients meet. The zero Limit is none.
type Limit uint8

// The limits of a session that are counted, beside the rate of control
// messages (ShardStats.Refused).
const (
	LimitPings       Limit = iota + 1 // pings and pongs that were ignored
	LimitInbound                      // pauses of reading: too many bytes
	LimitAssembly                     // messages that were not completed in time
	LimitMessage                      // messages that were too big
	LimitNames                        // requests with too many names
	LimitEntries                      // names that were one entry too many
	LimitBadMessages                  // connections with too many bad messages in a row
	LimitCount                        // how large an array by Limit is
)

// String returns the limit's name, for metrics.
func (l Limit) String() string {
	switch l {
	case LimitPings:
		return "pings"
	case LimitInbound:
		return "inbound"
	case LimitAssembly:
		return "assembly"
	case LimitMessage:
		return "message"
	case LimitNames:
		return "names"
	case LimitEntries:
		return "entries"
	case LimitBadMessages:
		return "bad_messages"
	default:
		return "none"
	}
}

// resumed counts how a stream went on for somebody who came back with a cursor.
func (t *ShardStats) resumed(w *want) {
	switch {
	case !w.resume:
	case w.recovered:
		t.Recovered++
	case w.reason != "":
		t.Lost++
	default:
		t.Restated++
	}
}

// GapCounts are gap frames announced, by reason.
type GapCounts struct{ Slow, Overload, Upstream, History, Epoch uint64 }

func (c *GapCounts) count(reason wire.GapReason, n uint64) {
	switch reason {
	case wire.GapSlow:
		c.Slow += n
	case wire.GapOverload:
		c.Overload += n
	case wire.GapUpstream:
		c.Upstream += n
	case wire.GapHistory:
		c.History += n
	case wire.GapEpoch:
		c.Epoch += n
	}
}

func (c *GapCounts) add(o *GapCounts) {
	c.Slow += o.Slow
	c.Overload += o.Overload
	c.Upstream += o.Upstream
	c.History += o.History
	c.Epoch += o.Epoch
}
