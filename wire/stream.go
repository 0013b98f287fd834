package wire

import (
	"errors"
	"strings"
)

// Slot is one of the streams that an instrument has: a channel at a rate. The
// zero Slot is invalid. First come the streams at every change, in the order in
// which a transaction's frames are published: what each transaction looks up in
// tables by slot lies side by side.
type Slot uint8

// SlotCount is one more than the last Slot: the length of a table indexed by
// Slot.
const SlotCount = 38

// slots is the table of what slots stand for; NewSlot is its inverse.
var slots = makeSlots()

type slotTable struct {
	channels [SlotCount]Channel
	rates    [SlotCount]Rate
	of       [ChannelCount][RateCount]Slot
}

func makeSlots() (t slotTable) {
	next := Slot(1)
	for r := range Rate(RateCount) {
		for c := Channel(1); c < ChannelCount; c++ {
			if !c.rated(r) {
				continue
			}
			t.channels[next], t.rates[next], t.of[c][r] = c, r, next
			next++
		}
	}
	return t
}

// rated reports whether the channel has streams at the rate (PROTOCOL.md,
// "Streams").
func (c Channel) rated(r Rate) bool {
	switch {
	case r == RateEvery:
		return true
	case c == ChannelBBO || c == ChannelBook || c.Depth() > 0:
		return true
	}
	return r == Rate1s && (c.Interval() > 0 || c == ChannelTicker)
}

// NewSlot returns the slot of a channel at a rate, 0 if there is none.
func NewSlot(c Channel, r Rate) Slot { return slots.of[c][r] }

// Channel returns the slot's channel.
func (s Slot) Channel() Channel { return slots.channels[s] }

// Rate returns the slot's rate.
func (s Slot) Rate() Rate { return slots.rates[s] }

// StreamID identifies a stream inside one process: instrument (index in order
// of listing) and slot. Two streams are equal if their ids are.
//
//	31            6 5    0
//	| instrument   | slot |
type StreamID uint32

// InstrumentsMax bounds the instruments of a process: what fits a StreamID.
const InstrumentsMax = 1 << 26

// NewStreamID returns the id of an instrument's channel at every change.
func NewStreamID(instrument uint32, c Channel) StreamID {
	return NewSlot(c, RateEvery).Stream(instrument)
}

// Stream returns the id of the slot's stream of an instrument.
func (s Slot) Stream(instrument uint32) StreamID { return StreamID(instrument<<6 | uint32(s)) }

// Instrument returns the index of the stream's instrument.
func (id StreamID) Instrument() uint32 { return uint32(id) >> 6 }

// Slot returns which of its instrument's streams it is.
func (id StreamID) Slot() Slot { return Slot(id & 63) }

// Channel returns the stream's channel.
func (id StreamID) Channel() Channel { return id.Slot().Channel() }

// Rate returns the stream's rate.
func (id StreamID) Rate() Rate { return id.Slot().Rate() }

// AppendName appends the stream's name, given its instrument's symbol.
func (id StreamID) AppendName(dst []byte, symbol Symbol) []byte {
	dst = append(dst, id.Channel().String()...)
	dst = append(dst, '.')
	dst = append(dst, symbol...)
	if r := id.Rate(); r != RateEvery {
		dst = append(dst, '.')
		dst = append(dst, r.String()...)
	}
	return dst
}

// Entry is one item of a subscription: a slot, and a symbol or a prefix
// pattern.
type Entry struct {
	Slot    Slot
	Symbol  string // without the '*' of a pattern
	Pattern bool   // every symbol that begins with Symbol
}

// Errors of ParseEntry, each with its code of PROTOCOL.md, "Errors".
var (
	ErrUnknownChannel = errors.New("unknown channel")
	ErrBadRate        = errors.New("no such rate for this channel")
	ErrUnknownSymbol  = errors.New("unknown symbol")
)

// ParseEntry reads `<channel>.<symbol>[.<rate>]`, where the symbol may be a
// prefix followed by '*'. It does not know which symbols are listed: a name
// that no symbol can have is ErrUnknownSymbol. The entry's strings alias s.
func ParseEntry(s string) (Entry, error) {
	name, rest, _ := strings.Cut(s, ".")
	channel := parseChannel(name)
	if channel == 0 {
		return Entry{}, ErrUnknownChannel
	}
	symbol, text, rated := strings.Cut(rest, ".")
	rate, known := RateEvery, true
	if rated {
		rate, known = parseRate(text)
	}
	e := Entry{Slot: NewSlot(channel, rate)}
	if !known || e.Slot == 0 {
		return Entry{}, ErrBadRate
	}
	e.Symbol, e.Pattern = strings.CutSuffix(symbol, "*")
	if !symbolShaped(e.Symbol) && (!e.Pattern || e.Symbol != "") {
		return Entry{}, ErrUnknownSymbol
	}
	return e, nil
}

// Match reports whether the entry asks for the symbol.
func (e *Entry) Match(symbol Symbol) bool {
	if e.Pattern {
		return strings.HasPrefix(string(symbol), e.Symbol)
	}
	return string(symbol) == e.Symbol
}
