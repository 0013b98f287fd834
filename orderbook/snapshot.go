package orderbook

import (
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"

	"tickcast/wire"
)

// A snapshot is the whole state of a book: what Restore makes of it answers
// every later command as the original would, handles included.
//
//	"TCS1" | seq | configuration | trading | slots | 4 ladders | free | CRC-32C
//	ladder: levels, each: price | orders in order of priority
//	order:  id and flags | quantity | owner [| reserve | display | price | minimum | type | hidden]
//	slots:  length of the slab, free: its free handles in order of use;
//	        both with handles only
//
// All numbers are varints. The ladders are bids, asks, buy stops, sell stops.

const snapshotMagic = "TCS1"

// ErrSnapshot is returned for bytes that are no snapshot.
var ErrSnapshot = errors.New("bad snapshot")

// AppendSnapshot appends the book's state as of the caller's sequence number.
func (b *Book) AppendSnapshot(dst []byte, seq uint64) []byte {
	start := len(dst)
	dst = append(dst, snapshotMagic...)
	dst = binary.AppendUvarint(dst, seq)
	dst = appendConfig(dst, &b.cfg)
	dst = append(dst, byte(b.state))
	dst = binary.AppendUvarint(dst, b.trades)
	dst = appendBool(dst, b.traded)
	dst = appendBool(dst, b.banded)
	for _, p := range [...]wire.Price{b.last, b.reference, b.low, b.high} {
		dst = binary.AppendVarint(dst, int64(p))
	}
	if !b.outside {
		dst = binary.AppendUvarint(dst, uint64(len(b.orders)))
	}
	for i := range 4 {
		l := b.ladderAt(i)
		dst = binary.AppendUvarint(dst, uint64(l.levels))
		dst = b.appendLadder(dst, l, l.root)
	}
	dst = b.appendFree(dst)
	return binary.LittleEndian.AppendUint32(dst, crcOf(dst[start:]))
}

// Hash returns a SHA-256 of the book's state: of the snapshot at 0.
func (b *Book) Hash() [sha256.Size]byte { return sha256.Sum256(b.AppendSnapshot(nil, 0)) }

// ladderAt returns the ladders in the order of a snapshot.
func (b *Book) ladderAt(i int) *ladder {
	if i < 2 {
		return &b.sides[i]
	}
	return &b.stops[i-2]
}

func (b *Book) appendLadder(dst []byte, l *ladder, ref int32) []byte {
	if ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		for set := n.bits; set != 0; set &= set - 1 {
			dst = b.appendLadder(dst, l, n.child[lowest(set)])
		}
		return dst
	}
	if ref == 0 {
		return dst
	}
	lv := &b.levels[-ref]
	dst = binary.AppendVarint(dst, int64(l.price(lv.key)))
	count := 0
	for slot := lv.head; slot != 0; slot = b.orders[slot].next {
		count++
	}
	dst = binary.AppendUvarint(dst, uint64(count))
	for slot := lv.head; slot != 0; slot = b.orders[slot].next {
		dst = b.appendSlot(dst, slot)
	}
	return dst
}

func (b *Book) appendSlot(dst []byte, slot int32) []byte {
	o := &b.orders[slot]
	dst = binary.AppendUvarint(dst, o.id)
	dst = binary.AppendVarint(dst, o.qty)
	dst = binary.AppendUvarint(dst, uint64(o.owner))
	if o.id&flagRare != 0 {
		r := &b.rares[slot]
		dst = binary.AppendVarint(dst, r.reserve)
		dst = binary.AppendVarint(dst, r.display)
		dst = binary.AppendVarint(dst, r.price)
		dst = binary.AppendVarint(dst, r.min)
		dst = appendBool(append(dst, byte(r.typ)), r.hidden)
	}
	return dst
}

// appendFree appends the free handles: they decide the next ones.
func (b *Book) appendFree(dst []byte) []byte {
	if b.outside {
		return dst
	}
	for slot := b.freeOrder; slot != 0; slot = b.orders[slot].next {
		dst = binary.AppendUvarint(dst, b.orders[slot].id&idMask)
	}
	return dst
}

// Restore returns the book of a snapshot and its sequence number.
func Restore(src []byte) (b *Book, seq uint64, err error) {
	if len(src) < len(snapshotMagic)+4 || string(src[:len(snapshotMagic)]) != snapshotMagic {
		return nil, 0, fmt.Errorf("%w: it does not begin with %s", ErrSnapshot, snapshotMagic)
	}
	body := src[:len(src)-4]
	if binary.LittleEndian.Uint32(src[len(body):]) != crcOf(body) {
		return nil, 0, fmt.Errorf("%w: checksum", ErrSnapshot)
	}
	r := &reader{rest: body[len(snapshotMagic):]}
	seq = r.uint()
	b, err = New(r.config())
	if err != nil {
		return nil, 0, fmt.Errorf("%w: %w", ErrSnapshot, err)
	}
	if b.restore(r); r.err != nil || len(r.rest) > 0 {
		return nil, 0, fmt.Errorf("%w: %w", ErrSnapshot, errShort)
	}
	return b, seq, nil
}

func (b *Book) restore(r *reader) {
	b.state, b.trades = wire.State(r.byte()), r.uint()
	if b.state == 0 || b.state > wire.StateClosed {
		r.fail()
	}
	b.traded, b.banded = r.bool(), r.bool()
	for _, p := range [...]*wire.Price{&b.last, &b.reference, &b.low, &b.high} {
		*p = wire.Price(r.int())
	}
	if !b.outside {
		b.restoreSlots(r)
	}
	for i := range 4 {
		for range r.count(2) {
			b.restoreLevel(r, i)
		}
	}
	if !b.outside {
		b.restoreFree(r)
	}
	b.reconsider()
	for i := range b.sides {
		b.sides[i].top = b.topOf(&b.sides[i])
	}
}

func (b *Book) restoreLevel(r *reader, ladder int) {
	l := b.ladderAt(ladder)
	p := wire.Price(r.int())
	count := r.count(3)
	if count == 0 || p < -PriceMax || p > PriceMax || b.find(l, l.key(p)) != 0 {
		r.fail()
		return
	}
	at := b.level(l, l.key(p))
	for range count {
		b.restoreOrder(r, at, ladder)
	}
}

func (b *Book) restoreOrder(r *reader, at int32, ladder int) {
	tagged := r.uint()
	t := taker{id: tagged & idMask, qty: r.int(), owner: uint32(r.uint()), side: ladder & 1}
	flags := tagged &^ idMask
	if lv := &b.levels[at]; t.qty >= qtyLarge && lv.qty >= levelQtyMax {
		r.fail()
		return
	}
	if t.qty <= 0 || t.qty > int64(QtyMax) || flags&flagFree != 0 || int(flags>>53&1) != t.side ||
		(flags&flagStop != 0) != (ladder > 1) {
		r.fail()
		return
	}
	if t.slot = b.restoredSlot(t.id); t.slot == 0 {
		r.fail()
		return
	}
	b.append(at, &t, flags)
	if lv := &b.levels[at]; flags&flagHidden == 0 {
		lv.qty += t.qty
	} else {
		lv.count--
	}
	if flags&flagRare != 0 {
		*b.rareOf(t.slot) = rare{
			reserve: r.int(), display: r.int(), price: r.int(), min: r.int(), typ: Type(r.byte()), hidden: r.bool(),
		}
		if !b.rares[t.slot].valid(flags) {
			r.fail()
		}
	}
	switch {
	case flags&flagStop != 0:
		b.resting--
		b.waiting++
	case flags&flagsOdd != 0:
		b.odd++
	}
}

// valid reports whether an order with these flags may have such a record.
func (r *rare) valid(flags uint64) bool {
	if flags&flagStop != 0 {
		return (r.typ == Stop || r.typ == StopLimit) && r.reserve == 0 && r.display == 0 && r.min >= 0 &&
			r.price >= -int64(PriceMax) && r.price <= int64(PriceMax)
	}
	return r.display > 0 && r.reserve >= 0 && r.reserve <= int64(QtyMax) && r.reserve/r.display <= icebergPartsMax
}

// restoredSlot takes the slot of an id: with handles the one that it names.
func (b *Book) restoredSlot(id uint64) int32 {
	if b.outside {
		if id == 0 || b.index.find(id, b.orders) != 0 {
			return 0
		}
		slot := b.newOrder()
		b.index.add(id, slot)
		return slot
	}
	slot := id & slotMask
	if slot == 0 || slot >= uint64(len(b.orders)) || b.orders[slot].id != flagFree {
		return 0
	}
	return int32(slot)
}

// restoreSlots makes the slab: slot 0, and one for each order that follows.
func (b *Book) restoreSlots(r *reader) {
	slots := r.count(1)
	if slots == 0 || slots > ordersMax+1 {
		r.fail()
		return
	}
	b.orders = make([]order, slots)
	for i := range b.orders {
		b.orders[i].id = flagFree
	}
}

func (b *Book) restoreFree(r *reader) {
	last := int32(0)
	for range len(b.orders) - 1 - b.resting - b.waiting {
		id := r.uint()
		slot := int32(id & slotMask)
		if slot == 0 || int(slot) >= len(b.orders) || b.orders[slot].id != flagFree || id > IDMax {
			r.fail()
			return
		}
		b.orders[slot].id = id | flagFree
		if last == 0 {
			b.freeOrder = slot
		} else {
			b.orders[last].next = slot
		}
		last = slot
	}
}
