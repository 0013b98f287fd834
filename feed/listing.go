package feed

import (
	"maps"
	"slices"
	"strings"
	"sync/atomic"

	"tickcast/wire"
)

// listing is what all may know about an instrument. Only its trading state
// ever changes.
type listing struct {
	encoder    *wire.Encoder
	id         uint32
	trading    atomic.Uint32 // wire.State
	instrument wire.Instrument
}

func newListing(id uint32, in wire.Instrument) *listing {
	l := &listing{id: id, instrument: in, encoder: wire.NewEncoder(&in)}
	l.trading.Store(uint32(wire.StateTrading))
	return l
}

// directory is the list of instruments: copied on write, read without a lock.
type directory struct {
	version  int // grows with each listing
	listings []*listing
	bySymbol map[wire.Symbol]*listing
	sorted   []wire.Symbol
}

func newDirectory(old *directory, added []*listing) *directory {
	d := &directory{bySymbol: make(map[wire.Symbol]*listing)}
	if old != nil {
		d.version = old.version + 1
		d.listings = slices.Clone(old.listings)
		maps.Copy(d.bySymbol, old.bySymbol)
	}
	d.listings = append(d.listings, added...)
	for _, l := range added {
		d.bySymbol[l.instrument.Symbol] = l
	}
	d.sorted = slices.Sorted(maps.Keys(d.bySymbol))
	return d
}

// nearMax is how many symbols an unknown_symbol error suggests.
const nearMax = 3

// near returns listed symbols that begin like s: those that share the longest
// prefix, found by bisection, so that an unknown name costs next to nothing.
func (d *directory) near(s string) []string {
	at, _ := slices.BinarySearch(d.sorted, wire.Symbol(s))
	lo, hi := at-1, at
	var out []string
	for len(out) < nearMax {
		a, b := d.shared(lo, s), d.shared(hi, s)
		switch {
		case max(a, b) == 0:
			return out
		case a > b:
			out = append(out, string(d.sorted[lo]))
			lo--
		default:
			out = append(out, string(d.sorted[hi]))
			hi++
		}
	}
	return out
}

// shared returns how many leading bytes symbol i has in common with s.
func (d *directory) shared(i int, s string) int {
	if i < 0 || i >= len(d.sorted) {
		return 0
	}
	n := 0
	for n < min(len(s), len(d.sorted[i])) && d.sorted[i][n] == s[n] {
		n++
	}
	return n
}

// name appends the name of a stream.
func (d *directory) name(dst []byte, id wire.StreamID) []byte {
	return id.AppendName(dst, d.listings[id.Instrument()].instrument.Symbol)
}

// stream returns the id of the stream with exactly this name.
func (d *directory) stream(name string) (wire.StreamID, bool) {
	e, err := wire.ParseEntry(name)
	if err != nil || e.Pattern {
		return 0, false
	}
	l, ok := d.bySymbol[wire.Symbol(e.Symbol)]
	if !ok {
		return 0, false
	}
	return e.Slot.Stream(l.id), true
}

// match appends the streams that the entry asks for, in order of listing.
func (d *directory) match(dst []wire.StreamID, e *wire.Entry) []wire.StreamID {
	if !e.Pattern {
		if l, ok := d.bySymbol[wire.Symbol(e.Symbol)]; ok {
			dst = append(dst, e.Slot.Stream(l.id))
		}
		return dst
	}
	for _, l := range d.listings {
		if strings.HasPrefix(string(l.instrument.Symbol), e.Symbol) {
			dst = append(dst, e.Slot.Stream(l.id))
		}
	}
	return dst
}
