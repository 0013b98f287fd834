package marketsim

// latent is the efficient price of a symbol, which nobody sees: quotes lean to
// it, informed takers trade towards it. It diffuses in event time, so that a
// cluster of events is a burst of volatility; its step is scaled by a slow log
// volatility; it jumps rarely; and it moves with the surprise in the signs of
// aggressors, not with the signs: their long memory would show in returns.
// Prices are in Q16 ticks.
type latent struct {
	price  int64
	wild   wander
	scale  int64 // the volatility's ratio to its median, Q16
	fast   int64 // expected sign, Q16, over the last few
	slow   int64 // the same, over the last few hundred
	anchor int64 // opening price, around which the price stays
}

// diffuse moves the price by one event's step. sigma is the median step, and
// coin a random bit.
func (l *latent) diffuse(t *tables, r *random, calm wander, sigma int64, coin uint64) {
	l.wild.step(wildBits, wildStep<<16-int64(coin)*(wildStep<<17))
	l.scale = t.scale(calm, l.wild)
	l.price += sigma * l.scale >> 16 * r.normal() >> 16
	l.hold()
}

// jump moves the price by 25 median steps or more, with a tail exponent of 3.
func (l *latent) jump(t *tables, r *random, sigma int64) {
	size := 25 * sigma * int64(min(t.pareto(r.next(), 65536/3), 6<<16)) >> 16
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

// surprise moves the price by impact, scaled as the volatility is, times how
// unexpected an aggressor's sign (+1 or -1) was.
func (l *latent) surprise(sign, impact int64) {
	signed := sign << 16
	expected := (l.fast + l.slow) >> 1
	l.price += impact * l.scale >> 16 * (signed - expected) >> 16
	l.fast += (signed - l.fast) >> 2
	l.slow += (signed - l.slow) >> 6
}
