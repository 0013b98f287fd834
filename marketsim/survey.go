package marketsim

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"

	"tickcast/wire"
)

// Survey is the first reading of recorded messages. It finds what must be known
// before the second one is published: that every record is good, which symbols
// there are, in what units they trade, and when the recording begins. It belongs
// to one goroutine.
type Survey struct {
	replay    *Replay
	found     map[string]*surveyed
	begin     int64 // time of the first record
	snapshots bool  // there has been a snapshot
}

// surveyed is what a Survey knows of a symbol.
type surveyed struct {
	name     string
	messages int
	traded   bool
	// zeros are how many decimals no price and no quantity has needed.
	priceZeros, qtyZeros int
}

// NewSurvey returns the survey of what p replays, from its beginning.
func NewSurvey(p *Replay) *Survey {
	s := &Survey{replay: p, found: map[string]*surveyed{}}
	if m := p.opening(); m != nil {
		s.add(m)
	}
	return s
}

// Next reads one record. It returns io.EOF at the end of the recording, and
// errors as Replay's Next does.
func (s *Survey) Next() error {
	m, err := s.replay.Next()
	if err != nil {
		return err
	}
	// Binance's streams run for a while before the snapshot on which they build
	// has arrived. The market begins with the book.
	if snapshot := s.replay.record.kind == recordSnapshot; m.Number == 1 || snapshot && !s.snapshots {
		s.begin, s.snapshots = m.Time, snapshot
	}
	if len(m.Events) > 0 {
		s.add(m)
	}
	return nil
}

func (s *Survey) add(m *Message) {
	f := s.found[m.Book.Symbol]
	if f == nil {
		price, qty := s.replay.Scales()
		f = &surveyed{name: m.Book.Symbol, priceZeros: price, qtyZeros: qty}
		s.found[f.name] = f
	}
	f.messages++
	for i := range m.Events {
		e := &m.Events[i]
		f.traded = f.traded || e.Kind != wire.EventStateSet
		f.priceZeros = zeros(int64(e.Price), f.priceZeros)
		f.qtyZeros = zeros(int64(e.Qty), f.qtyZeros)
	}
}

// zeros returns how many zeros n ends with, at most most.
func zeros(n int64, most int) int {
	z := 0
	for ; z < most && n%10 == 0; z++ {
		n /= 10
	}
	return z
}

// priceDecimals are printed of a price at least.
const priceDecimals = 2

// listed returns the instruments, the busiest first, and how the symbols of the
// recording become theirs. A symbol of which nothing but its state is known is
// not listed. name is the symbol of a LOBSTER recording.
func (s *Survey) listed(name string) ([]wire.Instrument, map[string]recorded) {
	var found []*surveyed
	for _, f := range s.found {
		if f.traded {
			found = append(found, f)
		}
	}
	slices.SortFunc(found, func(a, b *surveyed) int {
		return cmp.Or(cmp.Compare(b.messages, a.messages), cmp.Compare(a.name, b.name))
	})
	price, qty := s.replay.Scales()
	var instruments []wire.Instrument
	byName := map[string]recorded{}
	taken := map[wire.Symbol]bool{}
	for i, f := range found {
		text := f.name
		if text == lobsterSymbol && name != "" {
			text = name
		}
		f.priceZeros = min(f.priceZeros, price-priceDecimals)
		symbol := symbolOf(text, taken)
		taken[symbol] = true
		instruments = append(instruments, wire.Instrument{
			Symbol: symbol, Base: text, PriceScale: uint8(price - f.priceZeros), QtyScale: uint8(qty - f.qtyZeros), Tick: 1, Lot: 1,
		})
		byName[f.name] = recorded{index: uint32(i), price: wire.Price(pow10(f.priceZeros)), qty: wire.Qty(pow10(f.qtyZeros))}
	}
	return instruments, byName
}

// recorded is an instrument of a recording, and what its units are in those of
// the recording.
type recorded struct {
	index uint32
	price wire.Price
	qty   wire.Qty
}

func pow10(n int) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}

// symbolOf returns the symbol for a name that may have other characters, one
// that is not taken: a name of two markets gets a number behind it.
func symbolOf(name string, taken map[wire.Symbol]bool) wire.Symbol {
	fits := func(r rune) rune {
		switch {
		case r >= 'A' && r <= 'Z', r >= '0' && r <= '9', r == '_', r == '-':
			return r
		case r == '.':
			return '-'
		}
		return '_'
	}
	text := strings.Map(fits, strings.ToUpper(name))
	symbol := wire.Symbol(text[:min(len(text), wire.SymbolBytesMax)])
	for n := 2; taken[symbol]; n++ {
		tail := "-" + strconv.Itoa(n)
		symbol = wire.Symbol(text[:min(len(text), wire.SymbolBytesMax-len(tail))] + tail)
	}
	return symbol
}

// NewRecording returns the market of recorded messages: p replays, from its
// beginning, what s has surveyed to its end. symbol names what a LOBSTER
// recording is of, which only its file's name tells. A recording that is not
// what was surveyed ends where that shows, with an error.
func NewRecording(p *Replay, s *Survey, symbol string) (*Recording, error) {
	r := &recordedMessages{replay: p, begin: s.begin, records: s.replay.Records()}
	var instruments []wire.Instrument
	instruments, r.listed = s.listed(symbol)
	if len(instruments) == 0 {
		return nil, fmt.Errorf("replay: no order and no trade in %d records", s.replay.Records())
	}
	return newRecording(instruments, r.next)
}

// recordedMessages turns messages into transactions.
type recordedMessages struct {
	replay  *Replay
	listed  map[string]recorded // by the symbol of the recording
	begin   int64
	records int   // that the survey found
	now     int64 // market time of the last message: it does not go back
}

// next appends the transaction of the next message, if it has one.
func (r *recordedMessages) next(b *wire.Batch) error {
	if m := r.replay.opening(); m != nil {
		if err := r.append(b, m); err != nil {
			return err
		}
	}
	m, err := r.replay.Next()
	ended := errors.Is(err, io.EOF)
	switch n := r.replay.Records(); {
	case n > r.records, ended && n < r.records:
		return r.changed()
	case err != nil:
		return err
	}
	r.now = max(r.now, m.Time-r.begin)
	if len(m.Events) > 0 {
		return r.append(b, m)
	}
	return nil
}

// append appends the transaction of a message. What the survey has not seen is
// not published: it would have another symbol or other units.
func (r *recordedMessages) append(b *wire.Batch, m *Message) error {
	l, listed := r.listed[m.Book.Symbol]
	for _, e := range m.Events {
		switch {
		case listed && e.Price%l.price == 0 && e.Qty%l.qty == 0:
		case !listed && e.Kind == wire.EventStateSet:
			continue
		default:
			return r.changed()
		}
		e.Price /= l.price
		e.Qty /= l.qty
		b.Events = append(b.Events, e)
	}
	if listed {
		b.Commit(l.index, r.now)
	}
	return nil
}

// changed is the error of a recording that is not what was surveyed.
func (r *recordedMessages) changed() error {
	return fmt.Errorf("the file has changed since it was read: record %d of %d", r.replay.Records(), r.records)
}
