package marketsim

// latent is the efficient price of a symbol, which nobody sees: quotes lean to
// it, informed takers trade towards it. It diffuses in event time, so that a
// cluster of events is a burst of volatility; its step is scaled by a slow log
// volatility; it jumps rarely; and it moves with the surprise in the signs of
// aggressors, not with the signs: their long memory would show in returns.
// Fixed point: 2^-16 ticks, and 2^-16 octaves for the volatility.
type latent struct {
	price  int64
	vol    int64 // log2 of the volatility's ratio to its median
	fast   int64 // expected sign, in units of 2^-16, over the last few
	slow   int64 // the same, over the last few hundred
	anchor int64 // opening price, around which the price stays
}

// The volatility is an autoregression in event time: it forgets over 4,096
// events and wanders by 0.5 octaves.
const (
	volMemoryBits = 12
	volStep       = 724     // 0.5 octaves * sqrt(2/4096)
	volMax        = 2 << 16 // four times the median
)

// jumpChance is the chance of a jump at an event, in units of 2^-32: about one
// in 50,000.
const jumpChance = 86_000

// diffuse moves the price by one event's step. sigma is the median step.
func (l *latent) diffuse(t *tables, r *random, sigma int64) {
	l.vol += r.normal()*volStep>>16 - l.vol>>volMemoryBits
	l.vol = min(max(l.vol, -volMax), volMax)
	step := sigma * int64(t.exp2(uint64(l.vol+8<<16))>>8) >> 16
	l.price += step * r.normal() >> 16
	if r.next()>>32 < jumpChance {
		l.jump(t, r, sigma)
	}
	l.hold()
}

// jump moves the price by 10 steps or more, with a tail exponent of 3.
func (l *latent) jump(t *tables, r *random, sigma int64) {
	size := 10 * sigma * int64(min(t.pareto(r.next(), 65536/3), 20<<16)) >> 16
	if r.chance(1 << 15) {
		size = -size
	}
	l.price += size
}

// hold keeps the price in the neighbourhood of its opening: a random walk
// would reach zero on a tape that is long enough. Within a fifth it is free.
func (l *latent) hold() {
	room := l.anchor / 5
	if away := l.price - l.anchor; away > room {
		l.price -= (away - room) >> 8
	} else if away < -room {
		l.price -= (away + room) >> 8
	}
}

// surprise moves the price by impact times how unexpected an aggressor's sign
// (+1 or -1) was.
func (l *latent) surprise(sign, impact int64) {
	signed := sign << 16
	expected := (l.fast + l.slow) >> 1
	l.price += impact * (signed - expected) >> 16
	l.fast += (signed - l.fast) >> 2
	l.slow += (signed - l.slow) >> 7
}
