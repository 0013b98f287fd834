package marketsim

import (
	"math"
	"math/bits"
)

// components of the Hawkes kernel, the fast ones first.
const (
	components     = 4
	fastComponents = 2
)

// The mean delays of fast components, ns: half-lives of 250 us and 10 ms.
var fastDelays = [fastComponents]uint64{360_674, 14_426_950}

// The half-lives of slow components are powers of two of nanoseconds, so that
// elapsed steps are a shift: 1.07 s and 137 s.
var slowBits = [components - fastComponents]uint{30, 37}

// rateBits is the fixed point of intensities: events a nanosecond in units of
// 2^-50 spans one event an hour to ten million a second.
const rateBits = 50

// offspringMax bounds the events that one sets off directly in a fast
// component: a Poisson variate of mean 1 exceeds it once in a million.
const offspringMax = 8

// excitation is what an instrument's clock does not change: shared by all
// that have the same profile.
type excitation struct {
	base uint64 // intensity of immigrants at par

	// offspring[i][k] is the chance of more than k children, in units of 2^-32.
	offspring [fastComponents][offspringMax]uint32

	jumps [components - fastComponents]uint64 // intensity that one event adds
	jump  uint64                              // their sum
	means [components - fastComponents]uint64 // mean intensity of what events set off
}

// newExcitation returns the excitation with a mean rate of milliHertz and the
// given branching ratios of the components, in units of 2^-16.
func newExcitation(milliHertz uint64, branching [components]uint32) excitation {
	var e excitation
	share := func(of uint32) uint64 { // of the mean intensity
		// milliHertz * 2^50 / 10^12 events a nanosecond
		hi, lo := bits.Mul64(milliHertz<<(rateBits-16), uint64(of))
		rate, _ := bits.Div64(hi, lo, 1e12)
		return rate
	}
	e.base = share(1<<16 - branchingRatio(branching))
	for i := range fastComponents {
		e.offspring[i] = poissonTail(uint64(branching[i]) << 16)
	}
	for i, n := range branching[fastComponents:] {
		e.means[i] = share(n)
		// jump * halfLife / ln 2 = n
		hi, _ := bits.Mul64(uint64(n)<<(rateBits-16), ln2)
		e.jumps[i] = hi >> slowBits[i]
		e.jump += e.jumps[i]
	}
	return e
}

// poissonTail returns the chances that a Poisson variate exceeds 0, 1, 2, …
// Mean, at most 1, and chances are in units of 2^-32.
func poissonTail(mean uint64) (tail [offspringMax]uint32) {
	// exp(-mean) by its series.
	term, chance := int64(1<<32), int64(0)
	for k := int64(1); term != 0; k++ {
		chance += term
		term = -term * int64(mean>>2) >> 30 / k
	}
	left := int64(1<<32) - chance
	for k := range tail {
		tail[k] = uint32(max(left, 0))
		chance = chance * int64(mean>>2) >> 30 / int64(k+1)
		left -= chance
	}
	return tail
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
// exponential components (Hardiman, Bercot, Bouchaud 2013).
//
// The slow components are an intensity, sampled by thinning (Ogata 1981). It
// decays lazily, in whole steps of 1/256 of a half-life, and keeps the rest of
// the time for later. The fast components are drawn as the children of each
// event (Hawkes, Oakes 1974): most events have none, whereas thinning would
// propose three times for each event.
type clock struct {
	base   uint64                              // intensity of immigrants
	levels [components - fastComponents]uint64 // intensity of slow components
	at     [components - fastComponents]int64  // time up to which they have decayed
	calm   uint64                              // sum of base and levels, always
	due    int64                               // next step of the first slow component

	children []int64 // times of children to come, the last one first
}

// childrenMax bounds the children that wait in a clock. With a branching ratio
// of two thirds in fast components a burst of so many does not happen; if it
// did, it would be cut.
const childrenMax = 512

// newClock returns a clock at time 0 that has run for ever, but for the last
// few milliseconds.
func newClock(e *excitation) clock {
	c := clock{base: e.base, levels: e.means, calm: e.base, children: make([]int64, 0, 16)}
	for _, level := range c.levels {
		c.calm += level
	}
	return c
}

// setBase changes the intensity of immigrants.
func (c *clock) setBase(base uint64) {
	c.calm += base - c.base
	c.base = base
}

// begin returns the time of the first event.
func (c *clock) begin(t *tables, r *random) int64 { return c.next(t, r, 0) }

// happen lets an event at now excite the clock, and returns the time of the
// next one.
func (c *clock) happen(t *tables, r *random, e *excitation, now int64) int64 {
	for i := range c.levels {
		c.levels[i] += e.jumps[i]
	}
	c.calm += e.jump
	u := r.next()
	for i := range e.offspring {
		for k := 0; k < offspringMax && uint32(u) < e.offspring[i][k]; k++ {
			delay, _ := bits.Mul64(t.exponential(r.next())<<16, fastDelays[i]<<16)
			c.insert(now + 1 + int64(delay))
		}
		u >>= 32
	}
	return c.next(t, r, now)
}

// insert keeps the children in order: there are one or two.
func (c *clock) insert(at int64) {
	if len(c.children) == childrenMax {
		return
	}
	c.children = append(c.children, at)
	for i := len(c.children) - 1; i > 0 && c.children[i-1] < at; i-- {
		c.children[i-1], c.children[i] = at, c.children[i-1]
	}
}

// next returns the time of the next event after now: the first child, or an
// event of the intensity before it.
func (c *clock) next(t *tables, r *random, now int64) int64 {
	first := int64(math.MaxInt64)
	last := len(c.children) - 1
	if last >= 0 {
		first = c.children[last]
	}
	if now >= c.due {
		c.settle(t, now)
	}
	for {
		bound := c.calm
		now += 1 + int64(t.exponential(r.next())<<(rateBits-32)/bound)
		if now >= first {
			c.children = c.children[:last]
			return first
		}
		if now < c.due {
			return now
		}
		c.settle(t, now)
		if r.below(bound) < c.calm {
			return now
		}
	}
}

// settle lets the intensity decay up to now.
func (c *clock) settle(t *tables, now int64) {
	c.calm = c.base
	for i := range c.levels {
		shift := slowBits[i] - tableBits
		if steps := uint64(now-c.at[i]) >> shift; steps > 0 {
			c.levels[i] = t.decay(c.levels[i], steps)
			c.at[i] += int64(steps << shift)
		}
		c.calm += c.levels[i]
	}
	c.due = c.at[0] + 1<<(slowBits[0]-tableBits)
}
