package orderbook

import (
	"fmt"

	"tickcast/wire"
)

// SetState changes the trading state. Leaving StateAuction for trading or
// closed ends the auction with an uncross; so does trading whenever the book is
// crossed, because continuous trading never is.
func (b *Book) SetState(dst []wire.Event, s wire.State) []wire.Event {
	if s-wire.StateTrading > wire.StateClosed-wire.StateTrading {
		return append(dst, wire.Event{Kind: wire.EventRejected, Reason: wire.ReasonState})
	}
	before := b.state
	b.state = s
	b.reconsider()
	dst = append(dst, wire.Event{Kind: wire.EventStateSet, State: s})
	if s == wire.StateTrading || before == wire.StateAuction && s == wire.StateClosed {
		dst = b.uncross(dst)
	}
	return b.appendTouched(b.appendElected(dst))
}

// collecting reports whether orders rest without matching.
func (b *Book) collecting() bool {
	return b.state.Collecting()
}

// SetBand sets the price band, both ends included: new prices outside are
// rejected, market orders trade no further. Orders that rest outside stay.
// 0, 0 removes it.
func (b *Book) SetBand(low, high wire.Price) error {
	if low > high {
		return fmt.Errorf("orderbook: price band from %d to %d is empty", low, high)
	}
	b.low, b.high = low, high
	b.banded = low != 0 || high != 0
	b.reconsider()
	return nil
}

// SetReference sets the price to which an uncross keeps nearest when nothing
// else decides. Without one it is the last trade's.
func (b *Book) SetReference(p wire.Price) { b.reference = p }
