package feed

import (
	"fmt"
	"slices"

	"tickcast/orderbook"
	"tickcast/wire"
)

// taleLevels is how many levels a side a tale remembers.
const taleLevels = 20

// tale is what really happened to a symbol, told by its matching book alone:
// the executions, and what was displayed at each update.
type tale struct {
	book   *orderbook.Book
	ids    []uint64 // of orders that were accepted
	hidden bool
	shown  []shownBook // by upd
	trades []wire.Event
}

// shownBook is what was displayed: the best levels, unless the book was hidden.
type shownBook struct {
	hidden     bool
	bids, asks []wire.Level
}

func newTale(in *wire.Instrument) *tale {
	book, err := orderbook.New(orderbook.Config{Tick: in.Tick})
	if err != nil {
		panic(err)
	}
	return &tale{book: book, shown: make([]shownBook, 1)}
}

// note takes the events of a transaction that the book has made.
func (t *tale) note(events []wire.Event) {
	changed := false
	for i := range events {
		switch e := &events[i]; e.Kind {
		case wire.EventTrade:
			t.trades = append(t.trades, *e)
		case wire.EventAccepted:
			t.ids = append(t.ids, e.ID)
		case wire.EventLevelSet:
			changed = true
		default:
		}
	}
	top := t.book.Top()
	isCrossed := top.Bid.Qty > 0 && top.Ask.Qty > 0 && top.Bid.Price >= top.Ask.Price
	hidden := t.book.State().Collecting() || t.hidden && isCrossed
	if hidden != t.hidden || !hidden && changed {
		s := shownBook{hidden: hidden}
		if !hidden {
			s.bids = t.book.AppendLevels(nil, wire.Buy, taleLevels)
			s.asks = t.book.AppendLevels(nil, wire.Sell, taleLevels)
		}
		t.shown = append(t.shown, s)
	}
	t.hidden = hidden
}

func (t *tale) hiddenAt(upd uint64) bool { return upd < uint64(len(t.shown)) && t.shown[upd].hidden }

// same compares the best n levels of a side with what was displayed at upd.
func (t *tale) same(upd uint64, n int, bids, asks []wire.Level) error {
	if upd >= uint64(len(t.shown)) {
		return fmt.Errorf("update %d of %d", upd, len(t.shown)-1)
	}
	s := &t.shown[upd]
	wantBids, wantAsks := s.bids[:min(n, len(s.bids))], s.asks[:min(n, len(s.asks))]
	if !slices.Equal(bids, wantBids) || !slices.Equal(asks, wantAsks) {
		return fmt.Errorf("levels %v %v; at update %d were displayed %v %v", bids, asks, upd, wantBids, wantAsks)
	}
	return nil
}
