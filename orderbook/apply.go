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
	var err error
	switch e.Kind {
	case wire.EventAdd:
		err = b.applyAdd(e)
	case wire.EventReduce:
		err = b.applyReduce(e)
	case wire.EventRemove:
		err = b.applyRemove(e)
	case wire.EventReplace:
		err = b.applyReplace(e)
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("order %d: %w", e.ID, err)
	}
	for i := range b.sides {
		b.sides[i].top = b.topOf(&b.sides[i])
	}
	return nil
}

func (b *Book) applyAdd(e *wire.Event) error {
	if !b.outside {
		return ErrHandles
	}
	if err := b.applicable(e); err != nil {
		return err
	}
	if e.ID == 0 || e.ID > IDMax || e.Side-wire.Buy > 1 {
		return ErrUnknown
	}
	if b.index.find(e.ID, b.orders) != 0 {
		return ErrDuplicate
	}
	slot := b.newOrder()
	if slot == 0 {
		return ErrQty
	}
	t := taker{id: e.ID, qty: int64(e.Qty), price: e.Price, slot: slot, side: int(e.Side - wire.Buy)}
	b.enrol(&t)
	b.rest(&t)
	return nil
}

func (b *Book) applyReduce(e *wire.Event) error {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return ErrUnknown
	}
	o := &b.orders[slot]
	if e.Qty <= 0 || int64(e.Qty) > o.qty {
		return ErrQty
	}
	b.levels[o.level].qty -= o.qty - int64(e.Qty)
	o.qty = int64(e.Qty)
	return nil
}

func (b *Book) applyRemove(e *wire.Event) error {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return ErrUnknown
	}
	b.take(slot)
	b.release(slot)
	return nil
}

func (b *Book) applyReplace(e *wire.Event) error {
	slot := b.slotOf(e.ID)
	if slot == 0 {
		return ErrUnknown
	}
	if err := b.applicable(e); err != nil {
		return err
	}
	o := &b.orders[slot]
	t := taker{id: e.ID, qty: int64(e.Qty), price: e.Price, slot: slot, owner: o.owner, side: o.side()}
	b.take(slot)
	b.rest(&t)
	return nil
}

// applicable checks quantity and price of an order that is to rest.
func (b *Book) applicable(e *wire.Event) error {
	if e.Qty <= 0 || e.Qty > QtyMax {
		return ErrQty
	}
	if e.Price < -PriceMax || e.Price > PriceMax {
		return ErrPrice
	}
	return nil
}
