package wire

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// Instrument is what is traded under a Symbol, with the units of its prices
// and quantities. Treat it as immutable once it is listed.
type Instrument struct {
	Symbol      Symbol
	Base, Quote string // assets, for example BTC and USDT

	PriceScale uint8 // decimals of a printed price
	QtyScale   uint8 // decimals of a printed quantity

	Tick Price // prices are multiples of it, at least 1
	Lot  Qty   // quantities are multiples of it, at least 1
}

// Errors of conversions between decimals and increments.
var (
	ErrTick  = errors.New("not a multiple of the tick")
	ErrLot   = errors.New("not a multiple of the lot")
	ErrRange = errors.New("out of range")
)

// NewInstrument returns the instrument whose scales are the decimals of tick
// and lot as written: tick "0.01" gives PriceScale 2 and Tick 1, tick "0.25"
// PriceScale 2 and Tick 25, tick "5" PriceScale 0 and Tick 5.
func NewInstrument(symbol, base, quote, tick, lot string) (Instrument, error) {
	in := Instrument{Base: base, Quote: quote}
	var err error
	if in.Symbol, err = ParseSymbol(symbol); err != nil {
		return Instrument{}, fmt.Errorf("instrument: %w", err)
	}
	var units int64
	if units, in.PriceScale, err = increment(tick); err != nil {
		return Instrument{}, fmt.Errorf("instrument %s: tick %.32q: %w", symbol, tick, err)
	}
	in.Tick = Price(units)
	if units, in.QtyScale, err = increment(lot); err != nil {
		return Instrument{}, fmt.Errorf("instrument %s: lot %.32q: %w", symbol, lot, err)
	}
	in.Lot = Qty(units)
	return in, nil
}

// MustInstrument is NewInstrument for tables and tests; it panics on an error.
func MustInstrument(symbol, base, quote, tick, lot string) Instrument {
	in, err := NewInstrument(symbol, base, quote, tick, lot)
	if err != nil {
		panic(err)
	}
	return in
}

// ParsePrice converts a decimal number such as "25351.90" to a Price, which
// must be a multiple of the tick.
func (in *Instrument) ParsePrice(s string) (Price, error) {
	units, err := parseUnits(s, in.PriceScale)
	if err != nil {
		return 0, fmt.Errorf("price %.32q: %w", s, err)
	}
	if in.Tick > 1 && units%int64(in.Tick) != 0 {
		return 0, fmt.Errorf("price %.32q: %w", s, ErrTick)
	}
	return Price(units), nil
}

// ParseQty converts a decimal number such as "0.31200" to a Qty, which must be
// a multiple of the lot.
func (in *Instrument) ParseQty(s string) (Qty, error) {
	units, err := parseUnits(s, in.QtyScale)
	if err != nil {
		return 0, fmt.Errorf("quantity %.32q: %w", s, err)
	}
	if in.Lot > 1 && units%int64(in.Lot) != 0 {
		return 0, fmt.Errorf("quantity %.32q: %w", s, ErrLot)
	}
	return Qty(units), nil
}

// PriceDecimal returns p as an exact decimal.
func (in *Instrument) PriceDecimal(p Price) decimal.Decimal {
	return decimal.New(int64(p), -int32(in.PriceScale))
}

// QtyDecimal returns q as an exact decimal.
func (in *Instrument) QtyDecimal(q Qty) decimal.Decimal {
	return decimal.New(int64(q), -int32(in.QtyScale))
}

// numberBytesMax bounds the text of a number before it is parsed: a decimal
// with a huge exponent costs memory.
const numberBytesMax = 40

var errNumber = errors.New("not a plain decimal number")

func parseNumber(s string) (decimal.Decimal, error) {
	if len(s) == 0 || len(s) > numberBytesMax {
		return decimal.Decimal{}, errNumber
	}
	for i := range len(s) {
		c := s[i]
		if (c < '0' || c > '9') && c != '.' && (c != '-' || i > 0) {
			return decimal.Decimal{}, errNumber
		}
	}
	d, err := decimal.NewFromString(s)
	if err != nil {
		return decimal.Decimal{}, errNumber
	}
	return d, nil
}

func parseUnits(s string, scale uint8) (int64, error) {
	d, err := parseNumber(s)
	if err != nil {
		return 0, err
	}
	d = d.Shift(int32(scale))
	if !d.IsInteger() {
		return 0, fmt.Errorf("more than %d decimals", scale)
	}
	if !d.BigInt().IsInt64() {
		return 0, ErrRange
	}
	return d.IntPart(), nil
}

// increment reads a tick or lot and the scale at which it is written.
func increment(s string) (units int64, scale uint8, err error) {
	d, err := parseNumber(s)
	if err != nil {
		return 0, 0, err
	}
	exp := max(-d.Exponent(), 0)
	if exp > ScaleMax {
		return 0, 0, ErrRange
	}
	units, err = parseUnits(s, uint8(exp))
	if err == nil && units <= 0 {
		err = ErrRange
	}
	return units, uint8(exp), err
}
