package marketsim

// wander is a part of the logarithm of a volatility: an autoregression, in
// units of 2^-32 octaves. A symbol's volatility is the sum of two: a calm one
// that it shares with the market, and a wild one of its own. Two time scales
// make returns fat-tailed at 1 s and less so at 60 s.
type wander int64

// Each part forgets over 2^bits steps and moves by a step in either
// direction, Q16 octaves, so that it wanders by step * sqrt(2^bits / 2).
const (
	calmBits = 9    // slices: 51 s
	calmStep = 2458 // wanders by 0.6 octaves
	wildBits = 9    // events
	wildStep = 2662 // wanders by 0.65 octaves
)

// paceMean is the mean of the volatility's ratio to its median, Q16, between
// that of both parts, 1.20, and that of the wild part alone, 1.11.
const paceMean = 65536 * 115 / 100

// commonShare is how much of the correlation of shocks is left in the
// correlation of returns, Q16, because wild parts scale them (exp(-(0.65 ln 2)^2) = 0.82) and quotes follow late.
const commonShare = 65536 * 82 / 100

// step moves the part by so much, in its own units.
func (w *wander) step(bits uint, by int64) {
	*w += wander(by - int64(*w)>>bits)
}

// octavesMax bounds the sum: 5.6 times the median.
const octavesMax = 5 << 31

// scale returns the ratio of a volatility to its median, Q16.
func (t *tables) scale(calm, wild wander) int64 {
	octaves := min(max(int64(calm+wild), -octavesMax), octavesMax)
	return int64(t.exp2(uint64(octaves+8<<32)>>16) >> 8)
}
