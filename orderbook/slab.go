package orderbook

// A handle is an order's slot and the generation of the slot:
//
//	52           24 23      0
//	| generation   | slot    |
const (
	slotBits  = 24
	slotMask  = 1<<slotBits - 1
	ordersMax = slotMask // resting orders of a book
)

// newOrder takes a slot. In a book with handles its id is set; 0 if the book is
// full. It may move the slab.
func (b *Book) newOrder() int32 {
	slot := b.freeOrder
	if slot != 0 {
		o := &b.orders[slot]
		b.freeOrder = o.next
		o.id &= idMask
		return slot
	}
	if len(b.orders) > ordersMax {
		return 0
	}
	b.orders = append(grown(b.orders), order{})
	slot = int32(len(b.orders) - 1)
	b.orders[slot].id = 1<<slotBits | uint64(slot)
	return slot
}

// release frees the slot of an order that is in no level any more, and its id
// with it.
func (b *Book) release(slot int32) {
	if b.outside {
		b.index.remove(b.orders[slot].id&idMask, slot)
	}
	b.abandon(slot)
}

// abandon frees the slot of an order that was never enrolled. Its id is the
// slot's next handle; in a book with outside ids it has no meaning.
func (b *Book) abandon(slot int32) {
	o := &b.orders[slot]
	o.id = (o.id+1<<slotBits)&idMask | flagFree
	o.next = b.freeOrder
	b.freeOrder = slot
}

// slotOf returns the slot of a live order, 0 if there is none of that id.
func (b *Book) slotOf(id uint64) int32 {
	if b.outside {
		return b.index.find(id, b.orders)
	}
	// Slot 0 has id 0, which finds it: nothing.
	slot := id & slotMask
	if slot < uint64(len(b.orders)) && b.orders[slot].id&(idMask|flagFree) == id && id < flagFree {
		return int32(slot)
	}
	return 0
}
