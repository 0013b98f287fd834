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
	n := len(dst)
	if uint64(units) >= pow8 || scale-1 >= 7 || cap(dst)-n < digitRoom {
		return appendLongDecimal(dst, units, int(scale))
	}
	return dst[:n+putShortDecimal((*[16]byte)(dst[n:n+16]), uint32(units), scale)]
}

// putShortDecimal stores a number of at most eight digits, 0 < scale < 8, and
// returns its length: nearly every price and quantity of a real market. What
// follows the point is stored a second time, one byte further.
func putShortDecimal(room *[16]byte, units uint32, scale uint8) int {
	digits := eightDigits(units)
	skip := min(leadingZeroBits(digits), (7-uint(scale))*8)
	point := 64 - skip - uint(scale)*8 // bits before it, 8 to 56
	digits = (digits | asciiZeros) >> (skip & 63)
	binary.LittleEndian.PutUint64(room[:], digits)
	binary.LittleEndian.PutUint64(room[point/8%8+1:], digits>>(point&63))
	room[point/8%8] = '.'
	return 9 - int(skip/8)
}

func appendLongDecimal(dst []byte, units int64, scale int) []byte {
	u := uint64(units)
	if units < 0 {
		dst = append(dst, '-')
		u = -u
	}
	if scale == 0 {
		return appendUint(dst, u)
	}
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
	if v >= pow8 || cap(dst)-len(dst) < digitRoom {
		return appendLongUint(dst, v)
	}
	return appendLeading(dst, uint32(v))
}

func appendLongUint(dst []byte, v uint64) []byte {
	dst = slices.Grow(dst, digitRoom)
	if v < pow8 {
		return appendLeading(dst, uint32(v))
	}
	if v < pow16 {
		return appendEight(appendLeading(dst, uint32(v/pow8)), uint32(v%pow8))
	}
	low := v % pow16
	dst = appendLeading(dst, uint32(v/pow16))
	return appendEight(appendEight(dst, uint32(low/pow8)), uint32(low%pow8))
}

// appendLeading appends v, below 10^8, without leading zeros; dst has room.
func appendLeading(dst []byte, v uint32) []byte {
	n := len(dst)
	digits := eightDigits(v)
	skip := leadingZeroBits(digits)
	binary.LittleEndian.PutUint64(dst[n:n+8], (digits|asciiZeros)>>(skip&63))
	return dst[:n+8-int(skip/8)]
}

// appendEight appends v, below 10^8, as exactly eight digits.
func appendEight(dst []byte, v uint32) []byte {
	return binary.LittleEndian.AppendUint64(dst, eightDigits(v)|asciiZeros)
}

// leadingZeroBits returns the bits that the leading zeros of eightDigits
// take; a lone 0 is no leading zero.
func leadingZeroBits(digits uint64) uint {
	return uint(bits.TrailingZeros64(digits|1<<56)) &^ 7
}

// eightDigits spreads v, below 10^8, over eight bytes, the first digit in the
// lowest: halves, then quarters, then digits are divided side by side in one
// register (Paul Khuong, "How to print integers really fast", 2017). Quotient
// and remainder come from one multiplication: q + (x - n*q)<<k is
// x<<k - q*(n<<k - 1).
func eightDigits(v uint32) uint64 {
	thousands := uint64(v / 10000)
	x := uint64(v)<<32 - thousands*(10000<<32-1)
	hundreds := x * 10486 >> 20 & 0x0000007f_0000007f
	x = x<<16 - hundreds*(100<<16-1)
	tens := x * 103 >> 10 & 0x000f_000f_000f_000f
	return x<<8 - tens*(10<<8-1)
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
