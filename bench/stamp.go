package bench

import (
	"encoding/binary"

	"tickcast/feed/client"
)

// Every frame of this century ends in two stamps of 16 digits:
//
//	…,"ts":1700000000000000,"tp":1700000000000000}
//	       ^ len-39               ^ len-17
const (
	stampBytes = 16
	stampAt    = len(`1700000000000000,"tp":1700000000000000}`)
	stampKey   = `,"ts":`
)

// stamp returns the ts of a data frame, in microseconds since the epoch.
func stamp(p []byte) (int64, bool) {
	at := len(p) - stampAt
	if at >= len(stampKey) && string(p[at-len(stampKey):at]) == stampKey {
		if v, ok := parse16(p[at:]); ok && p[at+stampBytes] == ',' {
			return v, true
		}
	}
	h, ok := client.Scan(p)
	return h.TS, ok && h.TS > 0
}

// parse16 reads 16 digits, eight at a time.
func parse16(p []byte) (int64, bool) {
	high, ok1 := parse8(binary.LittleEndian.Uint64(p))
	low, ok2 := parse8(binary.LittleEndian.Uint64(p[8:]))
	return high*100_000_000 + low, ok1 && ok2
}

// parse8 reads eight ASCII digits from a little-endian word: neighbouring
// digits are added up to pairs, pairs to fours, fours to the number (D. Lemire,
// "Quickly parsing eight digits", 2018).
func parse8(w uint64) (int64, bool) {
	const zeros, sixes = 0x3030303030303030, 0x0606060606060606
	digits := w&0xf0f0f0f0f0f0f0f0 == zeros && (w+sixes)&0xf0f0f0f0f0f0f0f0 == zeros
	w -= zeros
	w = w*10 + w>>8
	w = (w&0x000000ff000000ff*(100+1_000_000<<32) + w>>16&0x000000ff000000ff*(1+10_000<<32)) >> 32
	return int64(w), digits
}
