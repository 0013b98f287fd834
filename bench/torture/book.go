package torture

import (
	"hash/crc32"
	"slices"
	"strconv"
)

// level is a price level in units of the last place. Bids have their prices
// negated, so that both sides are sorted upwards, best first.
type level struct{ price, qty int64 }

// book is a client's image of the levels of a symbol.
type book struct {
	bids, asks []level
	upd        uint64 // the server's number of its last change
}

// crcLevels is how many levels of a side a checksum covers.
const crcLevels = 10

func (b *book) clear() { b.bids, b.asks = b.bids[:0], b.asks[:0] }

// set changes one level; qty 0 removes it.
func set(levels []level, price, qty int64) []level {
	lo, hi := 0, len(levels)
	for lo < hi {
		if mid := int(uint(lo+hi) >> 1); levels[mid].price < price {
			lo = mid + 1
		} else {
			hi = mid
		}
	}
	found := lo < len(levels) && levels[lo].price == price
	switch {
	case found && qty == 0:
		return slices.Delete(levels, lo, lo+1)
	case found:
		levels[lo].qty = qty
		return levels
	case qty == 0:
		return levels // absolute sizes: removing what is not there is no fault
	}
	return slices.Insert(levels, lo, level{price, qty})
}

// crossed reports whether the best bid is not below the best ask.
func (b *book) crossed() bool {
	return len(b.bids) > 0 && len(b.asks) > 0 && -b.bids[0].price >= b.asks[0].price
}

// crc is the checksum of PROTOCOL.md section 4. scratch is returned grown.
func (b *book) crc(scratch []byte) (uint32, []byte) {
	scratch = scratch[:0]
	for _, l := range b.asks[:min(len(b.asks), crcLevels)] {
		scratch = strconv.AppendInt(strconv.AppendInt(scratch, l.price, 10), l.qty, 10)
	}
	for _, l := range b.bids[:min(len(b.bids), crcLevels)] {
		scratch = strconv.AppendInt(strconv.AppendInt(scratch, -l.price, 10), l.qty, 10)
	}
	return crc32.ChecksumIEEE(scratch), scratch
}

func (b *book) equal(o *book) bool {
	return slices.Equal(b.bids, o.bids) && slices.Equal(b.asks, o.asks)
}

// bookFrame is what a book frame says beside its levels.
type bookFrame struct {
	snapshot    bool
	part, parts uint64 // 1, 1 if it is whole
	first, upd  uint64
	crc         uint64
	hasCRC      bool
}

// begin consumes a book frame up to its levels.
func (f *bookFrame) begin(s *scanner) {
	f.snapshot = s.have(`,"type":"snapshot"`)
	if !f.snapshot {
		s.want(`,"type":"delta"`)
	}
	f.part, f.parts = 1, 1
	if s.have(`,"part":[`) {
		f.part = s.integer()
		s.want(`,`)
		f.parts = s.integer()
		s.want(`]`)
	}
	s.want(`,"first":`)
	f.first = s.integer()
	s.want(`,"upd":`)
	f.upd = s.integer()
}

// apply consumes the rest and changes b.
func (f *bookFrame) apply(s *scanner, b *book) {
	s.want(`,"bids":[`)
	b.bids = applySide(s, b.bids, -1)
	s.want(`,"asks":[`)
	b.asks = applySide(s, b.asks, 1)
	if f.hasCRC = s.have(`,"crc":`); f.hasCRC {
		f.crc = s.integer()
	}
	s.want(`,"ts":`)
}

func applySide(s *scanner, levels []level, sign int64) []level {
	for more := !s.have(`]`); more && !s.bad; {
		s.want(`["`)
		price := sign * s.decimal()
		s.want(`,"`)
		qty := s.decimal()
		s.want(`]`)
		if !s.bad {
			levels = set(levels, price, qty)
		}
		if more = s.have(`,`); !more {
			s.want(`]`)
		}
	}
	return levels
}
