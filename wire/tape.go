package wire

import (
	"encoding/binary"
	"errors"
	"fmt"
	"hash/crc32"
)

// A tape is a file of recorded transactions, only ever appended to: a torn
// tail is found by its checksum and costs one block.
//
//	tape          magic 8 "TCTAPE1\n" | listing block | transactions block*
//	block         length 4 | crc 4 | kind 1 | payload
//	              little-endian; length and CRC-32C are those of kind and payload
//	listing       kind 1 | count | count x
//	              symbol, base, quote: length and bytes each
//	              price scale 1 | quantity scale 1 | tick | lot
//	transactions  kind 2 | count | count x
//	              time since the transaction before | instrument | count of events | events
//	event         kind 1 | mask 1 | those of the mask, in this order:
//	              4 id   8 ref   16 trade   32 price   64 quantity
//	              128 count, state 1, reason 1; the lowest two bits are the side
//
// Numbers without a width are varints as in encoding/binary. Times start from
// 0, ids and prices from 0, in every block; both are signed differences to the
// event before that has one, because those of one transaction are near.
const (
	tapeMagic = "TCTAPE1\n"

	tapeListing      = 1
	tapeTransactions = 2

	tapeHeadBytes = 8 // of a block, before its kind

	// TapeBlockMax bounds a block, so that a torn length does not make a reader
	// allocate what there is not. AppendTapeBlock starts another one in time.
	TapeBlockMax = 16 << 20

	tapeBlockAim = 256 << 10
)

// The bits of an event's mask.
const (
	maskSide  = 3
	maskID    = 4
	maskRef   = 8
	maskTrade = 16
	maskPrice = 32
	maskQty   = 64
	maskRest  = 128
)

// ErrTape is returned for bytes that are no tape, or the torn end of one.
var ErrTape = errors.New("bad tape")

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// AppendTapeHeader appends the beginning of a tape: magic and listing.
func AppendTapeHeader(dst []byte, instruments []Instrument) []byte {
	dst = append(dst, tapeMagic...)
	dst, start := beginBlock(dst, tapeListing)
	dst = binary.AppendUvarint(dst, uint64(len(instruments)))
	for i := range instruments {
		in := &instruments[i]
		for _, s := range [...]string{string(in.Symbol), in.Base, in.Quote} {
			dst = binary.AppendUvarint(dst, uint64(len(s)))
			dst = append(dst, s...)
		}
		dst = append(dst, in.PriceScale, in.QtyScale)
		dst = binary.AppendVarint(dst, int64(in.Tick))
		dst = binary.AppendVarint(dst, int64(in.Lot))
	}
	return endBlock(dst, start)
}

// AppendTapeBlock appends the transactions of b as one block or more; none
// for an empty batch.
func AppendTapeBlock(dst []byte, b *Batch) []byte {
	for i := 0; i < len(b.Txns); {
		var start int
		dst, start = beginBlock(dst, tapeTransactions)
		count := len(dst)
		dst = append(dst, 0, 0, 0, 0, 0) // a varint of five bytes, filled in below
		var last tapeState
		first := i
		for ; i < len(b.Txns) && len(dst)-start < tapeBlockAim; i++ {
			dst = last.appendTxn(dst, &b.Txns[i], b.EventsOf(i))
		}
		putWideUvarint(dst[count:count+5], uint64(i-first))
		dst = endBlock(dst, start)
	}
	return dst
}

// tapeState is what differences are taken to.
type tapeState struct {
	time, price int64
	id          uint64
}

func (s *tapeState) appendTxn(dst []byte, t *Txn, events []Event) []byte {
	dst = binary.AppendVarint(dst, t.Time-s.time)
	s.time = t.Time
	dst = binary.AppendUvarint(dst, uint64(t.Instrument))
	dst = binary.AppendUvarint(dst, uint64(len(events)))
	for i := range events {
		dst = s.appendEvent(dst, &events[i])
	}
	return dst
}

func (s *tapeState) appendEvent(dst []byte, e *Event) []byte {
	dst = append(dst, byte(e.Kind), 0)
	mask, at := byte(e.Side)&maskSide, len(dst)-1
	if e.ID != 0 {
		mask |= maskID
		dst = binary.AppendVarint(dst, int64(e.ID-s.id))
		s.id = e.ID
	}
	if e.Ref != 0 {
		mask |= maskRef
		dst = binary.AppendUvarint(dst, e.Ref)
	}
	if e.Trade != 0 {
		mask |= maskTrade
		dst = binary.AppendUvarint(dst, e.Trade)
	}
	if e.Price != 0 {
		mask |= maskPrice
		dst = binary.AppendVarint(dst, int64(e.Price)-s.price)
		s.price = int64(e.Price)
	}
	if e.Qty != 0 {
		mask |= maskQty
		dst = binary.AppendVarint(dst, int64(e.Qty))
	}
	if e.Count != 0 || e.State != 0 || e.Reason != 0 {
		mask |= maskRest
		dst = binary.AppendUvarint(dst, uint64(e.Count))
		dst = append(dst, byte(e.State), byte(e.Reason))
	}
	dst[at] = mask
	return dst
}

func beginBlock(dst []byte, kind byte) (_ []byte, start int) {
	start = len(dst)
	return append(dst, 0, 0, 0, 0, 0, 0, 0, 0, kind), start
}

func endBlock(dst []byte, start int) []byte {
	body := dst[start+tapeHeadBytes:]
	binary.LittleEndian.PutUint32(dst[start:], uint32(len(body)))
	binary.LittleEndian.PutUint32(dst[start+4:], crc32.Checksum(body, castagnoli))
	return dst
}

// putWideUvarint fills all of dst.
func putWideUvarint(dst []byte, v uint64) {
	for i := range dst {
		dst[i] = byte(v>>(7*i))&0x7f | 0x80
	}
	dst[len(dst)-1] &= 0x7f
}

func tapeError(format string, args ...any) error {
	return fmt.Errorf("%w: %s", ErrTape, fmt.Sprintf(format, args...))
}
