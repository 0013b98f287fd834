package feed

import (
	"cmp"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"tickcast/wire"
)

// ladder is a side of a client's book, in order of price.
type ladder []wire.Level

// set makes the quantity at a price what a frame says.
func (l *ladder) set(v wire.Level) {
	at, found := slices.BinarySearchFunc(*l, v.Price, func(a wire.Level, p wire.Price) int { return cmp.Compare(a.Price, p) })
	switch {
	case found && v.Qty == 0:
		*l = slices.Delete(*l, at, at+1)
	case found:
		(*l)[at].Qty = v.Qty
	case v.Qty > 0:
		*l = slices.Insert(*l, at, v)
	}
}

// best returns at most n levels, best first; n 0 means all.
func (l ladder) best(side wire.Side, n int) []wire.Level {
	if n == 0 || n > len(l) {
		n = len(l)
	}
	if side == wire.Sell {
		return slices.Clone(l[:n])
	}
	out := slices.Clone(l[len(l)-n:])
	slices.Reverse(out)
	return out
}

// units reads a decimal as what it is in units of its last digit.
func units(s string) int64 {
	n, err := strconv.ParseInt(strings.Replace(s, ".", "", 1), 10, 64)
	if err != nil {
		panic(err)
	}
	return n
}

func level(l [2]string) wire.Level {
	return wire.Level{Price: wire.Price(units(l[0])), Qty: wire.Qty(units(l[1]))}
}

// levels reads a side of a frame, best first.
func levels(texts [][2]string, side wire.Side, zeros bool) ([]wire.Level, error) {
	var out []wire.Level
	for i, text := range texts {
		l := level(text)
		if l.Qty < 0 || l.Qty == 0 && !zeros {
			return nil, fmt.Errorf("quantity %s", text[1])
		}
		if i > 0 && (l.Price > out[i-1].Price) != (side == wire.Sell) || i > 0 && l.Price == out[i-1].Price {
			return nil, fmt.Errorf("%s behind %s", text[0], texts[i-1][0])
		}
		out = append(out, l)
	}
	return out, nil
}

// applyLevels changes the client's book and checks it.
func (s *followed) applyLevels(f *clientFrame) error {
	zeros := f.Type == "delta"
	bids, err := levels(f.Bids, wire.Buy, zeros)
	if err != nil {
		return err
	}
	asks, err := levels(f.Asks, wire.Sell, zeros)
	if err != nil {
		return err
	}
	for _, l := range bids {
		s.book[0].set(l)
	}
	for _, l := range asks {
		s.book[1].set(l)
	}
	tier := s.slot.Rate() != wire.RateEvery
	if want := f.Type == "snapshot" || tier || f.Seq%crcEvery == 0; want != (f.CRC != nil) {
		return fmt.Errorf("has a crc: %v", f.CRC != nil)
	}
	if f.CRC != nil && *f.CRC != s.crc() {
		return fmt.Errorf("crc %d of the book; want %d", s.crc(), *f.CRC)
	}
	return s.tale.same(f.Upd, taleLevels, s.book[0].best(wire.Buy, taleLevels), s.book[1].best(wire.Sell, taleLevels))
}

// crc is the checksum of the client's book.
func (s *followed) crc() uint32 {
	var b []byte
	for _, l := range append(s.book[1].best(wire.Sell, crcDepth), s.book[0].best(wire.Buy, crcDepth)...) {
		b = strconv.AppendInt(strconv.AppendInt(b, int64(l.Price), 10), int64(l.Qty), 10)
	}
	return crc32.ChecksumIEEE(b)
}
