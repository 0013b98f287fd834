package torture

import "bytes"

// scanner reads a data frame whose keys stand in the order of PROTOCOL.md
// section 4, without spaces. A fault is remembered: check bad at the end.
type scanner struct {
	rest []byte
	bad  bool
}

// have consumes text if it is there.
func (s *scanner) have(text string) bool {
	if len(s.rest) < len(text) || string(s.rest[:len(text)]) != text {
		return false
	}
	s.rest = s.rest[len(text):]
	return true
}

// want consumes text, which has to be there.
func (s *scanner) want(text string) {
	if !s.have(text) {
		s.bad = true
	}
}

// digitsMax keeps integers within an int64.
const digitsMax = 18

// integer consumes a number without sign.
func (s *scanner) integer() uint64 {
	var v uint64
	n := 0
	for n < len(s.rest) && s.rest[n]-'0' <= 9 {
		v = v*10 + uint64(s.rest[n]-'0')
		n++
	}
	if n == 0 || n > digitsMax {
		s.bad = true
		return 0
	}
	s.rest = s.rest[n:]
	return v
}

// text consumes what stands before the next quote, and the quote.
func (s *scanner) text() []byte {
	i := bytes.IndexByte(s.rest, '"')
	if i < 0 {
		s.bad = true
		return nil
	}
	text := s.rest[:i]
	s.rest = s.rest[i+1:]
	return text
}

// decimal consumes a decimal number and the quote behind it, and returns its
// digits as an integer: the number in units of its last place.
func (s *scanner) decimal() int64 {
	var v int64
	for i, c := range s.rest {
		switch {
		case c-'0' <= 9:
			v = v*10 + int64(c-'0')
		case c == '.':
		case c == '"' && i > 0 && i <= digitsMax+1:
			s.rest = s.rest[i+1:]
			return v
		default:
			s.bad = true
			return 0
		}
	}
	s.bad = true
	return 0
}

// dataHead is the part of a data frame that every channel has.
type dataHead struct {
	stream []byte
	seq    uint64
}

// head consumes it.
func (s *scanner) head() (h dataHead) {
	s.want(`{"stream":"`)
	h.stream = s.text()
	s.want(`,"seq":`)
	h.seq = s.integer()
	return h
}

// published returns the tp of a data frame, the number at its end.
func published(p []byte) (micros int64, ok bool) {
	const key, digits = `,"tp":`, 16
	at := len(p) - digits - 1
	if at < len(key) || string(p[at-len(key):at]) != key || p[len(p)-1] != '}' {
		return 0, false
	}
	for _, c := range p[at : len(p)-1] {
		if c-'0' > 9 {
			return 0, false
		}
		micros = micros*10 + int64(c-'0')
	}
	return micros, true
}
