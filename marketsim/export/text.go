package export

import (
	"bufio"
	"io"
	"strconv"

	"tickcast/wire"
)

// text writes lines: ndjson and csv.
type text struct {
	w           *bufio.Writer
	instruments []wire.Instrument
	appendTxn   appendFunc
	n           uint64 // transactions
	buf         []byte
}

// appendFunc appends the lines of the n-th transaction, counted from 1.
type appendFunc func(dst []byte, n uint64, in *wire.Instrument, time int64, events []wire.Event) []byte

func newText(w io.Writer, instruments []wire.Instrument, f appendFunc, header string) *text {
	t := &text{w: bufio.NewWriterSize(w, bufferBytes), instruments: instruments, appendTxn: f}
	t.buf = append(t.buf, header...)
	return t
}

func (t *text) Write(b *wire.Batch) error {
	for i := range b.Txns {
		txn := &b.Txns[i]
		t.n++
		t.buf = t.appendTxn(t.buf, t.n, &t.instruments[txn.Instrument], txn.Time, b.EventsOf(i))
		if len(t.buf) >= bufferBytes/4 {
			if err := t.flush(); err != nil {
				return err
			}
		}
	}
	return nil
}

func (t *text) flush() error {
	_, err := t.w.Write(t.buf)
	t.buf = t.buf[:0]
	return err
}

func (t *text) Close() error {
	if err := t.flush(); err != nil {
		return err
	}
	return t.w.Flush()
}

// appendJSON appends a transaction as
//
//	{"n":1,"time":0,"symbol":"BTCUSDT","events":[{"type":"add","side":"buy","id":7,"price":"25360.00","qty":"0.01000"},…]}
//
// with the fields of wire.EventKind's table: "ref" and "trade" of trades,
// "orders" of levels, "state" and "reason" where there is one.
func appendJSON(dst []byte, n uint64, in *wire.Instrument, time int64, events []wire.Event) []byte {
	dst = append(dst, `{"n":`...)
	dst = strconv.AppendUint(dst, n, 10)
	dst = append(dst, `,"time":`...)
	dst = strconv.AppendInt(dst, time, 10)
	dst = append(dst, `,"symbol":"`...)
	dst = append(dst, in.Symbol...)
	dst = append(dst, `","events":[`...)
	for i := range events {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = appendJSONEvent(dst, in, &events[i])
	}
	return append(dst, "]}\n"...)
}

func appendJSONEvent(dst []byte, in *wire.Instrument, e *wire.Event) []byte {
	dst = append(dst, `{"type":"`...)
	dst = append(dst, e.Kind.String()...)
	dst = append(dst, '"')
	if e.Side != 0 {
		dst = appendJSONText(dst, "side", e.Side.String())
	}
	dst = appendJSONNumber(dst, "id", e.ID)
	dst = appendJSONNumber(dst, "ref", e.Ref)
	dst = appendJSONNumber(dst, "trade", e.Trade)
	if priced(e) {
		dst = append(dst, `,"price":"`...)
		dst = wire.AppendDecimal(dst, int64(e.Price), in.PriceScale)
		dst = append(dst, `","qty":"`...)
		dst = wire.AppendDecimal(dst, int64(e.Qty), in.QtyScale)
		dst = append(dst, '"')
	}
	if e.Kind == wire.EventLevelSet {
		dst = append(dst, `,"orders":`...)
		dst = strconv.AppendUint(dst, uint64(e.Count), 10)
	}
	if e.State != 0 {
		dst = appendJSONText(dst, "state", e.State.String())
	}
	if e.Reason != 0 {
		dst = appendJSONText(dst, "reason", e.Reason.String())
	}
	return append(dst, '}')
}

// priced reports whether price and quantity mean something, 0 included.
func priced(e *wire.Event) bool {
	return e.Kind != wire.EventTopMoved && e.Kind != wire.EventStateSet
}

func appendJSONText(dst []byte, name, value string) []byte {
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":"`...)
	dst = append(dst, value...)
	return append(dst, '"')
}

// appendJSONNumber leaves 0, which is none, out.
func appendJSONNumber(dst []byte, name string, value uint64) []byte {
	if value == 0 {
		return dst
	}
	dst = append(dst, `,"`...)
	dst = append(dst, name...)
	dst = append(dst, `":`...)
	return strconv.AppendUint(dst, value, 10)
}

const csvHeader = "n,time_ns,symbol,type,side,id,ref,trade,price,qty,orders,state,reason\n"

// appendCSV appends a row for each event; what a kind does not use is empty.
func appendCSV(dst []byte, n uint64, in *wire.Instrument, time int64, events []wire.Event) []byte {
	for i := range events {
		e := &events[i]
		dst = strconv.AppendUint(dst, n, 10)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, time, 10)
		dst = append(dst, ',')
		dst = append(dst, in.Symbol...)
		dst = append(dst, ',')
		dst = append(dst, e.Kind.String()...)
		dst = append(dst, ',')
		if e.Side != 0 {
			dst = append(dst, e.Side.String()...)
		}
		for _, v := range [...]uint64{e.ID, e.Ref, e.Trade} {
			dst = append(dst, ',')
			if v != 0 {
				dst = strconv.AppendUint(dst, v, 10)
			}
		}
		dst = append(dst, ',')
		if priced(e) {
			dst = wire.AppendDecimal(dst, int64(e.Price), in.PriceScale)
			dst = append(dst, ',')
			dst = wire.AppendDecimal(dst, int64(e.Qty), in.QtyScale)
		} else {
			dst = append(dst, ',')
		}
		dst = append(dst, ',')
		if e.Kind == wire.EventLevelSet {
			dst = strconv.AppendUint(dst, uint64(e.Count), 10)
		}
		dst = append(dst, ',')
		if e.State != 0 {
			dst = append(dst, e.State.String()...)
		}
		dst = append(dst, ',')
		dst = append(dst, e.Reason.String()...)
		dst = append(dst, '\n')
	}
	return dst
}
