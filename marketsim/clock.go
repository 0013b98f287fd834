package marketsim

import "math/bits"

// components of the Hawkes kernel. Their half-lives are powers of two of
// nanoseconds, so that elapsed steps are a shift: 262 us, 8.4 ms, 1.07 s, 137 s.
const components = 4

var halfLifeBits = [components]uint{18, 23, 30, 37}

// rateBits is the fixed point of intensities: events a nanosecond in units of
// 2^-50 spans one event an hour to ten million a second.
const rateBits = 50

// excitation is what an instrument's clock does not change: shared by all
// that have the same profile.
type excitation struct {
	base  uint64             // intensity of immigrants
	jumps [components]uint64 // intensity that one event adds
	means [components]uint64 // mean intensity of what events set off
}

// newExcitation returns the excitation with a mean rate of milliHertz and the
// given branching ratios of the components, in units of 2^-16.
func newExcitation(milliHertz uint64, branching [components]uint32) excitation {
	var e excitation
	total := branchingRatio(branching)
	// milliHertz * 2^50 / 10^12, and the share that is not set off by others.
	hi, lo := bits.Mul64(milliHertz<<(rateBits-16), uint64(1<<16-total))
	e.base, _ = bits.Div64(hi, lo, 1e12)
	hi, lo = bits.Mul64(milliHertz<<(rateBits-16), 1<<16)
	mean, _ := bits.Div64(hi, lo, 1e12)
	for i, n := range branching {
		e.means[i] = mean >> 16 * uint64(n)
		// jump * halfLife / ln 2 = n
		hi, _ := bits.Mul64(uint64(n)<<(rateBits-16), ln2)
		e.jumps[i] = hi >> halfLifeBits[i]
	}
	return e
}

// branchingRatio returns how many events an event sets off in the mean, in
// units of 2^-16. From 65536 on a clock explodes.
func branchingRatio(branching [components]uint32) uint32 {
	var total uint32
	for _, n := range branching {
		total += n
	}
	return total
}

// clock draws the times of a symbol's events: a Hawkes process with four
// exponential components (Hardiman, Bercot, Bouchaud 2013), sampled by
// thinning (Ogata 1981). A component decays lazily, in whole steps of 1/1024
// of its half-life, and keeps the rest of the time for later.
type clock struct {
	levels [components]uint64 // intensity
	at     [components]int64  // time up to which it has decayed
}

// newClock returns a clock at time 0 that has run for ever.
func newClock(e *excitation) clock { return clock{levels: e.means} }

// next returns the time of the event after the one at now, and lets that one
// excite the clock weight/65536 times.
func (c *clock) next(t *tables, r *random, e *excitation, now int64, weight uint64) int64 {
	for i := range c.levels {
		c.levels[i] += e.jumps[i] * weight >> 16
	}
	bound := c.rate(t, e, now)
	for {
		wait := t.exponential(r.next()) << (rateBits - 32) / bound
		now += 1 + int64(wait)
		rate := c.rate(t, e, now)
		if r.below(bound) < rate {
			return now
		}
		bound = rate
	}
}

// rate returns the intensity at now.
func (c *clock) rate(t *tables, e *excitation, now int64) uint64 {
	rate := e.base
	for i, level := range c.levels {
		shift := halfLifeBits[i] - tableBits
		if steps := uint64(now-c.at[i]) >> shift; steps > 0 {
			level = t.decay(level, steps)
			c.levels[i] = level
			c.at[i] += int64(steps << shift)
		}
		rate += level
	}
	return rate
}
