package marketsim

import (
	"crypto/sha256"
	"encoding/binary"
	"hash"

	"tickcast/wire"
)

// TapeHash is the SHA-256 of a tape in a canonical encoding: two tapes have
// the same hash if they are the same, transaction by transaction and event by
// event, however they were cut into batches. Use NewTapeHash.
//
//	transaction  time 8  instrument 4  events 4, each:
//	event        kind 1  side 1  state 1  reason 1  count 4  id 8  ref 8  trade 8  price 8  qty 8
//
// All little-endian.
type TapeHash struct {
	hash hash.Hash
	buf  []byte
}

// NewTapeHash returns the hash of the empty tape.
func NewTapeHash() *TapeHash { return &TapeHash{hash: sha256.New()} }

// Add appends the transactions of b to the tape.
func (h *TapeHash) Add(b *wire.Batch) {
	for i := range b.Txns {
		events := b.EventsOf(i)
		h.buf = binary.LittleEndian.AppendUint64(h.buf[:0], uint64(b.Txns[i].Time))
		h.buf = binary.LittleEndian.AppendUint32(h.buf, b.Txns[i].Instrument)
		h.buf = binary.LittleEndian.AppendUint32(h.buf, uint32(len(events)))
		for j := range events {
			h.buf = appendEvent(h.buf, &events[j])
		}
		h.hash.Write(h.buf)
	}
}

// Sum returns the hash of what was added so far.
func (h *TapeHash) Sum() (sum [sha256.Size]byte) {
	h.hash.Sum(sum[:0])
	return sum
}

func appendEvent(dst []byte, e *wire.Event) []byte {
	dst = append(dst, byte(e.Kind), byte(e.Side), byte(e.State), byte(e.Reason))
	dst = binary.LittleEndian.AppendUint32(dst, e.Count)
	dst = binary.LittleEndian.AppendUint64(dst, e.ID)
	dst = binary.LittleEndian.AppendUint64(dst, e.Ref)
	dst = binary.LittleEndian.AppendUint64(dst, e.Trade)
	dst = binary.LittleEndian.AppendUint64(dst, uint64(e.Price))
	return binary.LittleEndian.AppendUint64(dst, uint64(e.Qty))
}
