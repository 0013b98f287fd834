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
//
// Ids are base 36. Status messages (H, I, S, B) leave the books as they are.
type pitchDecoder struct{ lines *lineReader }

func newPITCHDecoder(r *bufio.Reader) *pitchDecoder { return &pitchDecoder{newLineReader(r)} }

// pitchBytes is the length of each type without the optional tail.
var pitchBytes = map[byte]int{'A': 44, 'E': 39, 'X': 27, 'P': 56, 'H': 9, 'I': 9, 'S': 9, 'B': 9}

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
	if want := pitchBytes[typ]; want == 9 {
		return nil
	}
	var err error
	if r.ref, err = strconv.ParseUint(s[:12], 36, 64); err != nil {
		return fmt.Errorf("order id: %w", err)
	}
	s = s[12:]
	switch typ {
	case 'A', 'P':
		r.kind = recordAdd
		if typ == 'P' {
			r.kind = recordTrade
		}
		return parsePITCHOrder(r, s)
	case 'E':
		r.kind = recordExecute
	case 'X':
		r.kind = recordReduce
	}
	r.qty, err = pitchQty(s[:6])
	return err
}

func parsePITCHOrder(r *record, s string) error {
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
	if r.symbol = strings.TrimRight(s[7:13], " "); r.symbol == "" {
		return fmt.Errorf("no symbol")
	}
	price, err := strconv.ParseUint(s[13:23], 10, 62)
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
