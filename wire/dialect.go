package wire

// Dialect is a way to write data frames. The zero Dialect is invalid.
type Dialect uint8

// The dialects.
const (
	JSON Dialect = iota + 1 // PROTOCOL.md, "What you get: market data"
)

// DialectCount is one more than the last Dialect: the length of a table
// indexed by Dialect.
const DialectCount = 2

var dialectNames = [DialectCount]string{"invalid", "json"}

// String returns the dialect's name as it stands in format=.
func (d Dialect) String() string {
	if int(d) < len(dialectNames) {
		return dialectNames[d]
	}
	return dialectNames[0]
}

// ParseDialect returns the dialect that a client asked for with format=, and
// false if there is none of that name: a fallback would never be noticed.
func ParseDialect(s string) (Dialect, bool) {
	for d := Dialect(1); d < DialectCount; d++ {
		if dialectNames[d] == s {
			return d, true
		}
	}
	return 0, false
}
