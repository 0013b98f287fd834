package orderbook

import "tickcast/wire"

// A hint leads from a price past the ladder to its level: the low bits of the
// price are an index into Book.hints, which holds a live level of a side with
// just these low bits, or 0. Whoever follows one compares keys, and asks the
// ladder if it led to another price. Prices whose levels lie within as many ticks
// as there are hints do not get in each other's way.
//
// With at least two hints a bid and an ask of the same key, which is the other's
// complement, have different hints.
const (
	hintsMin = 16
	hintsMax = 2048 // 8 KiB a book
)

func (b *Book) hint(p wire.Price) *int32 { return &b.hints[uint64(p)&uint64(len(b.hints)-1)] }

// setHint makes the way to a level short. There are at least as many hints as
// levels, up to hintsMax.
func (b *Book) setHint(p wire.Price, at int32) {
	n := len(b.hints)
	for n < len(b.levels) && n < hintsMax {
		n *= 2
	}
	if n > len(b.hints) {
		b.hints = make([]int32, n) // they come back as they are needed
	}
	*b.hint(p) = at
}

// clearHint must be called before a level of a side is given up.
func (b *Book) clearHint(p wire.Price, at int32) {
	if h := b.hint(p); *h == at {
		*h = 0
	}
}
