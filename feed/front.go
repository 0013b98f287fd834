package feed

import (
	"tickcast/orderbook"
	"tickcast/wire"
)

// frontLevels is how many levels of a side are known without its book. With as
// many a side is a cache line, and they outlast most sweeps.
const frontLevels = 3

// front is the best levels of a side of a book, as far as the levels that
// transactions set tell them.
type front struct {
	levels [frontLevels]wire.Level // the best first; from n on zero
	n      int8
	whole  bool // the side has no other levels
	side   wire.Side
	edge   wire.Price // unless whole: the side has no other levels that are as good
}

// known reports whether the first level is the best of the side, or zero
// because there is none.
func (f *front) known() bool { return f.n > 0 || f.whole }

// follow takes in the levels that a transaction set, in their order.
func (f *front) follow(levels []wire.Event) {
	for i := range levels {
		f.set(wire.Level{Price: levels[i].Price, Qty: levels[i].Qty})
	}
}

// set makes the total at a price what l says; quantity 0 removes the level.
func (f *front) set(l wire.Level) {
	i := 0
	for i < int(f.n) && f.better(f.levels[i].Price, l.Price) {
		i++
	}
	switch {
	case i < int(f.n) && f.levels[i].Price == l.Price:
		if f.levels[i].Qty = l.Qty; l.Qty == 0 {
			copy(f.levels[i:], f.levels[i+1:])
			f.n--
			f.levels[f.n] = wire.Level{}
		}
	case l.Qty == 0, !f.whole && f.better(f.edge, l.Price): // of those that are not known
	default:
		f.insert(i, l)
	}
}

func (f *front) insert(i int, l wire.Level) {
	if f.n < frontLevels {
		copy(f.levels[i+1:], f.levels[i:])
		f.levels[i] = l
		f.n++
		return
	}
	// One is too many, l or the last.
	if i < frontLevels {
		copy(f.levels[i+1:], f.levels[i:])
		f.levels[i] = l
	}
	f.whole, f.edge = false, f.levels[frontLevels-1].Price
}

func (f *front) better(a, b wire.Price) bool {
	if f.side == wire.Buy {
		return a > b
	}
	return a < b
}

// read makes the levels those of the book.
func (f *front) read(book *orderbook.Book) {
	n := len(book.AppendLevels(f.levels[:0], f.side, frontLevels))
	clear(f.levels[n:])
	f.n, f.whole, f.edge = int8(n), n < frontLevels, f.levels[frontLevels-1].Price
}
