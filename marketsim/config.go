package marketsim

import (
	"errors"
	"fmt"

	"github.com/shopspring/decimal"
)

// Config says which market to simulate. The zero Config is the catalogue under
// seed 0.
type Config struct {
	// Seed chooses the tape: the same seed and symbols give the same bytes on
	// every machine.
	Seed uint64

	// Symbols is the number of instruments, at most SymbolsMax. 0 stands for
	// SymbolsDefault, the catalogue; those beyond it are generated.
	Symbols int

	// Preset is how they trade. 0 stands for PresetCrypto.
	Preset Preset

	// Branching is how many events an event sets off in the mean, in per
	// mille, below 1,000. 0 stands for 880, as in real markets.
	Branching int

	// Liquidity is how many orders rest in the books, in per mille of what is
	// listed. 0 stands for 1,000; a negative one is an error.
	Liquidity int

	// Tick replaces the tick of every instrument, a decimal number. Spreads
	// keep their number of ticks. "" leaves what is listed.
	Tick string

	// Timeline is what happens to the market, and when. Before a cue the tape is
	// that of the market without it.
	Timeline []Cue

	// Metaorders are worked off beside the market's own flow. Those of an
	// instrument must be in order of time and not overlap.
	Metaorders []Metaorder
}

// ErrConfig is what New's errors wrap.
var ErrConfig = errors.New("marketsim: bad configuration")

// check returns the number of symbols.
func (cfg *Config) check() (symbols int, err error) {
	n := cfg.Symbols
	if n == 0 {
		n = SymbolsDefault
	}
	switch {
	case n < 0 || n > SymbolsMax:
		return 0, fmt.Errorf("%w: %d symbols; want 1 to %d", ErrConfig, n, SymbolsMax)
	case int(cfg.Preset) >= len(presetNames):
		return 0, fmt.Errorf("%w: preset %d", ErrConfig, cfg.Preset)
	case cfg.Liquidity < 0:
		return 0, fmt.Errorf("%w: zero liquidity: nobody would quote, so nothing could trade", ErrConfig)
	case cfg.Liquidity > liquidityMax:
		return 0, fmt.Errorf("%w: liquidity of %d/1000; want at most %d/1000", ErrConfig, cfg.Liquidity, liquidityMax)
	}
	return n, nil
}

// liquidityMax, 20 times what is listed, keeps the number of resting orders
// within what the integers of the event path carry.
const liquidityMax = 20_000

// ordersMin is the least number of resting orders with which both sides keep
// enough to be taken from.
const ordersMin = 4 * thinShare

// listing returns the instrument with the given index as cfg wants it.
func (cfg *Config) listing(index int) (listing, error) {
	l := listingAt(index)
	cfg.Preset.apply(&l)
	l.orders = 200 + l.changes/350
	if cfg.Liquidity > 0 {
		l.orders = l.orders * cfg.Liquidity / 1000
	}
	if l.orders < ordersMin {
		return l, fmt.Errorf("%w: %s: liquidity of %d resting orders; want at least %d, or a side runs empty",
			ErrConfig, l.symbol, l.orders, ordersMin)
	}
	if cfg.Tick == "" {
		return l, nil
	}
	tick, err := decimal.NewFromString(cfg.Tick)
	if err != nil || !tick.IsPositive() || len(cfg.Tick) > tickBytesMax {
		return l, fmt.Errorf("%w: tick %.32q; want a number above 0", ErrConfig, cfg.Tick)
	}
	price, err := decimal.NewFromString(l.price)
	if err != nil {
		return l, fmt.Errorf("%w: price of %s: %w", ErrConfig, l.symbol, err)
	}
	if tick.GreaterThan(price) {
		return l, fmt.Errorf("%w: %s: tick %s above price %s", ErrConfig, l.symbol, cfg.Tick, l.price)
	}
	ticks := price.Div(tick).Floor()
	if ticks.LessThan(decimal.NewFromInt(ticksMin(&l))) {
		return l, fmt.Errorf("%w: %s: a tick of %s at a price of %s: a spread of %d ticks needs a price of at least %d",
			ErrConfig, l.symbol, cfg.Tick, l.price, l.spreadTicks, ticksMin(&l))
	}
	l.tick, l.price = cfg.Tick, ticks.Mul(tick).String()
	return l, nil
}

// tickBytesMax bounds the text of a tick: a huge exponent costs memory.
const tickBytesMax = 20

// ticksMin is the least price in ticks: below 50 spreads it would come near 0
// within the fifth that it may wander.
func ticksMin(l *listing) int64 { return 50 * int64(l.spreadTicks) }
