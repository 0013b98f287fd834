package orderbook

import (
	"errors"
	"fmt"

	"tickcast/wire"
)

// Errors of Apply, wrapped with the order's id.
var (
	ErrUnknown   = errors.New("no such order")
	ErrDuplicate = errors.New("the id is in use")
	ErrQty       = errors.New("quantity out of range")
	ErrPrice     = errors.New("price out of range")
	ErrHandles   = errors.New("a book with handles has no outside ids")
)

// Apply is building mode: it takes another book's EventAdd, EventReduce,
// EventRemove or EventReplace and makes the same change without matching, so
// that the book may be crossed. Other kinds are ignored. On an error nothing
// has changed. The book must have outside ids.
func (b *Book) Apply(e *wire.Event) error {
	if !changes(e.Kind) {
		return nil
	}
	l, err := b.change(e)
	if err != nil {
		return err
	}
	l.top = b.topOf(l)
	return nil
}

// Build is Apply for recorded messages that are to be published: it appends
// the events, and after them what they changed level by level and whether the
// top moved, as one command would. At the first event that cannot be applied
// it stops, reports what was changed, and returns the error.
func (b *Book) Build(dst []wire.Event, events []wire.Event) ([]wire.Event, error) {
	var err error
	for i := range events {
		e := &events[i]
		b.touchChange(e)
		if changes(e.Kind) {
			if _, err = b.change(e); err != nil {
				break
			}
		}
		if e.Kind == wire.EventTrade {
			b.trades, b.last, b.traded = e.Trade, e.Price, true
		}
		dst = append(dst, *e)
	}
	return b.appendTouched(dst), err
}

// touchChange touches the levels that a change concerns, those too that do not
// exist yet.
func (b *Book) touchChange(e *wire.Event) {
	side := int(e.Side - wire.Buy)
	if !changes(e.Kind) {
		return
	}
	if slot := b.slotOf(e.ID); slot != 0 {
		b.touchOrder(slot)
		side = b.orders[slot].side()
	}
	if e.Kind == wire.EventReduce || e.Kind == wire.EventRemove || side > 1 {
		return
	}
	l := &b.sides[side]
	key := l.key(e.Price)
	if at := b.find(l, key); at != 0 {
		b.touch(side, at)
		return
	}
	for i := range b.touched {
		if t := &b.touched[i]; t.key == key && int(t.side) == side {
			return
		}
	}
	b.touched = append(b.touched, touch{key: key, side: uint8(side)})
}

// changes reports whether events of a kind change an L3 book.
func changes(k wire.EventKind) bool { return k-wire.EventAdd <= wire.EventReplace-wire.EventAdd }

// change makes an event's change and returns the side that has changed.
func (b *Book) change(e *wire.Event) (*ladder, error) {
	var l *ladder
	var err error
	switch e.Kind {
	case wire.EventAdd:
		l, err = b.applyAdd(e)
	case wire.EventReduce:
		l, err = b.applyReduce(e)
	case wire.EventRemove:
		l, err = b.applyRemove(e)
	default:
		l, err = b.applyReplace(e)
	}
	if err != nil {
		return nil, fmt.Errorf("order %d: %w", e.ID, err)
	}
	return l, nil
}

func (b *Book) applyAdd(e *wire.Event) (*ladder, error) {
	if !b.outside {
		return nil, ErrHandles
	}
	if e.ID == 0 || e.ID > IDMax || e.Side-wire.Buy > 1 {
		return nil, ErrUnknown
	}
	if err := b.applicable(e, e.Side); err != nil {
		return nil, err
	}
	if b.index.find(e.ID, b.orders) != 0 {
		return nil, ErrDuplicate
	}
	slot := b.newOrder()
	if slot == 0 {
		return nil, ErrQty
	}
	t := taker{id: e.ID, qty: int64(e.Qty), price: e.Price, slot: slot, side: int(e.Side - wire.Buy)}
	b.enrol(&t)
	b.rest(&t)
	return &b.sides[t.side], nil
}

func (b *Book) applyReduce(e *wire.Event) (*ladder, error) {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return nil, ErrUnknown
	}
	o := &b.orders[slot]
	if e.Qty <= 0 || int64(e.Qty) > o.qty {
		return nil, ErrQty
	}
	b.levels[o.level].qty -= o.qty - int64(e.Qty)
	o.qty = int64(e.Qty)
	return &b.sides[o.side()], nil
}

func (b *Book) applyRemove(e *wire.Event) (*ladder, error) {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return nil, ErrUnknown
	}
	l := &b.sides[b.orders[slot].side()]
	b.take(slot)
	b.release(slot)
	return l, nil
}

func (b *Book) applyReplace(e *wire.Event) (*ladder, error) {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return nil, ErrUnknown
	}
	o := &b.orders[slot]
	l := &b.sides[o.side()]
	if err := b.applicable(e, wire.Buy+wire.Side(o.side())); err != nil {
		return nil, err
	}
	if lv := &b.levels[o.level]; o.next == 0 && o.id>>54 == 0 && lv.key == l.key(e.Price) {
		// The last order of its level goes to the back of it: it stays.
		lv.qty += int64(e.Qty) - o.qty
		o.qty = int64(e.Qty)
		return l, nil
	}
	t := taker{id: e.ID, qty: int64(e.Qty), price: e.Price, slot: slot, owner: o.owner, side: o.side()}
	b.take(slot)
	b.rest(&t)
	return l, nil
}

// applicable checks quantity and price of an order that is to rest.
func (b *Book) applicable(e *wire.Event, side wire.Side) error {
	if e.Price < -PriceMax || e.Price > PriceMax {
		return ErrPrice
	}
	if e.Qty <= 0 || e.Qty > QtyMax || !b.fits(&b.sides[side-wire.Buy], e.Price, e.Qty) {
		return ErrQty
	}
	return nil
}
