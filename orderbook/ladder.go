package orderbook

import (
	"math/bits"

	"tickcast/wire"
)

// ladder is the levels of one side in order of price: a 64-ary radix tree over
// keys. Every node has at least two children, so a tree of n levels has fewer
// than n nodes wherever the prices are.
type ladder struct {
	bestKey uint64
	mask    uint64     // key = price ^ mask
	mark    uint64     // of the side, for events
	top     wire.Level // best displayed level as last announced
	best    int32      // level with the smallest key, 0 if there is none
	root    int32      // reference: 0 nothing, positive a node, negative a level
	levels  int32
}

// keyNone is greater than every key: prices are bounded by priceMax.
const keyNone = ^uint64(0)

// The masks turn a two's complement price into a key: asks ascend with the
// price, bids descend.
const (
	maskAsk = 1 << 63
	maskBid = 1<<63 - 1
)

// node is an inner node of a ladder:
//
//	key   | prefix | 6 bits: child | below |
//	       ^63      ^shift+5        ^shift-1
//
// The shift, a multiple of 6, stands in the references to the node, so that a
// walk down loads one child a node and nothing else:
//
//	reference of a node  30       6 5     0
//	                     | node    | shift |
type node struct {
	bits   uint64 // which children exist
	prefix uint64 // what all keys below have in common, key >> (shift+6)
	child  [64]int32
}

func nodeOf(ref int32) int32 { return ref >> 6 }

// shiftOf returns an unsigned count below 64, for which Go shifts unchecked.
func shiftOf(ref int32) uint { return uint(ref) & 63 }

func (l *ladder) price(key uint64) wire.Price { return wire.Price(key ^ l.mask) }

func (l *ladder) key(p wire.Price) uint64 { return uint64(p) ^ l.mask }

// find returns the level of a key, 0 if there is none.
func (b *Book) find(l *ladder, key uint64) int32 {
	ref := l.root
	for ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		ref = n.child[key>>shiftOf(ref)&63]
	}
	if b.levels[-ref].key != key { // levels[0] has a key that no order has
		return 0
	}
	return -ref
}

// level returns the level of a key, made if it does not exist.
func (b *Book) level(l *ladder, key uint64) int32 {
	parent, at := int32(0), uint64(0)
	ref := l.root
	for ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		if above := shiftOf(ref) + 6; key>>above != n.prefix {
			return b.insert(l, parent, at, n.prefix<<above, ref, key)
		}
		parent, at = ref, key>>shiftOf(ref)&63
		ref = n.child[at]
	}
	have := b.levels[-ref].key
	if have == key {
		return -ref
	}
	return b.insert(l, parent, at, have, ref, key)
}

// insert makes the level of a key that the ladder does not have, where the walk
// to it ended: at a child of parent that is ref, of refKey, or 0.
func (b *Book) insert(l *ladder, parent int32, at, refKey uint64, ref int32, key uint64) int32 {
	slot := b.newLevel(key)
	switch {
	case ref != 0:
		b.split(l, parent, at, refKey, ref, key, -slot)
	case parent == 0:
		l.root = -slot
	default:
		n := &b.nodes[nodeOf(parent)]
		n.child[at&63] = -slot
		n.bits |= 1 << (at & 63)
	}
	l.levels++
	if key < l.bestKey {
		l.best, l.bestKey = slot, key
	}
	if len(b.touched) > 0 {
		b.retouch(l, slot, key)
	}
	return slot
}

// split puts a node where ref was, with ref and leaf as its children.
func (b *Book) split(l *ladder, parent int32, at uint64, refKey uint64, ref int32, key uint64, leaf int32) {
	shift := (bits.Len64(refKey^key) - 1) / 6 * 6
	slot := b.newNode()
	n := &b.nodes[slot]
	n.prefix = key >> (shift + 6)
	i, j := refKey>>shift&63, key>>shift&63
	n.child[i], n.child[j] = ref, leaf
	n.bits = 1<<i | 1<<j
	joint := slot<<6 | int32(shift)
	if parent == 0 {
		l.root = joint
	} else {
		b.nodes[nodeOf(parent)].child[at] = joint
	}
}

// drop removes an empty level.
func (b *Book) drop(l *ladder, slot int32) {
	lv := &b.levels[slot]
	key := lv.key
	if lv.touch != 0 {
		b.touched[lv.touch-1].level = 0
	}
	b.clearHint(l.price(key), slot)
	b.unlinkLevel(l, key)
	l.levels--
	*lv = level{key: keyNone, head: b.freeLevel}
	b.freeLevel = slot
	if slot == l.best {
		b.rebest(l)
	}
}

func (b *Book) unlinkLevel(l *ladder, key uint64) {
	grand, grandAt := int32(0), uint64(0)
	parent, at := int32(0), uint64(0)
	for ref := l.root; ref > 0; {
		n := &b.nodes[nodeOf(ref)]
		grand, grandAt = parent, at
		parent, at = ref, key>>shiftOf(ref)&63
		ref = n.child[at]
	}
	if parent == 0 {
		l.root = 0
		return
	}
	n := &b.nodes[nodeOf(parent)]
	n.child[at] = 0
	n.bits &^= 1 << at
	if n.bits&(n.bits-1) != 0 {
		return
	}
	// One child is left: it takes the node's place.
	last := lowest(n.bits)
	only := n.child[last]
	n.child[last], n.bits = 0, 0
	n.prefix = uint64(b.freeNode)
	b.freeNode = nodeOf(parent)
	if grand == 0 {
		l.root = only
	} else {
		b.nodes[nodeOf(grand)].child[grandAt] = only
	}
}

// rebest finds the smallest key.
func (b *Book) rebest(l *ladder) {
	ref := l.root
	for ref > 0 {
		n := &b.nodes[nodeOf(ref)]
		ref = n.child[lowest(n.bits)]
	}
	l.best = -ref
	l.bestKey = b.levels[-ref].key
}

// newLevel takes an empty level from the slab. It may move the slab.
func (b *Book) newLevel(key uint64) int32 {
	slot := b.freeLevel
	if slot != 0 {
		b.freeLevel = b.levels[slot].head
		b.levels[slot] = level{key: key}
		return slot
	}
	b.levels = append(grown(b.levels), level{key: key})
	return int32(len(b.levels) - 1)
}

// newNode takes a node without children from the slab. It may move the slab.
func (b *Book) newNode() int32 {
	slot := b.freeNode
	if slot != 0 {
		b.freeNode = int32(b.nodes[slot].prefix)
		return slot
	}
	if len(b.nodes) == 0 {
		b.nodes = append(b.nodes, node{}) // 0 is no node
	}
	b.nodes = append(grown(b.nodes), node{})
	return int32(len(b.nodes) - 1)
}

// grown returns s with room for one more. It grows by little, because
// memory a book is bounded and growing is rare.
func grown[T any](s []T) []T {
	if len(s) < cap(s) {
		return s
	}
	t := make([]T, len(s), len(s)+len(s)/32+4)
	copy(t, s)
	return t
}

// lowest returns the index of the lowest bit that is set, below 64.
func lowest(set uint64) int { return bits.TrailingZeros64(set) & 63 }
