package wire

// Price is a price in units of 10^-PriceScale of its Instrument.
type Price int64

// Qty is a quantity in units of 10^-QtyScale of its Instrument.
type Qty int64

// ScaleMax is the largest number of decimals of a price or quantity: 10^18 is
// the last power of ten below 2^63.
const ScaleMax = 18

// Level is one price of one side of a book: a price and the displayed
// quantity that rests there. Qty 0 in a delta removes the level; a Level with
// Qty 0 as a best price stands for an empty side.
type Level struct {
	Price Price
	Qty   Qty
}

// Top is the best level of each side. A side without orders has Qty 0.
type Top struct {
	Bid, Ask Level
}

// Side is a side of the book, or of an aggressor. The zero Side is invalid.
type Side uint8

// The sides.
const (
	Buy Side = iota + 1
	Sell
)

// Opposite returns the other side.
func (s Side) Opposite() Side { return Buy + Sell - s }

// String returns "buy", "sell", or "invalid".
func (s Side) String() string {
	switch s {
	case Buy:
		return "buy"
	case Sell:
		return "sell"
	}
	return "invalid"
}
