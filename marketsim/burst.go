package marketsim

import (
	"math"

	"tickcast/orderbook"
	"tickcast/wire"
)

// burst is events beside those of the clock, which they do not excite: a
// Poisson process that begins and ends.
type burst struct {
	next   int64 // MaxInt64 when there is none
	end    int64
	gap    int64  // mean, ns
	stuffs bool   // one order, again and again, instead of what is usual
	order  uint64 // the one that stuffs, 0 if it is not in the book
}

// erupt carries out the event of the burst that is due.
func (f *flow) erupt(dst []wire.Event) []wire.Event {
	b := &f.script.burst
	now := b.next
	gap := int64(f.tables.exponential(f.script.rand.next()) >> 16 * uint64(b.gap) >> 16)
	b.next += 1 + gap
	over := b.next >= b.end
	switch {
	case b.stuffs:
		dst = f.stuff(dst, over)
	default:
		dst = f.act(dst, now)
	}
	if over && b.order == 0 {
		b.next = math.MaxInt64
	}
	return dst
}

// stuff adds an order behind the touch, where nobody trades, or cancels it.
func (f *flow) stuff(dst []wire.Event, over bool) []wire.Event {
	b := &f.script.burst
	if id := b.order; id != 0 {
		b.order = 0
		if _, ok := f.book.Lookup(id); ok {
			return f.cancel(dst, id)
		}
		return dst
	}
	if over || f.state != wire.StateTrading {
		return dst
	}
	sign := int64(1)
	if f.script.rand.chance(1 << 15) {
		sign = -1
	}
	start := len(dst)
	dst = f.enter(dst, sign, f.touch(sign)-1-f.depth, orderbook.Limit, f.unit)
	if len(dst) > start && dst[start].Kind == wire.EventAccepted {
		b.order = dst[start].ID
	}
	return dst
}
