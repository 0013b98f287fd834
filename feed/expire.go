package feed

// Bounds of expire.
const (
	// expireNanos is how often the hub looks for what it need not keep.
	expireNanos = int64(10e9)
	// expireChunksMax bounds a turn of the mutex: a chunk takes some 0.2 us, a
	// symbol without one or an event that was pending about as long.
	expireChunksMax = 256
	// spareChunks is what is kept for reuse however little was used.
	spareChunks = 16
)

// expire lets go of what a burst has left behind: history that is older than
// it may be, chunks beyond those that are used again, what is pending of
// symbols that are quiet, and states that nobody has asked for since it looked
// before. It does so from symbol i on, in one turn of the mutex, and returns
// where the next turn begins, and whether there is one.
func (h *Hub) expire(i int, wall int64) (at int, more bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if i == 0 && wall < h.expireAt {
		return 0, false
	}
	for budget := expireChunksMax; budget > 0 && i < len(h.symbols); budget-- {
		s := h.symbols[i]
		if s.history.expired(wall) {
			h.archive.evictFirst(&s.history)
			continue
		}
		s.forgetStates()
		if wall-s.orderTP > expireNanos {
			budget -= s.image.rest()
		}
		i++
	}
	if i < len(h.symbols) {
		return i, true
	}
	h.archive.thin()
	h.expireAt = wall + expireNanos
	return i, false
}

// expired reports whether the oldest chunk may go. The youngest stays: it is
// small, and lets whoever comes back to a quiet symbol go on without a gap.
func (h *history) expired(wall int64) bool {
	return len(h.chunks) > 1 && wall-h.chunks[0].youngest().tp > historyNanosMax
}

// forgetStates lets go of states that were not asked for since the last time.
func (s *symbol) forgetStates() {
	for slot := range s.states {
		if s.asked>>slot&1 == 0 {
			s.states[slot] = nil
		}
	}
	s.asked = 0
}

// thin lets go of free chunks, but for twice as many as were used since the
// last time.
func (a *archive) thin() {
	last := &a.free
	for range spareChunks + 2*a.used {
		if *last == nil {
			break
		}
		last = &(*last).next
	}
	*last, a.used = nil, 0
}
