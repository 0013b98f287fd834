package marketsim

import "math/bits"

// random is the stream of one symbol: wyrand (Wang Yi 2019), whose whole state
// is one word and whose step one multiplication.
type random uint64

// newRandom returns the stream of a name under a seed. It depends on the name,
// not on the position in a list, so that adding a symbol changes no other.
func newRandom(seed uint64, name string) random {
	const offset, prime = 14695981039346656037, 1099511628211 // FNV-1a
	h := uint64(offset)
	for i := range len(name) {
		h = (h ^ uint64(name[i])) * prime
	}
	return random(mix(mix(seed+golden) ^ h))
}

const golden = 0x9e3779b97f4a7c15

// mix is the finaliser of SplitMix64: a bijection without visible structure.
func mix(z uint64) uint64 {
	z = (z ^ z>>30) * 0xbf58476d1ce4e5b9
	z = (z ^ z>>27) * 0x94d049bb133111eb
	return z ^ z>>31
}

// next returns 64 uniform bits.
func (r *random) next() uint64 {
	*r += 0xa0761d6478bd642f
	hi, lo := bits.Mul64(uint64(*r), uint64(*r)^0xe7037ed1a0b428db)
	return hi ^ lo
}

// below returns a uniform number below n. Its bias is n/2^64.
func (r *random) below(n uint64) uint64 {
	hi, _ := bits.Mul64(r.next(), n)
	return hi
}

// chance reports true with probability p/65536.
func (r *random) chance(p uint64) bool { return r.next()>>48 < p }

// normal returns a normal variate in units of 2^-16: the sum of four 16-bit
// uniforms, cut off at 3.46 deviations.
func (r *random) normal() int64 {
	u := r.next()
	sum := int64(u&0xffff) + int64(u>>16&0xffff) + int64(u>>32&0xffff) + int64(u>>48)
	const mean, scale = 2 * 65535, 113512 // sqrt(12/4) in units of 2^-16
	return (sum - mean) * scale >> 16
}
