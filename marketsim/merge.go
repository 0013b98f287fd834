package marketsim

// merge orders the transactions of a window, which come one symbol after
// another, by time, symbol and order within the symbol: a radix sort of their
// times. It is stable, and the order in which they come is that of symbols.
// Merging the symbols' runs in pairs has a branch for each transaction and pass
// that nobody can predict, which cost a quarter of all time with 256 symbols.
type merge struct {
	keys, spare []uint64
	times       uint64 // all keys' bits
}

// A key is the time since the window's start, and below it the index.
const (
	orderBits = 24
	orderMask = 1<<orderBits - 1
)

// digitBits is how many bits of the time a pass sorts by.
const digitBits = 8

func (m *merge) reset() { m.keys, m.times = m.keys[:0], 0 }

// add appends a transaction. Indices ascend.
func (m *merge) add(time int64, index int) {
	if index > orderMask {
		panic("marketsim: a window of market time has too many transactions")
	}
	key := uint64(time)<<orderBits | uint64(index)
	m.keys = append(m.keys, key)
	m.times |= key
}

// sorted returns all keys in order, valid until reset.
func (m *merge) sorted() []uint64 {
	if cap(m.spare) < len(m.keys) {
		m.spare = make([]uint64, cap(m.keys))
	}
	for shift := orderBits; m.times>>shift != 0; shift += digitBits {
		m.pass(uint(shift))
	}
	return m.keys
}

// pass sorts by a digit.
func (m *merge) pass(shift uint) {
	var ends [1<<digitBits + 1]uint32
	for _, key := range m.keys {
		ends[key>>(shift&63)&(1<<digitBits-1)+1]++
	}
	for i := range 1 << digitBits {
		ends[i+1] += ends[i]
	}
	out := m.spare[:len(m.keys)]
	for _, key := range m.keys {
		at := &ends[key>>(shift&63)&(1<<digitBits-1)]
		out[*at] = key
		*at++
	}
	m.keys, m.spare = out, m.keys
}
