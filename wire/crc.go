package wire

import (
	"hash/crc32"
	"sync"
)

// crcLevels is the number of levels of each side that a checksum covers.
const crcLevels = 10

// crcScratch holds the text of a checksum: 40 numbers. It is pooled because
// hash/crc32 calls through a variable, so that a buffer on the stack would
// escape; byte by byte with a table of our own takes 1.7 times as long.
type crcScratch [40 * digitRoom]byte

var crcPool = sync.Pool{New: func() any { return new(crcScratch) }}

// CRC returns the checksum of a book, best level first on both sides: CRC-32
// (IEEE) over the best 10 asks, low to high, then the best 10 bids, high to
// low; of each level the price, then the quantity, as they are printed but
// without the point and without leading zeros. The empty book has 0.
func (e *Encoder) CRC(bids, asks []Level) uint32 {
	if len(bids)+len(asks) == 0 {
		return 0
	}
	scratch := crcPool.Get().(*crcScratch)
	text := scratch[:0]
	for _, l := range asks[:min(len(asks), crcLevels)] {
		text = appendCRCNumber(text, int64(l.Price), e.priceScale)
		text = appendCRCNumber(text, int64(l.Qty), e.qtyScale)
	}
	for _, l := range bids[:min(len(bids), crcLevels)] {
		text = appendCRCNumber(text, int64(l.Price), e.priceScale)
		text = appendCRCNumber(text, int64(l.Qty), e.qtyScale)
	}
	sum := crc32.ChecksumIEEE(text)
	crcPool.Put(scratch)
	return sum
}

// appendCRCNumber appends a number as printed, without the point and leading
// zeros: the units themselves. Only below zero the sign keeps the zeros of
// "-0.05" from leading.
func appendCRCNumber(dst []byte, units int64, scale uint8) []byte {
	switch {
	case units > 0:
		return appendUint(dst, uint64(units))
	case units == 0:
		return dst
	}
	dst = append(dst, '-')
	for range int(scale) + 1 - (decimalBytes(units, 0) - 1) {
		dst = append(dst, '0')
	}
	return appendUint(dst, -uint64(units))
}
