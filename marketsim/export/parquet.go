package export

import (
	"fmt"
	"io"

	"github.com/parquet-go/parquet-go"

	"tickcast/wire"
)

// decimals of prices and quantities in Parquet. Instruments have fewer.
const decimals = 8

// Row is an event in Parquet: the columns of csv.
type Row struct {
	N      int64  `parquet:"n,delta"`
	Time   int64  `parquet:"time_ns,delta"`
	Symbol string `parquet:"symbol,dict"`
	Type   string `parquet:"type,dict"`
	Side   string `parquet:"side,dict"`
	ID     int64  `parquet:"id"`
	Ref    int64  `parquet:"ref"`
	Trade  int64  `parquet:"trade"`
	Price  int64  `parquet:"price,decimal(8:18)"`
	Qty    int64  `parquet:"qty,decimal(8:18)"`
	Orders int32  `parquet:"orders"`
	State  string `parquet:"state,dict"`
	Reason string `parquet:"reason,dict"`
}

// rowGroupRows bounds the memory of a writer: a row group is held until it is
// complete.
const rowGroupRows = 1 << 20

type parquetWriter struct {
	w           *parquet.GenericWriter[Row]
	instruments []wire.Instrument
	rows        []Row
	n           int64
	group       int
}

func newParquet(w io.Writer, instruments []wire.Instrument) *parquetWriter {
	return &parquetWriter{
		w:           parquet.NewGenericWriter[Row](w, parquet.Compression(&parquet.Snappy)),
		instruments: instruments,
	}
}

func (p *parquetWriter) Write(b *wire.Batch) error {
	p.rows = p.rows[:0]
	for i := range b.Txns {
		txn := &b.Txns[i]
		in := &p.instruments[txn.Instrument]
		if in.PriceScale > decimals || in.QtyScale > decimals {
			return fmt.Errorf("export: %s has more than %d decimals", in.Symbol, decimals)
		}
		p.n++
		events := b.EventsOf(i)
		for j := range events {
			p.rows = append(p.rows, rowOf(p.n, txn.Time, in, &events[j]))
		}
	}
	if _, err := p.w.Write(p.rows); err != nil {
		return err
	}
	if p.group += len(p.rows); p.group < rowGroupRows {
		return nil
	}
	p.group = 0
	return p.w.Flush()
}

func rowOf(n, time int64, in *wire.Instrument, e *wire.Event) Row {
	r := Row{
		N: n, Time: time, Symbol: string(in.Symbol), Type: e.Kind.String(),
		ID: int64(e.ID), Ref: int64(e.Ref), Trade: int64(e.Trade),
		Price: int64(e.Price) * pow10(decimals-in.PriceScale), Qty: int64(e.Qty) * pow10(decimals-in.QtyScale),
		Orders: int32(e.Count), Reason: e.Reason.String(),
	}
	if e.Side != 0 {
		r.Side = e.Side.String()
	}
	if e.State != 0 {
		r.State = e.State.String()
	}
	return r
}

func (p *parquetWriter) Close() error { return p.w.Close() }

func pow10(n uint8) int64 {
	p := int64(1)
	for range n {
		p *= 10
	}
	return p
}
