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
		at, ok := f.within(sign, f.choose(sign))
		if !ok {
			return f.cancel(dst, o.ID)
		}
		dst = f.book.Replace(dst, o.ID, o.Qty, wire.Price(at*sign*f.tick))
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
	if !f.rand.chance(fleetingShare) {
		return f.anyOrder()
	}
	for range 3 {
		// Ages are uniform on a logarithmic scale.
		u := f.rand.next()
		octave := u >> 48 * recentBits >> 16
		age := 1<<octave - 1 + u&(1<<octave-1)
		if o, ok := f.book.Lookup(f.recent[(f.newest-age)%recentMax]); ok {
			return o, true
		}
	}
	return f.anyOrder()
}

// anyOrder returns a resting order at random. It may find none.
func (f *flow) anyOrder() (orderbook.Resting, bool) {
	for range 8 {
		if o, ok := f.book.Sample(f.rand.next()); ok {
			return o, true
		}
	}
	return orderbook.Resting{}, false
}
