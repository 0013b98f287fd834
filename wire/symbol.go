package wire

import (
	"errors"
	"fmt"
)

// SymbolBytesMax bounds a symbol's name, so that stream names, keys and
// acknowledgements are bounded too (PROTOCOL.md, "Streams").
const SymbolBytesMax = 20

// Symbol names an instrument: [A-Z0-9_-]{1,20}, for example BTCUSDT.
type Symbol string

// ErrSymbol is returned for a name that cannot be a symbol.
var ErrSymbol = errors.New("symbol must match [A-Z0-9_-]{1,20}")

// ParseSymbol returns s as a Symbol, or ErrSymbol wrapped with s.
func ParseSymbol(s string) (Symbol, error) {
	if !symbolShaped(s) {
		return "", fmt.Errorf("%.32q: %w", s, ErrSymbol)
	}
	return Symbol(s), nil
}

func symbolShaped(s string) bool {
	if len(s) == 0 || len(s) > SymbolBytesMax {
		return false
	}
	for i := range len(s) {
		if !symbolByte(s[i]) {
			return false
		}
	}
	return true
}

func symbolByte(c byte) bool {
	return c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || c == '_' || c == '-'
}
