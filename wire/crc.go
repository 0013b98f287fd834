package wire

import "hash/crc32"

// crcLevels is the number of levels of each side that a checksum covers.
const crcLevels = 10

// CRC returns the checksum of a book, best level first on both sides: CRC-32
// (IEEE) over the best 10 asks, low to high, then the best 10 bids, high to
// low; of each level the price, then the quantity, as they are printed but
// without the point and without leading zeros. The empty book has 0.
func (e *Encoder) CRC(bids, asks []Level) uint32 {
	sum := e.updateCRC(^uint32(0), asks[:min(len(asks), crcLevels)])
	return ^e.updateCRC(sum, bids[:min(len(bids), crcLevels)])
}

func (e *Encoder) updateCRC(sum uint32, levels []Level) uint32 {
	var room [4 * digitRoom]byte
	for _, l := range levels {
		text := appendCRCNumber(room[:0], int64(l.Price), e.priceScale)
		text = appendCRCNumber(text, int64(l.Qty), e.qtyScale)
		sum = updateCRC(sum, text)
	}
	return sum
}

// updateCRC goes byte by byte. crc32.Update takes 0.6 of the time for the whole
// text at once, but it calls through a variable, so the text would escape to
// the heap; a checksum is due once in 50 frames.
func updateCRC(sum uint32, text []byte) uint32 {
	for _, c := range text {
		sum = crc32.IEEETable[byte(sum)^c] ^ sum>>8
	}
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
