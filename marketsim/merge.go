package marketsim

// merge orders the transactions of a window, which come as one run in order of
// time for each symbol, by time, symbol and order within the symbol. Runs are
// merged in pairs: as many passes as the number of symbols has bits, where a
// general sort makes as many as the number of transactions has.
type merge struct {
	keys, spare []uint64
	ends        []int // of the runs in keys
}

// A key is the time since the window's start, and below it the index, which
// follows symbol and order within the symbol.
const (
	orderBits = 24
	orderMask = 1<<orderBits - 1
)

func (m *merge) reset() { m.keys, m.ends = m.keys[:0], m.ends[:0] }

// add appends a transaction to the current run.
func (m *merge) add(time int64, index int) {
	if index > orderMask {
		panic("marketsim: a window of market time has too many transactions")
	}
	m.keys = append(m.keys, uint64(time)<<orderBits|uint64(index))
}

// endRun ends the run of a symbol.
func (m *merge) endRun() { m.ends = append(m.ends, len(m.keys)) }

// sorted returns all keys in order, valid until reset.
func (m *merge) sorted() []uint64 {
	for len(m.ends) > 1 {
		m.pass()
	}
	return m.keys
}

// pass merges neighbouring runs.
func (m *merge) pass() {
	out, ends, begin := m.spare[:0], m.ends[:0], 0
	for i := 0; i < len(m.ends); i += 2 {
		end := m.ends[i]
		left := m.keys[begin:end]
		if i+1 < len(m.ends) {
			end = m.ends[i+1]
		}
		out = appendMerged(out, left, m.keys[begin+len(left):end])
		ends = append(ends, end)
		begin = end
	}
	m.keys, m.spare, m.ends = out, m.keys, ends
}

// appendMerged appends two ordered runs in order.
func appendMerged(dst, a, b []uint64) []uint64 {
	for len(a) > 0 && len(b) > 0 {
		if a[0] <= b[0] {
			dst = append(dst, a[0])
			a = a[1:]
		} else {
			dst = append(dst, b[0])
			b = b[1:]
		}
	}
	dst = append(dst, a...)
	return append(dst, b...)
}
