package marketsim

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"

	"tickcast/wire"
)

// itchDecoder reads Nasdaq TotalView-ITCH 5.0 as Nasdaq's files have it: each
// message behind its length, everything big-endian. All begin with
//
//	type 1 | stock locate 2 | tracking 2 | time 6, ns since midnight
//
// and these go on, from offset 11:
//
//	A F  add      ref 8, side 1, shares 4, stock 8, price 4 (4 decimals) [, attribution 4]
//	E    execute  ref 8, shares 4, match 8
//	C    execute  ref 8, shares 4, match 8, printable 1, price 4
//	X    cancel   ref 8, shares 4
//	D    delete   ref 8
//	U    replace  ref 8, new ref 8, shares 4, price 4
//	P    trade    ref 8, side 1, shares 4, stock 8, price 4, match 8
//	H    trading  stock 8, state 1 (H P halted, Q quotation only, T trading), 1, reason 4
//	R    directory  stock 8, …
//
// The others leave the books as they are. A length of 0 ends the session.
type itchDecoder struct {
	r      *bufio.Reader
	buf    []byte
	stocks map[uint16]string // by locate
}

func newITCHDecoder(r *bufio.Reader) *itchDecoder {
	return &itchDecoder{r: r, buf: make([]byte, 1<<16), stocks: map[uint16]string{}}
}

// itchBytes is the length of each type.
var itchBytes = map[byte]int{
	'S': 12, 'R': 39, 'H': 25, 'Y': 20, 'L': 26, 'V': 35, 'W': 12, 'K': 28, 'J': 35, 'h': 21,
	'A': 36, 'F': 40, 'E': 31, 'C': 36, 'X': 23, 'D': 19, 'U': 35,
	'P': 44, 'Q': 40, 'B': 19, 'I': 50, 'N': 20, 'O': 48,
}

func (d *itchDecoder) next(r *record) error {
	msg, err := d.read()
	if err != nil {
		return err
	}
	want, ok := itchBytes[msg[0]]
	if !ok {
		return fmt.Errorf("message type %q", msg[0])
	}
	if len(msg) != want {
		return fmt.Errorf("message type %c has %d bytes; want %d", msg[0], len(msg), want)
	}
	locate := binary.BigEndian.Uint16(msg[1:])
	r.time = int64(binary.BigEndian.Uint16(msg[5:]))<<32 | int64(binary.BigEndian.Uint32(msg[7:]))
	if err := parseITCH(r, msg[0], msg[11:]); err != nil {
		return err
	}
	if r.symbol != "" {
		d.stocks[locate] = r.symbol
	}
	r.symbol = d.stocks[locate]
	return nil
}

// read returns the next message, valid until the next call.
func (d *itchDecoder) read() ([]byte, error) {
	var head [2]byte
	if _, err := io.ReadFull(d.r, head[:]); err != nil {
		if errors.Is(err, io.EOF) && !errors.Is(err, io.ErrUnexpectedEOF) {
			return nil, io.EOF
		}
		return nil, fmt.Errorf("truncated in the length: %w", err)
	}
	n := binary.BigEndian.Uint16(head[:])
	if n == 0 {
		return nil, io.EOF
	}
	msg := d.buf[:n]
	if got, err := io.ReadFull(d.r, msg); err != nil {
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF // the recording does not end here
		}
		return nil, fmt.Errorf("truncated: %d of %d bytes: %w", got, n, err)
	}
	if n < 11 {
		return nil, fmt.Errorf("%d bytes; want at least 11", n)
	}
	return msg, nil
}

func parseITCH(r *record, typ byte, b []byte) error {
	r.kind = recordNothing
	switch typ {
	case 'R':
		r.symbol = itchStock(b)
		return nil
	case 'H':
		r.kind = recordState
		if r.symbol, r.state = itchStock(b), itchState(b[8]); r.symbol == "" {
			return errNoStock
		}
	case 'A', 'F', 'P':
		return parseITCHOrder(r, typ, b)
	case 'E', 'C':
		r.kind = recordExecute
		r.ref, r.qty = binary.BigEndian.Uint64(b), itchQty(b[8:])
		if typ == 'C' {
			r.price = wire.Price(binary.BigEndian.Uint32(b[21:]))
		}
	case 'X':
		r.kind = recordReduce
		r.ref, r.qty = binary.BigEndian.Uint64(b), itchQty(b[8:])
	case 'D':
		r.kind = recordRemove
		r.ref = binary.BigEndian.Uint64(b)
	case 'U':
		r.kind = recordReplace
		r.ref, r.newRef = binary.BigEndian.Uint64(b), binary.BigEndian.Uint64(b[8:])
		r.qty, r.price = itchQty(b[16:]), wire.Price(binary.BigEndian.Uint32(b[20:]))
	}
	return nil
}

func parseITCHOrder(r *record, typ byte, b []byte) error {
	r.kind = recordAdd
	if typ == 'P' {
		r.kind = recordTrade
	}
	r.ref = binary.BigEndian.Uint64(b)
	switch b[8] {
	case 'B':
		r.side = wire.Buy
	case 'S':
		r.side = wire.Sell
	default:
		return fmt.Errorf("side %q", b[8])
	}
	r.qty, r.symbol = itchQty(b[9:]), itchStock(b[13:])
	r.price = wire.Price(binary.BigEndian.Uint32(b[21:]))
	if r.symbol == "" {
		return errNoStock
	}
	return nil
}

var errNoStock = errors.New("no stock")

func itchQty(b []byte) wire.Qty { return wire.Qty(binary.BigEndian.Uint32(b)) }

func itchStock(b []byte) string { return strings.TrimRight(string(b[:8]), " ") }

func itchState(c byte) wire.State {
	switch c {
	case 'T':
		return wire.StateTrading
	case 'Q':
		return wire.StatePreOpen
	}
	return wire.StateHalt
}
