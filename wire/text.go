package wire

import (
	"math"
	"strconv"
	"unicode/utf8"
)

const hexDigits = "0123456789abcdef"

// appendString appends s as a JSON string, whatever its bytes: invalid UTF-8
// becomes U+FFFD. U+2028 and U+2029 are escaped, because old JavaScript takes
// them for line ends.
func appendString[T ~string | ~[]byte](dst []byte, s T) []byte {
	dst = append(dst, '"')
	done := 0 // bytes of s that are written
	for i := 0; i < len(s); {
		if plainByte(s[i]) {
			i++
			continue
		}
		size := 1
		if s[i] < utf8.RuneSelf {
			dst = appendEscape(append(dst, s[done:i]...), rune(s[i]))
		} else {
			var r rune
			r, size = utf8.DecodeRuneInString(string(s[i:min(i+utf8.UTFMax, len(s))]))
			if (r != utf8.RuneError || size > 1) && r != '\u2028' && r != '\u2029' {
				i += size
				continue
			}
			dst = appendEscape(append(dst, s[done:i]...), r)
		}
		i += size
		done = i
	}
	dst = append(dst, s[done:]...)
	return append(dst, '"')
}

// plainByte reports whether c stands for itself in a JSON string.
func plainByte(c byte) bool {
	return c >= ' ' && c < utf8.RuneSelf && c != '"' && c != '\\'
}

func appendEscape(dst []byte, r rune) []byte {
	switch r {
	case '"', '\\':
		return append(dst, '\\', byte(r))
	case '\b':
		return append(dst, `\b`...)
	case '\f':
		return append(dst, `\f`...)
	case '\n':
		return append(dst, `\n`...)
	case '\r':
		return append(dst, `\r`...)
	case '\t':
		return append(dst, `\t`...)
	}
	dst = append(dst, `\u`...)
	return append(dst, hexDigits[r>>12&15], hexDigits[r>>8&15], hexDigits[r>>4&15], hexDigits[r&15])
}

// appendStrings appends list as a JSON array of strings, [] if it is nil.
func appendStrings[T ~string | ~[]byte](dst []byte, list []T) []byte {
	dst = append(dst, '[')
	for i, s := range list {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendString(dst, s)
	}
	return append(dst, ']')
}

// appendFloat appends f in its shortest form, null if it is not finite.
func appendFloat(dst []byte, f float64) []byte {
	if math.IsNaN(f) || math.IsInf(f, 0) {
		return append(dst, "null"...)
	}
	format := byte('f')
	if magnitude := math.Abs(f); magnitude != 0 && (magnitude < 1e-6 || magnitude >= 1e21) {
		format = 'e'
	}
	return strconv.AppendFloat(dst, f, format, -1, 64)
}

// quoteBytesMax bounds what a message repeats of a client's bytes.
const quoteBytesMax = 64

// quoteClient quotes the beginning of a client's bytes for a message to a
// person: printable, valid UTF-8.
func quoteClient(b []byte) string {
	if len(b) <= quoteBytesMax {
		return strconv.Quote(string(b))
	}
	end := quoteBytesMax
	for end > quoteBytesMax-utf8.UTFMax && !utf8.RuneStart(b[end]) {
		end--
	}
	return strconv.Quote(string(b[:end])) + "..."
}

// AppendString appends s as a JSON string, whatever its bytes: invalid UTF-8
// becomes U+FFFD.
func AppendString(dst []byte, s string) []byte { return appendString(dst, s) }
