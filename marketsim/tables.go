package marketsim

import (
	"math/bits"
	"sync"
)

// tableBits is the resolution of the tables: 256 steps an octave, 4 KiB in all,
// which leaves the first-level cache to the books. Rounding to a step is off by
// at most 0.3 %, far below what a tape can show; the logarithm is interpolated.
const (
	tableBits = 8
	tableLen  = 1 << tableBits
	tableMask = tableLen - 1
)

// tables holds the logarithm and the exponential of the event path. They are
// computed with integers only: math.Exp and math.Log differ in the last bit
// between amd64 and arm64, and with it would the tape.
type tables struct {
	// half[i] is 2^(-i/256) in units of 2^-64; half[0] is one unit below 1.
	half [tableLen + 1]uint64
	// log2[i] is log2(1 + i/256) in units of 2^-32.
	log2 [tableLen + 1]uint64
}

// sharedTables returns the tables, which are immutable: every Sim reads the
// same copy, so that they stay in the cache.
var sharedTables = sync.OnceValue(newTables)

func newTables() *tables {
	t := new(tables)
	// roots[k] is 2^(-1/2^k); a step is a product of eight of them.
	var roots [tableBits + 1]uint64
	roots[0] = 1 << 63
	for k := 1; k <= tableBits; k++ {
		roots[k] = sqrtFraction(roots[k-1])
	}
	for i := range t.half {
		t.half[i] = ^uint64(0)
		for k := 1; k <= tableBits; k++ {
			if i>>(tableBits-k)&1 == 1 {
				t.half[i], _ = bits.Mul64(t.half[i], roots[k])
			}
		}
	}
	t.half[tableLen] = 1 << 63
	for i := range tableLen {
		t.log2[i] = log2Fraction(1<<63 + uint64(i)<<(63-tableBits))
	}
	t.log2[tableLen] = 1 << 32
	return t
}

// sqrtFraction returns the square root of x, both in units of 2^-64.
func sqrtFraction(x uint64) uint64 {
	var root uint64
	for bit := uint64(1) << 63; bit > 0; bit >>= 1 {
		if hi, _ := bits.Mul64(root|bit, root|bit); hi < x {
			root |= bit
		}
	}
	return root
}

// log2Fraction returns log2(m/2^63) in units of 2^-32 for m >= 2^63, a bit for
// each squaring.
func log2Fraction(m uint64) uint64 {
	var log uint64
	for range 32 {
		hi, lo := bits.Mul64(m, m)
		log <<= 1
		if hi>>63 == 1 {
			log |= 1
			m = hi
		} else {
			m = hi<<1 | lo>>63
		}
	}
	return log
}

// decay returns x * 2^(-steps/256).
func (t *tables) decay(x uint64, steps uint64) uint64 {
	if steps >= 64*tableLen {
		return 0
	}
	hi, _ := bits.Mul64(x, t.half[steps&tableMask])
	return hi >> (steps >> tableBits)
}

// octaves returns -log2(u / 2^64) in units of 2^-32: an exponential variate
// with mean 1/ln 2 when u is uniform.
func (t *tables) octaves(u uint64) uint64 {
	u |= 1
	zeros := uint(bits.LeadingZeros64(u))
	m := u << zeros
	i := m >> (63 - tableBits) & tableMask
	low, high := t.log2[i], t.log2[i+1]
	fraction := m >> (31 - tableBits) & (1<<32 - 1)
	return uint64(zeros+1)<<32 - low - (high-low)*fraction>>32
}

// ln2 in units of 2^-64.
const ln2 = 12786308645202655660

// exponential returns an exponential variate with mean 1 in units of 2^-32.
func (t *tables) exponential(u uint64) uint64 {
	hi, _ := bits.Mul64(t.octaves(u), ln2)
	return hi
}

// exp2 returns 2^x in units of 2^-16, x in the same units and below 47.
func (t *tables) exp2(x uint64) uint64 {
	whole := min(x>>16, 46)
	return t.half[tableLen-x>>(16-tableBits)&tableMask] >> (47 - whole)
}

// pareto returns a Pareto variate of minimum 1 in units of 2^-16, cut off at
// 2^30. Its tail exponent is 65536/inverse.
func (t *tables) pareto(u uint64, inverse uint64) uint64 {
	return t.exp2(min(t.octaves(u)>>16*inverse>>16, 30<<16))
}
