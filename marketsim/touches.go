package marketsim

import (
	"fmt"

	"tickcast/orderbook"
	"tickcast/wire"
)

// touches rebuilds the books of a tape's instruments from its events alone, for
// their best prices.
type touches struct {
	books []*orderbook.Book
	ticks []float64
}

func newTouches(instruments []wire.Instrument) (*touches, error) {
	t := &touches{}
	for i := range instruments {
		book, err := orderbook.New(orderbook.Config{OutsideIDs: true, Tick: instruments[i].Tick})
		if err != nil {
			return nil, err
		}
		t.books = append(t.books, book)
		t.ticks = append(t.ticks, float64(instruments[i].Tick))
	}
	return t, nil
}

// add follows the tape. Its error means that the tape contradicts itself.
func (t *touches) add(b *wire.Batch) error {
	for i := range b.Txns {
		book, events := t.books[b.Txns[i].Instrument], b.EventsOf(i)
		for j := range events {
			if err := book.Apply(&events[j]); err != nil {
				return fmt.Errorf("transaction at %d: %w", b.Txns[i].Time, err)
			}
		}
	}
	return nil
}

// mid returns the mean of an instrument's best prices, ticks.
func (t *touches) mid(instrument int) float64 {
	top := t.books[instrument].Top()
	return float64(top.Bid.Price+top.Ask.Price) / 2 / t.ticks[instrument]
}
