package marketsim

// poolSize is the number of metaorders at work in a symbol at a time.
const poolSize = 8

// metaorder is a large order that its owner works off in children. Lengths
// have the tail exponent 1.5, which gives the signs of aggressors their long
// memory (Lillo, Mike, Farmer 2005).
type metaorder struct {
	left int32 // children to come
	sign int32 // +1 buys, -1 sells
}

// lengthMax bounds a metaorder, so that none takes over a session.
const lengthMax = 2000

type pool struct {
	orders [poolSize]metaorder
	last   uint64 // which the last child was of
}

// againShare of children follow one of the same metaorder, Q16.
const againShare = 65536 * 35 / 100

// next returns the sign of the next child, of one of the pool at random.
func (p *pool) next(t *tables, r *random) int64 {
	if !r.chance(againShare) {
		p.last = r.below(poolSize)
	}
	m := &p.orders[p.last]
	if m.left == 0 {
		m.left = int32(min(t.pareto(r.next(), 65536*2/3)>>16, lengthMax))
		m.sign = 1
		if r.chance(1 << 15) {
			m.sign = -1
		}
	}
	m.left--
	return int64(m.sign)
}
