package wire

import (
	"unicode/utf16"
	"unicode/utf8"
)

// scanner reads JSON from a client's bytes. The first malformed byte makes it
// bad for ever: from then on every method returns the zero value, so callers
// check once, at the end.
type scanner struct {
	src []byte
	pos int
	bad bool
}

// scanDepthMax bounds the nesting of values that are skipped, and so the
// stack; no request has any use for more than 2.
const scanDepthMax = 32

func (s *scanner) fail() { s.bad = true }

// peek returns the first byte of the next token, 0 at the end.
func (s *scanner) peek() byte {
	for !s.bad && s.pos < len(s.src) {
		switch c := s.src[s.pos]; c {
		case ' ', '\t', '\n', '\r':
			s.pos++
		default:
			return c
		}
	}
	return 0
}

// take consumes the next token if it is the byte c.
func (s *scanner) take(c byte) bool {
	if s.peek() != c {
		return false
	}
	s.pos++
	return true
}

// expect consumes the byte c, which must be the next token.
func (s *scanner) expect(c byte) {
	if !s.take(c) {
		s.fail()
	}
}

// open enters an array or object; it reports whether there is an element.
func (s *scanner) open(begin, end byte) bool {
	s.expect(begin)
	return !s.take(end) && !s.bad
}

// more steps behind an element; it reports whether there is another.
func (s *scanner) more(end byte) bool {
	if s.take(',') {
		return true
	}
	s.expect(end)
	return false
}

// key reads the name of a member and its colon.
func (s *scanner) key() (token []byte, escaped bool) {
	token, escaped = s.text()
	s.expect(':')
	return token, escaped
}

// text reads a string and returns what stands between its quotes, and whether
// there are escapes in it. UTF-8 is not checked: frames are, before.
func (s *scanner) text() (token []byte, escaped bool) {
	s.expect('"')
	start := s.pos
	for !s.bad && s.pos < len(s.src) {
		switch c := s.src[s.pos]; {
		case c == '"':
			s.pos++
			return s.src[start : s.pos-1], escaped
		case c < ' ':
			s.fail()
		case c == '\\':
			escaped = true
			s.escape()
		default:
			s.pos++
		}
	}
	s.fail()
	return nil, false
}

// escape checks one escape sequence.
func (s *scanner) escape() {
	rest := s.src[s.pos:]
	if len(rest) < 2 {
		s.fail()
		return
	}
	switch rest[1] {
	case '"', '\\', '/', 'b', 'f', 'n', 'r', 't':
		s.pos += 2
	case 'u':
		if hexRune(rest) < 0 {
			s.fail()
			return
		}
		s.pos += 6
	default:
		s.fail()
	}
}

// number reads a number and reports whether it is written as an integer.
func (s *scanner) number() (token []byte, integer bool) {
	s.peek()
	start := s.pos
	s.byteIf('-')
	if !s.byteIf('0') {
		s.digits()
	}
	integer = true
	if s.byteIf('.') {
		integer = false
		s.digits()
	}
	if s.byteIf('e') || s.byteIf('E') {
		integer = false
		if !s.byteIf('+') {
			s.byteIf('-')
		}
		s.digits()
	}
	if s.bad {
		return nil, false
	}
	return s.src[start:s.pos], integer
}

// byteIf consumes the byte c if it stands exactly here.
func (s *scanner) byteIf(c byte) bool {
	if s.bad || s.pos >= len(s.src) || s.src[s.pos] != c {
		return false
	}
	s.pos++
	return true
}

// digits consumes one digit or more.
func (s *scanner) digits() {
	start := s.pos
	for s.pos < len(s.src) && s.src[s.pos] >= '0' && s.src[s.pos] <= '9' {
		s.pos++
	}
	if s.pos == start {
		s.fail()
	}
}

// literal consumes the word, which must be the next token.
func (s *scanner) literal(word string) {
	s.peek()
	if rest := s.src[s.pos:]; s.bad || len(rest) < len(word) || string(rest[:len(word)]) != word {
		s.fail()
		return
	}
	s.pos += len(word)
}

// null consumes the next value if it is null.
func (s *scanner) null() bool {
	if s.peek() != 'n' {
		return false
	}
	s.literal("null")
	return true
}

// skip consumes the next value, whatever it is. depth is how many values
// there are around it.
func (s *scanner) skip(depth int) {
	if depth > scanDepthMax {
		s.fail()
		return
	}
	switch s.peek() {
	case '{':
		for more := s.open('{', '}'); more; more = s.more('}') {
			s.key()
			s.skip(depth + 1)
		}
	case '[':
		for more := s.open('[', ']'); more; more = s.more(']') {
			s.skip(depth + 1)
		}
	case '"':
		s.text()
	case 't':
		s.literal("true")
	case 'f':
		s.literal("false")
	case 'n':
		s.literal("null")
	default:
		s.number()
	}
}

// appendUnescaped appends the meaning of what text returned. A surrogate
// without its other half becomes U+FFFD.
func appendUnescaped(dst, token []byte) []byte {
	for i := 0; i < len(token); {
		if token[i] != '\\' {
			dst = append(dst, token[i])
			i++
			continue
		}
		switch c := token[i+1]; c {
		case 'u':
			r := hexRune(token[i:])
			i += 6
			if utf16.IsSurrogate(r) {
				if pair := utf16.DecodeRune(r, hexRune(token[i:])); pair != utf8.RuneError {
					r = pair
					i += 6
				}
			}
			dst = utf8.AppendRune(dst, r)
		default:
			dst = append(dst, unescapedByte(c))
			i += 2
		}
	}
	return dst
}

func unescapedByte(c byte) byte {
	switch c {
	case 'b':
		return '\b'
	case 'f':
		return '\f'
	case 'n':
		return '\n'
	case 'r':
		return '\r'
	case 't':
		return '\t'
	}
	return c
}

// hexRune reads `\u` and four hexadecimal digits at the beginning of b, -1 if
// they are not there.
func hexRune(b []byte) rune {
	if len(b) < 6 || b[0] != '\\' || b[1] != 'u' {
		return -1
	}
	var r rune
	for _, c := range b[2:6] {
		switch {
		case c >= '0' && c <= '9':
			c -= '0'
		case c >= 'a' && c <= 'f':
			c -= 'a' - 10
		case c >= 'A' && c <= 'F':
			c -= 'A' - 10
		default:
			return -1
		}
		r = r<<4 | rune(c)
	}
	return r
}
