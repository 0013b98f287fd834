package wire

import (
	"encoding/binary"
	"math/bits"
	"slices"
)

// Numbers are three quarters of a frame's cost, so they are not written
// digit by digit: eightDigits makes eight of them in one register, and the
// register is stored whole. What lies behind the number is overwritten by
// whatever follows; digitRoom is the space that such stores may touch.
const digitRoom = 32

const (
	pow8  = 1e8
	pow16 = 1e16

	asciiZeros = 0x3030303030303030
)

// AppendDecimal appends units x 10^-scale with exactly scale decimals:
// AppendDecimal(nil, 2535190, 2) is "25351.90". Scale 0 has no point.
func AppendDecimal(dst []byte, units int64, scale uint8) []byte {
	u := uint64(units)
	if units < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if scale == 0 {
		return appendUint(dst, u)
	}
	if u < pow8 && scale < 8 {
		return appendShortDecimal(dst, uint32(u), uint(scale))
	}
	return appendLongDecimal(dst, u, int(scale))
}

// appendShortDecimal writes a number of at most eight digits, 0 < scale < 8:
// nearly every price and quantity of a real market. The point is put in
// place inside the register.
func appendShortDecimal(dst []byte, u uint32, scale uint) []byte {
	dst = slices.Grow(dst, digitRoom)
	n := len(dst)
	digits := eightDigits(u)
	skip := min(leadingZeroBits(digits), (7-scale)*8)
	digits = (digits | asciiZeros) >> skip
	point := 64 - skip - scale*8 // bits before it
	whole := digits & (1<<point - 1)
	room := dst[n : n+9]
	binary.LittleEndian.PutUint64(room, whole|'.'<<point|(digits^whole)<<8)
	room[8] = byte(digits >> 56)
	return dst[:n+9-int(skip/8)]
}

func appendLongDecimal(dst []byte, u uint64, scale int) []byte {
	var room [digitRoom]byte
	digits := appendUint(room[:0], u)
	if len(digits) > scale {
		point := len(digits) - scale
		dst = append(dst, digits[:point]...)
		dst = append(dst, '.')
		return append(dst, digits[point:]...)
	}
	dst = append(dst, "0."...)
	for range scale - len(digits) {
		dst = append(dst, '0')
	}
	return append(dst, digits...)
}

// appendInt appends v in decimal.
func appendInt(dst []byte, v int64) []byte {
	if v < 0 {
		return appendUint(append(dst, '-'), -uint64(v))
	}
	return appendUint(dst, uint64(v))
}

// appendUint appends v in decimal.
func appendUint(dst []byte, v uint64) []byte {
	dst = slices.Grow(dst, digitRoom)
	n := len(dst)
	room := dst[n : n+24]
	if v < pow8 {
		return dst[:n+putLeading(room, uint32(v))]
	}
	if v < pow16 {
		i := putLeading(room, uint32(v/pow8))
		putEight(room[i:], uint32(v%pow8))
		return dst[:n+i+8]
	}
	i := putLeading(room, uint32(v/pow16))
	v %= pow16
	putEight(room[i:], uint32(v/pow8))
	putEight(room[i+8:], uint32(v%pow8))
	return dst[:n+i+16]
}

// putLeading stores v, below 10^8, without leading zeros and returns its
// length; 8 bytes are overwritten.
func putLeading(room []byte, v uint32) int {
	digits := eightDigits(v)
	skip := leadingZeroBits(digits)
	binary.LittleEndian.PutUint64(room, (digits|asciiZeros)>>skip)
	return 8 - int(skip/8)
}

// putEight stores v, below 10^8, as exactly eight digits.
func putEight(room []byte, v uint32) {
	binary.LittleEndian.PutUint64(room, eightDigits(v)|asciiZeros)
}

// leadingZeroBits returns the bits that the leading zeros of eightDigits
// take; a lone 0 is no leading zero.
func leadingZeroBits(digits uint64) uint {
	return uint(bits.TrailingZeros64(digits|1<<56)) &^ 7
}

// eightDigits spreads v, below 10^8, over eight bytes, the first digit in the
// lowest: halves, then quarters, then digits are divided side by side in one
// register (Paul Khuong, "How to print integers really fast", 2017).
func eightDigits(v uint32) uint64 {
	x := uint64(v/10000) | uint64(v%10000)<<32
	hundreds := x * 10486 >> 20 & 0x0000007f_0000007f
	x = hundreds | (x-hundreds*100)<<16
	tens := x * 103 >> 10 & 0x000f_000f_000f_000f
	return tens | (x-tens*10)<<8
}

// decimalBytes returns the length of what AppendDecimal appends.
func decimalBytes(units int64, scale uint8) int {
	u, n := uint64(units), 0
	if units < 0 {
		u, n = -u, 1
	}
	digits := 1
	for u >= 10 {
		u /= 10
		digits++
	}
	if scale == 0 {
		return n + digits
	}
	return n + max(digits, int(scale)+1) + 1
}
