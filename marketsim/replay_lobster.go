package marketsim

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"

	"tickcast/wire"
)

// lobsterSymbol stands for the symbol that the file's name tells.
const lobsterSymbol = "LOBSTER"

// lobsterDecoder reads LOBSTER message files: one message a line,
//
//	time in s (decimals to ns), type, order id, size, price x 10^4, direction
//
// with the types 1 add, 2 partial cancel, 3 delete, 4 visible execution,
// 5 hidden execution, 6 cross trade, 7 halt; direction 1 buy, -1 sell, of the
// order and not of the trade's initiator.
type lobsterDecoder struct {
	lines *lineReader
	held  *record // read ahead for the seed
}

func newLOBSTERDecoder(r *bufio.Reader) *lobsterDecoder {
	return &lobsterDecoder{lines: newLineReader(r)}
}

func (d *lobsterDecoder) next(r *record) error {
	if d.held != nil {
		*r, d.held = *d.held, nil
		return nil
	}
	line, err := d.lines.next()
	if err != nil {
		return err
	}
	return parseLOBSTER(r, line)
}

func parseLOBSTER(r *record, line []byte) error {
	fields := bytes.Split(line, []byte(","))
	if len(fields) < 6 {
		return fmt.Errorf("%d fields; want 6", len(fields))
	}
	var err error
	if r.time, err = parseDecimal(fields[0], 9); err != nil {
		return fmt.Errorf("time: %w", err)
	}
	var n [5]int64
	for i := range n {
		if n[i], err = strconv.ParseInt(string(fields[i+1]), 10, 64); err != nil {
			return err
		}
	}
	r.symbol = lobsterSymbol
	r.ref, r.qty, r.price, r.side = uint64(n[1]), wire.Qty(n[2]), wire.Price(n[3]), wire.Buy
	switch n[4] {
	case 1:
	case -1:
		r.side = wire.Sell
	default:
		return fmt.Errorf("direction %d; want 1 or -1", n[4])
	}
	return r.lobsterKind(n[0])
}

func (r *record) lobsterKind(typ int64) error {
	switch typ {
	case 1:
		r.kind = recordAdd
	case 2:
		r.kind = recordReduce
	case 3:
		r.kind = recordRemove
	case 4:
		r.kind = recordExecute
	case 5:
		r.kind = recordTrade
	case 6:
		r.kind = recordNothing
	case 7: // price -1: halted, 0: quoting resumed, 1: trading resumed
		r.kind = recordState
		switch r.price {
		case -1:
			r.state = wire.StateHalt
		case 0:
			r.state = wire.StatePreOpen
		default:
			r.state = wire.StateTrading
		}
	default:
		return fmt.Errorf("message type %d", typ)
	}
	if typ <= 5 && (r.qty <= 0 || r.price <= 0) {
		return fmt.Errorf("size %d and price %d of message type %d", r.qty, r.price, typ)
	}
	return nil
}

// seedLOBSTER opens the book with the first row of an orderbook file, which
// holds after message 0, less what message 0 did.
func (p *Replay) seedLOBSTER(d *lobsterDecoder, seed io.Reader) error {
	line, err := newLineReader(bufio.NewReader(seed)).next()
	if err != nil {
		return fmt.Errorf("first row: %w", err)
	}
	b := p.book(lobsterSymbol)
	levels, err := parseLOBSTERRow(line)
	if err != nil {
		return err
	}
	first := &record{}
	switch err := d.next(first); {
	case errors.Is(err, io.EOF):
		first.kind = recordNothing
	case err != nil:
		return fmt.Errorf("%w: record 1: %w", ErrRecord, err)
	default:
		d.held = first
	}
	for _, l := range before(levels, first) {
		p.setLevel(b, l)
	}
	p.message.Book = b
	p.message.Events, err = b.Book.Build(p.message.Events, p.changes)
	return err
}

// before undoes a message in the levels that it left.
func before(levels []sideLevel, r *record) []sideLevel {
	by := r.qty
	switch r.kind {
	case recordAdd:
		by = -by
	case recordReduce, recordRemove, recordExecute:
	default:
		return levels
	}
	for i := range levels {
		if l := &levels[i]; l.side == r.side && l.Price == r.price {
			l.Qty = max(l.Qty+by, 0)
			return levels
		}
	}
	if by > 0 {
		levels = append(levels, sideLevel{wire.Level{Price: r.price, Qty: by}, r.side})
	}
	return levels
}

func parseLOBSTERRow(line []byte) ([]sideLevel, error) {
	fields := strings.Split(string(line), ",")
	if len(fields)%4 != 0 {
		return nil, fmt.Errorf("%d columns; want a multiple of 4", len(fields))
	}
	var levels []sideLevel
	for i := 0; i < len(fields); i += 2 {
		price, err := strconv.ParseInt(fields[i], 10, 64)
		if err != nil {
			return nil, err
		}
		size, err := strconv.ParseInt(fields[i+1], 10, 64)
		if err != nil {
			return nil, err
		}
		side := wire.Sell
		if i%4 == 2 {
			side = wire.Buy
		}
		if size > 0 {
			levels = append(levels, sideLevel{wire.Level{Price: wire.Price(price), Qty: wire.Qty(size)}, side})
		}
	}
	return levels, nil
}

// lineReader reads lines of bounded length.
type lineReader struct{ scanner *bufio.Scanner }

// lineBytesMax bounds a line: a Binance snapshot of 5,000 levels has 300 kB.
const lineBytesMax = 8 << 20

func newLineReader(r io.Reader) *lineReader {
	s := bufio.NewScanner(r)
	s.Buffer(make([]byte, 0, 64<<10), lineBytesMax)
	return &lineReader{s}
}

// next returns a line, valid until the next call, or io.EOF.
func (l *lineReader) next() ([]byte, error) {
	more := l.scanner.Scan()
	if err := l.scanner.Err(); err != nil {
		// io.ErrUnexpectedEOF of a truncated gzip file must not look like the end,
		// nor what there is of the line like the whole of it.
		return nil, fmt.Errorf("truncated: %w", err)
	}
	if !more {
		return nil, io.EOF
	}
	return bytes.TrimSuffix(l.scanner.Bytes(), []byte("\r")), nil
}

var errNumber = errors.New("not a decimal number")

// parseDecimal reads a decimal number as an integer x 10^-exp.
func parseDecimal(s []byte, exp int) (int64, error) {
	whole, fraction, _ := bytes.Cut(s, []byte("."))
	fraction = bytes.TrimRight(fraction, "0")
	if len(whole) == 0 || len(fraction) > exp {
		return 0, errNumber
	}
	digits := append(append(make([]byte, 0, 32), whole...), fraction...)
	for range exp - len(fraction) {
		digits = append(digits, '0')
	}
	n, err := strconv.ParseInt(string(digits), 10, 64)
	if err != nil || bytes.ContainsAny(digits[1:], "+-") || digits[0] == '+' {
		return 0, errNumber
	}
	return n, nil
}
