package export

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"

	"tickcast/marketsim"
	"tickcast/orderbook"
	"tickcast/wire"
)

// lobsterLevels is the depth of the orderbook files, a side.
const lobsterLevels = 10

// lobsterPriceScale: LOBSTER prices are x 10^4.
const lobsterPriceScale = 4

// NewLOBSTER returns the writer of LOBSTER's pair of files for each instrument:
// message files have a row for each change of an order,
//
//	time in s, type, order id, size, price, direction
//
// with the types 1 add, 2 partial cancel, 3 delete, 4 execution and 7 halt;
// orderbook files have the best ten levels after each. A replaced order is
// deleted and added. Both hold integers: prices x 10^4, or as many decimals as
// the instrument has if those are more; sizes in the instrument's smallest unit.
//
// create makes the file of a name, such as "BTCUSDT_message_10.csv"; closing it
// is left to the caller.
func NewLOBSTER(instruments []wire.Instrument, create func(name string) (io.Writer, error)) (Writer, error) {
	l := &lobster{}
	for i := range instruments {
		in := &instruments[i]
		messages, err := create(fmt.Sprintf("%s_message_%d.csv", in.Symbol, lobsterLevels))
		if err != nil {
			return nil, err
		}
		books, err := create(fmt.Sprintf("%s_orderbook_%d.csv", in.Symbol, lobsterLevels))
		if err != nil {
			return nil, err
		}
		book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
		if err != nil {
			return nil, err
		}
		l.pairs = append(l.pairs, &pair{
			book:     book,
			messages: bufio.NewWriterSize(messages, bufferBytes),
			books:    bufio.NewWriterSize(books, bufferBytes),
			factor:   wire.Price(pow10(uint8(max(lobsterPriceScale-int(in.PriceScale), 0)))),
			row:      marketsim.RowWriter{Levels: lobsterLevels, PriceExp: lobsterPriceScale},
		})
	}
	return l, nil
}

type lobster struct{ pairs []*pair }

func (l *lobster) Write(b *wire.Batch) error {
	for i := range b.Txns {
		txn := &b.Txns[i]
		if err := l.pairs[txn.Instrument].transaction(txn.Time, b.EventsOf(i)); err != nil {
			return err
		}
	}
	return nil
}

func (l *lobster) Close() error {
	var errs []error
	for _, p := range l.pairs {
		errs = append(errs, p.messages.Flush(), p.books.Flush())
	}
	return errors.Join(errs...)
}

// pair is the two files of an instrument and its book.
type pair struct {
	book            *orderbook.Book // in LOBSTER's prices
	messages, books *bufio.Writer
	factor          wire.Price // from prices to LOBSTER's
	row             marketsim.RowWriter
	traded          []wire.Event // of the transaction in hand
	text            []byte
}

func (p *pair) transaction(time int64, events []wire.Event) error {
	p.traded = p.traded[:0]
	for i := range events {
		e := events[i]
		e.Price *= p.factor
		var err error
		switch e.Kind {
		case wire.EventTrade:
			p.traded = append(p.traded, e)
		case wire.EventAdd, wire.EventReduce, wire.EventRemove, wire.EventReplace:
			err = p.change(time, &e)
		case wire.EventStateSet:
			err = p.state(time, e.State)
		default: // what the changes of orders tell as well
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// change writes what happened to an order. A replace may have its trades
// before it, like a new order: those are its counterparts' executions.
func (p *pair) change(time int64, e *wire.Event) error {
	old, _ := p.book.Lookup(e.ID)
	price, executed := p.execution(e.ID)
	switch e.Kind {
	case wire.EventAdd:
		return p.message(time, 1, e, e.ID, int64(e.Qty), int64(e.Price), e.Side)
	case wire.EventReplace:
		remove := wire.Event{Kind: wire.EventRemove, ID: e.ID, Price: old.Price, Side: old.Side}
		if err := p.message(time, 3, &remove, e.ID, int64(old.Qty), int64(old.Price), old.Side); err != nil {
			return err
		}
		add := *e
		add.Kind = wire.EventAdd
		return p.message(time, 1, &add, e.ID, int64(e.Qty), int64(e.Price), e.Side)
	}
	gone, typ := int64(old.Qty-e.Qty), 2
	switch {
	case executed:
		typ = 4
	case e.Kind == wire.EventRemove:
		typ = 3
	}
	if !executed {
		price = old.Price
	}
	return p.message(time, typ, e, e.ID, gone, int64(price), old.Side)
}

// execution returns the price at which a resting order has just traded. Orders
// of both sides rest in an auction.
func (p *pair) execution(id uint64) (wire.Price, bool) {
	for i := range p.traded {
		if t := &p.traded[i]; t.ID == id || t.Ref == id {
			return t.Price, true
		}
	}
	return 0, false
}

// message applies an event to the book and writes a row to both files.
func (p *pair) message(time int64, typ int, e *wire.Event, id uint64, size, price int64, side wire.Side) error {
	if err := p.book.Apply(e); err != nil {
		return fmt.Errorf("export: %w", err)
	}
	direction := int64(1)
	if side == wire.Sell {
		direction = -1
	}
	return p.rows(time, typ, id, size, price, direction)
}

// state writes a halt, and its end.
func (p *pair) state(time int64, s wire.State) error {
	var price int64
	switch s {
	case wire.StateTrading:
		price = 1
	case wire.StateHalt, wire.StateClosed:
		price = -1
	case wire.StatePreOpen, wire.StateAuction: // quoting: 0
	}
	return p.rows(time, 7, 0, 0, price, -1)
}

func (p *pair) rows(time int64, typ int, id uint64, size, price, direction int64) error {
	dst := wire.AppendDecimal(p.text[:0], time, 9)
	for _, v := range [...]int64{int64(typ), int64(id), size, price, direction} {
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, v, 10)
	}
	dst = append(dst, '\n')
	if _, err := p.messages.Write(dst); err != nil {
		return err
	}
	dst = append(p.row.AppendRow(dst[:0], p.book), '\n')
	p.text = dst
	_, err := p.books.Write(dst)
	return err
}
