package orderbook

import (
	"cmp"
	"slices"

	"tickcast/wire"
)

// auction is a run of prices, both ends included, at which the same quantity
// would execute.
type auction struct {
	low, high wire.Price
	demand    int64 // bids at these prices or higher
	supply    int64 // asks at these prices or lower
}

func (a *auction) qty() int64 { return min(a.demand, a.supply) }

func (a *auction) imbalance() int64 { return a.demand - a.supply }

// Indicative returns price and quantity at which the book would uncross now;
// the quantity is 0 if it is not crossed.
//
// The price is the one with the most executable quantity; among these with the
// least imbalance; among these, if the imbalance is on the buy side at all of
// them the highest, if on the sell side the lowest; otherwise the nearest to
// the reference, the lower of two equally near.
func (b *Book) Indicative() (wire.Price, wire.Qty) {
	b.steps = b.appendAuctions(b.steps[:0])
	if len(b.steps) == 0 {
		return 0, 0
	}
	var best auction
	buyers, sellers := true, true
	kept := b.steps[:0]
	for _, a := range b.steps {
		better := len(kept) == 0 || a.qty() > best.qty() ||
			a.qty() == best.qty() && abs(a.imbalance()) < abs(best.imbalance())
		if better {
			best, kept, buyers, sellers = a, kept[:0], true, true
		}
		if a.qty() == best.qty() && abs(a.imbalance()) == abs(best.imbalance()) {
			kept = append(kept, a)
			buyers = buyers && a.imbalance() > 0
			sellers = sellers && a.imbalance() < 0
		}
	}
	switch qty := wire.Qty(best.qty()); {
	case buyers:
		return kept[len(kept)-1].high, qty
	case sellers:
		return kept[0].low, qty
	default:
		return b.nearest(kept), qty
	}
}

// nearest returns the price of the ascending runs that is nearest to the
// reference.
func (b *Book) nearest(runs []auction) wire.Price {
	reference := b.reference
	if reference == 0 {
		reference = b.last
	}
	reference = min(max(reference, runs[0].low), runs[len(runs)-1].high) // no nearer to any, and the differences fit
	best := runs[0].low
	for _, a := range runs {
		p := min(max(reference, a.low), a.high)
		p -= (p - a.low) % b.cfg.Tick
		for _, q := range [...]wire.Price{p, min(p+b.cfg.Tick, a.high)} {
			if abs(int64(q-reference)) < abs(int64(best-reference)) {
				best = q
			}
		}
	}
	return best
}

// appendAuctions appends the runs of prices from the best ask to the best bid,
// ascending; none unless the book is crossed.
func (b *Book) appendAuctions(dst []auction) []auction {
	if b.sides[0].best == 0 || b.sides[1].best == 0 {
		return dst
	}
	low, high := b.sides[1].price(b.sides[1].bestKey), b.sides[0].price(b.sides[0].bestKey)
	if low > high {
		return dst
	}
	for i := range b.sides {
		l := &b.sides[i]
		dst = b.appendInterest(dst, l, l.root, l.key([2]wire.Price{low, high}[i]))
	}
	slices.SortFunc(dst, func(x, y auction) int { return cmp.Compare(x.low, y.low) })
	dst = mergeInterest(dst)
	supply, demand := int64(0), int64(0)
	for i := range dst {
		supply = addQty(supply, dst[i].supply)
		dst[i].supply = supply
		j := len(dst) - 1 - i
		demand = addQty(demand, dst[j].demand)
		dst[j].demand = demand
	}
	return b.fillGaps(dst)
}

// appendInterest appends the levels up to a key with their whole quantity.
func (b *Book) appendInterest(dst []auction, l *ladder, ref int32, limit uint64) []auction {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0; set &= set - 1 {
			dst = b.appendInterest(dst, l, n.child[lowest(set)], limit)
		}
		return dst
	}
	lv := &b.levels[-ref]
	if lv.key > limit {
		return dst
	}
	total := int64(0)
	for slot := lv.head; slot != 0; slot = b.orders[slot].next {
		total = addQty(total, b.remainder(slot))
	}
	a := auction{low: l.price(lv.key), high: l.price(lv.key)}
	if l == &b.sides[0] {
		a.demand = total
	} else {
		a.supply = total
	}
	return append(dst, a)
}

// mergeInterest joins a bid and an ask level of one price.
func mergeInterest(dst []auction) []auction {
	n := 0
	for _, a := range dst {
		if n > 0 && dst[n-1].low == a.low {
			dst[n-1].demand += a.demand
			dst[n-1].supply += a.supply
			continue
		}
		dst[n] = a
		n++
	}
	return dst[:n]
}

// fillGaps adds the runs of prices between levels: there the supply is that of
// the level below and the demand that of the level above.
func (b *Book) fillGaps(dst []auction) []auction {
	tick := b.cfg.Tick
	for i, n := 0, len(dst); i+1 < n; i++ {
		if below, above := dst[i], dst[i+1]; above.low-below.low > tick {
			dst = append(dst, auction{
				low: below.low + tick, high: above.low - tick, demand: above.demand, supply: below.supply,
			})
		}
	}
	slices.SortFunc(dst, func(x, y auction) int { return cmp.Compare(x.low, y.low) })
	return dst
}

// uncross trades the crossed part of the book at one price, by price, then by
// time on both sides. The bid is reported as maker, the ask as taker.
func (b *Book) uncross(dst []wire.Event) []wire.Event {
	price, qty := b.Indicative()
	if qty == 0 {
		return dst
	}
	for left := int64(qty); left > 0; {
		var slots [2]int32
		fill := left
		for i := range b.sides {
			at := b.sides[i].best
			b.touch(i, at)
			slots[i] = b.levels[at].head
			fill = min(fill, b.orders[slots[i]].qty)
		}
		left -= fill
		b.trades++
		dst = append(dst, wire.Event{
			Kind: wire.EventTrade, ID: b.orders[slots[0]].id & idMask, Ref: b.orders[slots[1]].id & idMask,
			Trade: b.trades, Price: price, Qty: wire.Qty(fill), Side: wire.Sell,
		})
		dst = b.consume(b.consume(dst, slots[0], fill), slots[1], fill)
	}
	b.last, b.traded = price, true
	return append(dst, wire.Event{Kind: wire.EventUncross, Price: price, Qty: qty})
}

// addQty adds quantities; totals beyond the largest order's bound are as good
// as the bound.
func addQty(x, y int64) int64 { return min(x+y, levelQtyMax) }

func abs(x int64) int64 { return max(x, -x) }
