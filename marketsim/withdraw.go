package marketsim

import (
	"tickcast/orderbook"
	"tickcast/wire"
)

// fleetingShare of cancels hit an order placed near the touch a moment ago,
// Q16 (Hasbrouck, Saar 2009).
const fleetingShare = 65536 * 60 / 100

// The ways in which an order is withdrawn, Q16: the rest are cancels.
const (
	reduceShare  = 65536 * 5 / 100
	replaceShare = 65536 * 8 / 100
)

// remember notes an order that rests.
func (f *flow) remember(id uint64) {
	if len(f.live) == cap(f.live) {
		f.forget()
	}
	f.live = append(f.live, id)
}

// forget drops the ids of orders that are gone. The list has twice the room of
// what the book holds, so it is swept once in as many placements.
func (f *flow) forget() {
	kept := f.live[:0]
	for _, id := range f.live {
		if _, ok := f.book.Lookup(id); ok {
			kept = append(kept, id)
		}
	}
	f.live = kept
}

// withdraw cancels an order, or takes a part of it back, or moves it.
func (f *flow) withdraw(dst []wire.Event) []wire.Event {
	o, ok := f.victim()
	if !ok {
		return f.place(dst, f.side())
	}
	sign := signOf(o.Side)
	if f.counts[o.Side-wire.Buy] <= f.orders/thinShare {
		return f.place(dst, sign)
	}
	start := len(dst)
	switch u := f.rand.next() >> 48; {
	case u < reduceShare && int64(o.Qty) >= 2*f.lot:
		by := int64(o.Qty) / 2
		dst = f.book.Reduce(dst, o.ID, wire.Qty(by-by%f.lot))
	case u >= reduceShare && u < reduceShare+replaceShare:
		price := wire.Price(f.choose(sign) * sign * f.tick)
		dst = f.book.Replace(dst, o.ID, o.Qty, price)
	default:
		return f.cancel(dst, o.ID)
	}
	f.observe(dst[start:])
	return dst
}

// cancel takes an order out of the book.
func (f *flow) cancel(dst []wire.Event, id uint64) []wire.Event {
	start := len(dst)
	dst = f.book.Cancel(dst, id)
	f.observe(dst[start:])
	return dst
}

// victim returns the order to withdraw: a fleeting one or any. It may find
// none.
func (f *flow) victim() (orderbook.Resting, bool) {
	u := f.rand.next()
	if u&0xffff < fleetingShare {
		// Ages are uniform on a logarithmic scale.
		octave := u >> 16 & 0xffff * recentBits >> 16
		age := 1<<octave - 1 + u>>32&(1<<octave-1)
		if o, ok := f.book.Lookup(f.recent[(f.newest-age)%recentMax]); ok {
			return o, true
		}
	}
	return f.anyOrder()
}

// anyOrder returns a resting order at random, none if a few attempts met only
// orders that are gone.
func (f *flow) anyOrder() (orderbook.Resting, bool) {
	for range 8 {
		n := uint64(len(f.live))
		if n == 0 {
			break
		}
		i := f.rand.below(n)
		if o, ok := f.book.Lookup(f.live[i]); ok {
			return o, true
		}
		f.live[i] = f.live[n-1]
		f.live = f.live[:n-1]
	}
	return orderbook.Resting{}, false
}
