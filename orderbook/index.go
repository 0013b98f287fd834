package orderbook

// index finds outside ids: open addressing with linear probing over 8-byte
// entries. The home of an entry follows from its own hash, so that deleting
// shifts entries back without looking at an order.
//
//	63    32 31    0
//	| hash  | slot  |   0 is empty
type index struct {
	entries []uint64 // a power of two
	shift   uint8    // 32 - log2(len(entries))
	used    int
	most    int // used, before the table doubles: a half
}

const indexEntriesMin = 16

// hashOf is Fibonacci hashing: the high half of id x 2^64/phi.
func hashOf(id uint64) uint64 { return id * 0x9E3779B97F4A7C15 >> 32 }

// find returns the slot of an id, 0 if it has none.
func (x *index) find(id uint64, orders []order) int32 {
	if x.used == 0 {
		return 0
	}
	h := hashOf(id)
	mask := uint64(len(x.entries) - 1)
	for i := h >> x.shift; ; i++ {
		e := x.entries[i&mask]
		if e>>32 == h && uint32(e) != 0 && orders[uint32(e)].id&idMask == id {
			return int32(uint32(e))
		}
		if e == 0 {
			return 0
		}
	}
}

// add enters an id that the index does not have.
func (x *index) add(id uint64, slot int32) {
	if x.used >= x.most {
		x.grow()
	}
	x.used++
	x.put(hashOf(id)<<32 | uint64(uint32(slot)))
}

// claim enters an id and reports true, or false if the index has it.
func (x *index) claim(id uint64, slot int32, orders []order) bool {
	if x.used >= x.most {
		x.grow()
	}
	h := hashOf(id)
	entries := x.entries
	mask := uint64(len(entries) - 1)
	for i := h >> x.shift & mask; ; i = (i + 1) & mask {
		e := entries[i]
		if e == 0 {
			entries[i] = h<<32 | uint64(uint32(slot))
			x.used++
			return true
		}
		if e>>32 == h && orders[uint32(e)].id&idMask == id {
			return false
		}
	}
}

// take deletes an id and returns its slot, 0 if the index does not have it.
func (x *index) take(id uint64, orders []order) int32 {
	if x.used == 0 {
		return 0
	}
	h := hashOf(id)
	entries := x.entries
	mask := uint64(len(entries) - 1)
	for i := h >> x.shift & mask; ; i = (i + 1) & mask {
		e := entries[i]
		if e == 0 {
			return 0
		}
		if e>>32 == h && orders[uint32(e)].id&idMask == id {
			x.erase(i)
			return int32(uint32(e))
		}
	}
}

func (x *index) put(e uint64) {
	mask := uint64(len(x.entries) - 1)
	i := e >> 32 >> x.shift
	for x.entries[i&mask] != 0 {
		i++
	}
	x.entries[i&mask] = e
}

// remove deletes an id that the index has.
func (x *index) remove(id uint64, slot int32) {
	mask := uint64(len(x.entries) - 1)
	want := hashOf(id)<<32 | uint64(uint32(slot))
	i := want >> 32 >> x.shift & mask
	for x.entries[i] != want {
		i = (i + 1) & mask
	}
	x.erase(i)
}

// erase empties entry i and shifts back each later entry of its run whose home
// is not behind the gap.
func (x *index) erase(i uint64) {
	x.used--
	entries := x.entries
	mask := uint64(len(entries) - 1)
	for j := i; ; {
		j = (j + 1) & mask
		e := entries[j]
		if e == 0 {
			break
		}
		if home := e >> 32 >> x.shift; (j-home)&mask >= (j-i)&mask {
			entries[i] = e
			i = j
		}
	}
	entries[i] = 0
}

func (x *index) grow() {
	old := x.entries
	x.entries = make([]uint64, max(2*len(old), indexEntriesMin))
	x.most = len(x.entries) / 2
	x.shift = 32
	for n := len(x.entries); n > 1; n >>= 1 {
		x.shift--
	}
	for _, e := range old {
		if e != 0 {
			x.put(e)
		}
	}
}
