package marketsim

import (
	"bufio"
	"fmt"
	"strconv"
	"strings"

	"tickcast/wire"
)

// pitchDecoder reads BATS PITCH 1.x in ASCII, one message a line, columns of
// fixed width behind the time (8 digits, ms since midnight) and the type:
//
//	A add      id 12, side 1, shares 6, symbol 6, price 10 (4 decimals), display 1
//	E execute  id 12, shares 6, execution id 12
//	X cancel   id 12, shares 6
//	P trade    id 12, side 1, shares 6, symbol 6, price 10, execution id 12
//	d r        A and P with a symbol of 8
//	s clear    symbol 8: its book is empty
//
// Ids are base 36. The others (H status, I and J auctions, each with a symbol of
// 8, and B trade break) leave the books as they are.
type pitchDecoder struct{ lines *lineReader }

func newPITCHDecoder(r *bufio.Reader) *pitchDecoder { return &pitchDecoder{newLineReader(r)} }

// pitchBytes is the length of each type without the optional tail.
var pitchBytes = map[byte]int{
	'A': 44, 'E': 39, 'X': 27, 'P': 56, 'd': 46, 'r': 58, 's': 17, 'H': 17, 'I': 17, 'J': 17, 'B': 9,
}

func (d *pitchDecoder) next(r *record) error {
	raw, err := d.lines.next()
	if err != nil {
		return err
	}
	line := string(raw)
	if len(line) < 9 {
		return fmt.Errorf("%d characters; want at least 9", len(line))
	}
	typ := line[8]
	want, ok := pitchBytes[typ]
	if !ok {
		return fmt.Errorf("message type %q", typ)
	}
	if len(line) < want {
		return fmt.Errorf("message type %c has %d characters; want at least %d", typ, len(line), want)
	}
	ms, err := strconv.ParseUint(line[:8], 10, 64)
	if err != nil {
		return fmt.Errorf("time: %w", err)
	}
	r.time = int64(ms) * 1e6
	return parsePITCH(r, typ, line[9:])
}

func parsePITCH(r *record, typ byte, s string) error {
	r.kind = recordNothing
	switch typ {
	case 'B':
		return nil
	case 's', 'H', 'I', 'J':
		if r.symbol = strings.TrimRight(s[:8], " "); typ == 's' && r.symbol != "" {
			r.kind = recordClear
		}
		return nil
	}
	var err error
	if r.ref, err = strconv.ParseUint(s[:12], 36, 64); err != nil {
		return fmt.Errorf("order id: %w", err)
	}
	s = s[12:]
	switch typ {
	case 'A':
		r.kind = recordAdd
		return parsePITCHOrder(r, s, 6)
	case 'd':
		r.kind = recordAdd
		return parsePITCHOrder(r, s, 8)
	case 'P':
		r.kind = recordTrade
		return parsePITCHOrder(r, s, 6)
	case 'r':
		r.kind = recordTrade
		return parsePITCHOrder(r, s, 8)
	case 'E':
		r.kind = recordExecute
	case 'X':
		r.kind = recordReduce
	}
	r.qty, err = pitchQty(s[:6])
	return err
}

// parsePITCHOrder reads what follows the id, with a symbol of the given width.
func parsePITCHOrder(r *record, s string, width int) error {
	switch s[0] {
	case 'B':
		r.side = wire.Buy
	case 'S':
		r.side = wire.Sell
	default:
		return fmt.Errorf("side %q", s[0])
	}
	var err error
	if r.qty, err = pitchQty(s[1:7]); err != nil {
		return err
	}
	if r.symbol = strings.TrimRight(s[7:7+width], " "); r.symbol == "" {
		return fmt.Errorf("no symbol")
	}
	price, err := strconv.ParseUint(s[7+width:17+width], 10, 62)
	if err != nil {
		return fmt.Errorf("price: %w", err)
	}
	r.price = wire.Price(price)
	return nil
}

func pitchQty(s string) (wire.Qty, error) {
	n, err := strconv.ParseUint(s, 10, 32)
	if err != nil {
		return 0, fmt.Errorf("shares: %w", err)
	}
	return wire.Qty(n), nil
}
