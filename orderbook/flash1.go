package orderbook

import (
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"tickcast/wire"
)

// Flash1 is the message stream of the public matching-engine workload flash1
// (github.com/flash1-dev/matching-engine-benchmark), in columns:
//
//	"FL1COLS1" | u32 n | n x u8 kind | n x u32 quantity | n x u32 order id | n x i32 price
//
// all little-endian. A kind is type (0 new, 1 cancel, 2 modify, which is cancel
// and reinsert), side << 2 (0 buy, 1 sell) and ioc << 3.
type Flash1 struct {
	kinds             []byte
	qtys, ids, prices []byte
}

const (
	flash1Magic = "FL1COLS1"
	flash1Head  = len(flash1Magic) + 4

	flash1New    = 0
	flash1Cancel = 1
	flash1Modify = 2
)

// ErrFlash1 is returned for bytes that are no such stream, wrapped with where.
var ErrFlash1 = errors.New("not a flash1 column file")

// ParseFlash1 checks a stream. It keeps references to src.
func ParseFlash1(src []byte) (*Flash1, error) {
	if len(src) < flash1Head || string(src[:len(flash1Magic)]) != flash1Magic {
		return nil, fmt.Errorf("%w: it does not begin with %s and a count", ErrFlash1, flash1Magic)
	}
	n := int(binary.LittleEndian.Uint32(src[len(flash1Magic):]))
	body := src[flash1Head:]
	if len(body) != 13*n {
		return nil, fmt.Errorf("%w: %d messages need %d bytes; got %d: %s", ErrFlash1, n, 13*n, len(body), flash1Cut(n, len(body)))
	}
	f := &Flash1{kinds: body[:n], qtys: body[n : 5*n], ids: body[5*n : 9*n], prices: body[9*n:]}
	for i, k := range f.kinds {
		if k&3 > flash1Modify || k > 15 {
			return nil, fmt.Errorf("%w: message %d: kind %d", ErrFlash1, i, k)
		}
	}
	return f, nil
}

// flash1Cut tells where in the columns of n messages some bytes end.
func flash1Cut(n, have int) string {
	for _, column := range [...]struct {
		name string
		size int
	}{{"kind", 1}, {"quantity", 4}, {"order id", 4}, {"price", 4}} {
		if have < n*column.size {
			return fmt.Sprintf("truncated in the %s of message %d", column.name, have/column.size)
		}
		have -= n * column.size
	}
	return fmt.Sprintf("%d bytes follow the last price", have)
}

// Len returns the number of messages.
func (f *Flash1) Len() int { return len(f.kinds) }

// NewBook returns the book that the workload is for.
func (f *Flash1) NewBook() (*Book, error) { return New(Config{OutsideIDs: true, Requeue: true}) }

// Do carries out message i.
func (f *Flash1) Do(b *Book, dst []wire.Event, i int) []wire.Event {
	id := uint64(binary.LittleEndian.Uint32(f.ids[4*i:]))
	qty := wire.Qty(binary.LittleEndian.Uint32(f.qtys[4*i:]))
	price := wire.Price(int32(binary.LittleEndian.Uint32(f.prices[4*i:])))
	switch k := f.kinds[i]; k & 3 {
	case flash1Cancel:
		return b.Cancel(dst, id)
	case flash1Modify:
		return b.Replace(dst, id, qty, price)
	default:
		o := Order{ID: id, Side: wire.Buy + wire.Side(k>>2&1), Type: Limit, Qty: qty, Price: price}
		if k&8 != 0 {
			o.Type = IOC
		}
		return b.Enter(dst, &o)
	}
}

// AppendReports appends the canonical report lines of message i, each behind a
// line break unless it is the first of the stream:
//
//	0,i,side,id,price,qty  accepted      3,i,side,id,price,qty  modified
//	1,i,price,qty,maker,taker  trade     4,i,id  cancel rejected
//	2,i,side,id,price  cancelled         5,i,id  modify rejected
func (f *Flash1) AppendReports(dst []byte, i int, events []wire.Event, first bool) []byte {
	for n := range events {
		e := &events[n]
		side := int64(e.Side - wire.Buy)
		switch e.Kind {
		case wire.EventAccepted:
			dst = appendReport(dst, &first, 0, i, side, int64(e.ID), int64(e.Price), int64(e.Qty))
		case wire.EventTrade:
			dst = appendReport(dst, &first, 1, i, int64(e.Price), int64(e.Qty), int64(e.ID), int64(e.Ref))
		case wire.EventCancelled:
			dst = appendReport(dst, &first, 2, i, side, int64(e.ID), int64(e.Price))
		case wire.EventReplaced:
			qty := binary.LittleEndian.Uint32(f.qtys[4*i:])
			dst = appendReport(dst, &first, 3, i, side, int64(e.ID), int64(e.Price), int64(qty))
		case wire.EventRejected:
			kind := int64(4)
			if f.kinds[i]&3 == flash1Modify {
				kind = 5
			}
			dst = appendReport(dst, &first, kind, i, int64(e.ID))
		}
	}
	return dst
}

func appendReport(dst []byte, first *bool, kind int64, i int, values ...int64) []byte {
	if !*first {
		dst = append(dst, '\n')
	}
	*first = false
	dst = strconv.AppendInt(dst, kind, 10)
	dst = append(dst, ',')
	dst = strconv.AppendInt(dst, int64(i), 10)
	for _, v := range values {
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, v, 10)
	}
	return dst
}
