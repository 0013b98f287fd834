package wire

import (
	"errors"
	"strings"
)

// Channel is what a stream carries (PROTOCOL.md section 2). The zero Channel
// is invalid.
type Channel uint8

// The channels, in the order in which a transaction's frames are published.
const (
	ChannelTrade Channel = iota + 1
	ChannelBook
	ChannelBBO
)

// ChannelCount is one more than the last Channel: the length of a table
// indexed by Channel.
const ChannelCount = 4

var channelNames = [ChannelCount]string{"invalid", "trade", "book", "bbo"}

// String returns the channel's name as it stands in stream names.
func (c Channel) String() string {
	if int(c) < len(channelNames) {
		return channelNames[c]
	}
	return channelNames[0]
}

// Stateful reports whether a frame of the channel is its whole state, so that
// a newer frame replaces an older one. The others are event channels, whose
// every loss is announced with its range.
func (c Channel) Stateful() bool { return c == ChannelBBO }

// StreamID identifies a stream inside one process: instrument (index in order
// of listing), channel and rate. Two streams are equal if their ids are.
//
//	31            6 5        2 1    0
//	| instrument   | channel  | rate |
type StreamID uint32

// InstrumentsMax bounds the instruments of a process: what fits a StreamID.
const InstrumentsMax = 1 << 26

// NewStreamID returns the id of an instrument's channel at every change.
func NewStreamID(instrument uint32, c Channel) StreamID {
	return StreamID(instrument<<6 | uint32(c)<<2)
}

// Instrument returns the index of the stream's instrument.
func (id StreamID) Instrument() uint32 { return uint32(id) >> 6 }

// Channel returns the stream's channel.
func (id StreamID) Channel() Channel { return Channel(id >> 2 & 15) }

// Slot returns channel and rate as an index below SlotCount.
func (id StreamID) Slot() int { return int(id & (SlotCount - 1)) }

// SlotCount is the number of streams that an instrument can have.
const SlotCount = 64

// AppendName appends the stream's name, given its instrument's symbol.
func (id StreamID) AppendName(dst []byte, symbol Symbol) []byte {
	dst = append(dst, id.Channel().String()...)
	dst = append(dst, '.')
	return append(dst, symbol...)
}

// Entry is one item of a subscription: a channel, and a symbol or a prefix
// pattern.
type Entry struct {
	Channel Channel
	Symbol  string // without the '*' of a pattern
	Pattern bool   // every symbol that begins with Symbol
}

// Errors of ParseEntry, each with its code of PROTOCOL.md section 8.
var (
	ErrUnknownChannel = errors.New("unknown channel")
	ErrBadRate        = errors.New("no such rate for this channel")
	ErrUnknownSymbol  = errors.New("unknown symbol")
)

// ParseEntry reads `<channel>.<symbol>`, where the symbol may be a prefix
// followed by '*'. It does not know which symbols are listed: a name that no
// symbol can have is ErrUnknownSymbol. The entry's strings alias s.
func ParseEntry(s string) (Entry, error) {
	channel, rest, _ := strings.Cut(s, ".")
	e := Entry{Channel: parseChannel(channel)}
	if e.Channel == 0 {
		return Entry{}, ErrUnknownChannel
	}
	symbol, _, rated := strings.Cut(rest, ".")
	if rated {
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

func parseChannel(s string) Channel {
	for c := Channel(1); c < ChannelCount; c++ {
		if channelNames[c] == s {
			return c
		}
	}
	return 0
}
