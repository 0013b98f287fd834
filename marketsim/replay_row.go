package marketsim

import (
	"strconv"

	"tickcast/orderbook"
	"tickcast/wire"
)

// What LOBSTER writes for a level that is not there.
const (
	lobsterNoAsk = "9999999999,0"
	lobsterNoBid = "-9999999999,0"

	lobsterPriceExp = 4
)

// RowWriter appends books as rows of a LOBSTER orderbook file:
//
//	ask price 1,ask size 1,bid price 1,bid size 1,ask price 2,…
//
// Prices are x 10^4; a level that is not there is 9999999999,0 or
// -9999999999,0.
type RowWriter struct {
	Levels           int // a side
	PriceExp, QtyExp int // decimals of the book's prices and quantities
	bids, asks       []wire.Level
}

// AppendRow appends the row of a book, without a line break. A nil book is
// empty.
func (w *RowWriter) AppendRow(dst []byte, b *orderbook.Book) []byte {
	w.bids, w.asks = w.bids[:0], w.asks[:0]
	if b != nil {
		w.bids = b.AppendLevels(w.bids, wire.Buy, w.Levels)
		w.asks = b.AppendLevels(w.asks, wire.Sell, w.Levels)
	}
	for i := range w.Levels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = w.appendLevel(dst, w.asks, i, lobsterNoAsk)
		dst = append(dst, ',')
		dst = w.appendLevel(dst, w.bids, i, lobsterNoBid)
	}
	return dst
}

func (w *RowWriter) appendLevel(dst []byte, levels []wire.Level, i int, none string) []byte {
	if i >= len(levels) {
		return append(dst, none...)
	}
	dst = appendScaled(dst, int64(levels[i].Price), w.PriceExp-lobsterPriceExp)
	dst = append(dst, ',')
	return appendScaled(dst, int64(levels[i].Qty), w.QtyExp)
}

// appendScaled appends n x 10^-exp without trailing zeros behind the point. exp
// may be at most 0 digits short of an integer.
func appendScaled(dst []byte, n int64, exp int) []byte {
	for exp > 0 && n%10 == 0 {
		n /= 10
		exp--
	}
	if exp <= 0 {
		return strconv.AppendInt(dst, n, 10)
	}
	if n < 0 {
		dst = append(dst, '-')
		n = -n
	}
	unit := int64(1)
	for range exp {
		unit *= 10
	}
	dst = strconv.AppendInt(dst, n/unit, 10)
	dst = append(dst, '.')
	fraction := strconv.AppendInt(nil, unit+n%unit, 10)
	return append(dst, fraction[1:]...)
}
