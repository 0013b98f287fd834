package wire

import (
	"math"
	"math/bits"
)

// Sum is a signed total of quantities, or of prices times quantities: 128 bits
// in two's complement. Beyond them it wraps, but not before 2^64 quantities,
// whatever they are, or 2^37 products of prices and quantities of 45 bits.
type Sum struct {
	Hi int64
	Lo uint64
}

// SumOf returns v as a Sum.
func SumOf(v int64) Sum { return Sum{Hi: v >> 63, Lo: uint64(v)} }

// Add returns s + o.
func (s Sum) Add(o Sum) Sum {
	lo, carry := bits.Add64(s.Lo, o.Lo, 0)
	hi, _ := bits.Add64(uint64(s.Hi), uint64(o.Hi), carry)
	return Sum{Hi: int64(hi), Lo: lo}
}

// Neg returns -s.
func (s Sum) Neg() Sum {
	lo, borrow := bits.Sub64(0, s.Lo, 0)
	hi, _ := bits.Sub64(0, uint64(s.Hi), borrow)
	return Sum{Hi: int64(hi), Lo: lo}
}

// Sub returns s - o.
func (s Sum) Sub(o Sum) Sum { return s.Add(o.Neg()) }

// Product returns a x b.
func Product(a, b int64) Sum {
	hi, lo := bits.Mul64(uint64(a), uint64(b))
	h := int64(hi)
	if a < 0 {
		h -= b
	}
	if b < 0 {
		h -= a
	}
	return Sum{Hi: h, Lo: lo}
}

// Sign returns -1, 0 or 1.
func (s Sum) Sign() int {
	switch {
	case s.Hi < 0:
		return -1
	case s.Hi == 0 && s.Lo == 0:
		return 0
	}
	return 1
}

// abs returns the magnitude of s.
func (s Sum) abs() (hi, lo uint64) {
	if s.Hi < 0 {
		s = s.Neg()
	}
	return uint64(s.Hi), s.Lo
}

// DivRound returns s / d rounded to the nearest, halves up; 0 if d is 0. What
// does not fit an int64 becomes the nearest that does.
func (s Sum) DivRound(d Sum) int64 {
	if d.Sign() == 0 {
		return 0
	}
	negative := (s.Sign() < 0) != (d.Sign() < 0)
	hi, lo := s.abs()
	dhi, dlo := d.abs()
	q, rhi, rlo := divide(hi, lo, dhi, dlo)
	// Twice the remainder against the divisor. Below zero a half rounds to
	// the smaller magnitude, which is up.
	rhi, rlo = rhi<<1|rlo>>63, rlo<<1
	more := rhi > dhi || rhi == dhi && rlo > dlo
	half := rhi == dhi && rlo == dlo
	if q < math.MaxUint64 && (more || half && !negative) {
		q++
	}
	if negative {
		return int64(-min(q, 1<<63))
	}
	return int64(min(q, math.MaxInt64))
}

// divide returns quotient and remainder of two magnitudes of at most 2^127, a
// quotient beyond 64 bits as 2^64 - 1 without a remainder.
func divide(hi, lo, dhi, dlo uint64) (q, rhi, rlo uint64) {
	if dhi == 0 {
		if hi >= dlo {
			return math.MaxUint64, 0, 0
		}
		q, rlo = bits.Div64(hi, lo, dlo)
		return q, 0, rlo
	}
	// Rare: a divisor beyond 64 bits, so the quotient is within them. Bit by bit.
	rhi, rlo = 0, hi
	for i := 63; i >= 0; i-- {
		rhi, rlo = rhi<<1|rlo>>63, rlo<<1|lo>>i&1
		if rhi > dhi || rhi == dhi && rlo >= dlo {
			var borrow uint64
			rlo, borrow = bits.Sub64(rlo, dlo, 0)
			rhi, _ = bits.Sub64(rhi, dhi, borrow)
			q |= 1 << i
		}
	}
	return q, rhi, rlo
}

// sumDigits is how many digits the magnitude of a Sum has at most.
const sumDigits = 39

// AppendSum appends s x 10^-scale with exactly scale decimals, at most
// 2 x ScaleMax.
func AppendSum(dst []byte, s Sum, scale uint8) []byte {
	if s.Hi == int64(s.Lo)>>63 {
		return AppendDecimal(dst, int64(s.Lo), scale)
	}
	if s.Hi < 0 {
		dst = append(dst, '-')
	}
	hi, lo := s.abs()
	const pow19 = 1e19
	leading, low := bits.Div64(hi, lo, pow19) // 2^127 is 1.7 x 10^38
	var digits [sumDigits]byte
	putDigits(digits[:sumDigits-19], leading)
	putDigits(digits[sumDigits-19:], low)
	first, point := 0, sumDigits-int(scale)
	for first < point-1 && digits[first] == '0' {
		first++
	}
	dst = append(dst, digits[first:point]...)
	if scale == 0 {
		return dst
	}
	return append(append(dst, '.'), digits[point:]...)
}

// putDigits fills dst with v in decimal, zeros first.
func putDigits(dst []byte, v uint64) {
	for i := len(dst) - 1; i >= 0; i-- {
		dst[i] = '0' + byte(v%10)
		v /= 10
	}
}
