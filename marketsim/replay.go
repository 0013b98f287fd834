package marketsim

import (
	"bufio"
	"errors"
	"fmt"
	"io"

	"tickcast/orderbook"
	"tickcast/wire"
)

// ReplayFormat is a format of recorded market data. The zero format is invalid.
type ReplayFormat uint8

// The formats that a Replay reads.
const (
	ReplayLOBSTER ReplayFormat = iota + 1 // message file of lobsterdata.com
	ReplayPITCH                           // BATS PITCH 1.x, ASCII, one message a line
	ReplayITCH                            // Nasdaq TotalView-ITCH 5.0, each message behind its 2-byte length
	ReplayBinance                         // raw streams, each line behind its receive time in ns
)

var replayFormatNames = [...]string{"invalid", "lobster", "pitch", "itch", "binance"}

// String returns the format's name on the command line.
func (f ReplayFormat) String() string {
	if int(f) < len(replayFormatNames) {
		return replayFormatNames[f]
	}
	return replayFormatNames[0]
}

// ParseReplayFormat returns the format of a name.
func ParseReplayFormat(name string) (ReplayFormat, error) {
	for f := ReplayLOBSTER; f <= ReplayBinance; f++ {
		if name == f.String() {
			return f, nil
		}
	}
	return 0, fmt.Errorf("replay: no format %.32q", name)
}

// ErrRecord is returned for a record that is malformed or cannot be applied,
// wrapped with the number of the record, from 1, and the reason.
var ErrRecord = errors.New("bad record")

// Replay rebuilds books from recorded messages, one at a time, in the order of
// the recording: building mode, nothing matches. It belongs to one goroutine.
type Replay struct {
	decoder  decoder
	books    map[string]*ReplayBook
	refs     map[uint64]orderRef // live references of the recording
	nextID   uint64              // last id given to an order
	records  int
	unknown  int
	priceExp int
	qtyExp   int

	record  record       // reused
	message Message      // reused
	changes []wire.Event // reused
}

// ReplayBook is the book of one symbol and what a Replay knows about it.
type ReplayBook struct {
	Symbol string
	Book   *orderbook.Book

	anonymous map[wire.Level]uint64 // ids of volume without a reference, by side (Qty) and price
	trades    uint64
	ordered   bool  // it has had an order
	synced    bool  // a Binance snapshot has been applied
	update    int64 // last Binance update id
}

// orderRef is where a reference of the recording lives.
type orderRef struct {
	book *ReplayBook
	id   uint64
}

// Message is what one record of a recording did.
type Message struct {
	Number int   // of the record, from 1
	Time   int64 // ns, since midnight or, for Binance, since the Unix epoch
	Book   *ReplayBook
	Events []wire.Event // valid until the next call

	// Unknown is set if the record names an order that is not there. Such a
	// record changes nothing.
	Unknown bool
}

// decoder reads one format.
type decoder interface {
	// next reads one record, or returns io.EOF at the end of the recording.
	next(*record) error
}

// recordKind says what a record does to a book.
type recordKind uint8

const (
	recordNothing  recordKind = iota + 1
	recordAdd                 // ref, side, price, qty
	recordReduce              // ref, qty: by how much
	recordExecute             // ref, qty: a trade at the order's price, or at price if it is not 0
	recordRemove              // ref
	recordReplace             // ref, newRef, price, qty
	recordTrade               // side (of the resting order), price, qty: against an undisplayed order
	recordState               // state
	recordDepth               // levels: new quantities
	recordSnapshot            // levels: the whole book
	recordClear               // symbol: its orders are gone
)

// record is one decoded message.
type record struct {
	kind        recordKind
	side        wire.Side
	state       wire.State
	time        int64
	symbol      string // "" if the reference tells it
	ref, newRef uint64
	price       wire.Price
	qty         wire.Qty
	levels      []sideLevel
	first, last int64 // update ids of depth and snapshot
}

type sideLevel struct {
	wire.Level
	side wire.Side
}

// NewReplay reads a recording, uncompressed, from r. seed is the opening book
// of a LOBSTER recording, whose message file begins in the middle of things:
// its orderbook file, of which one row is read; nil for none.
func NewReplay(r io.Reader, format ReplayFormat, seed io.Reader) (*Replay, error) {
	p := &Replay{books: map[string]*ReplayBook{}, refs: map[uint64]orderRef{}, priceExp: 4}
	buffered := bufio.NewReaderSize(r, 64<<10)
	switch format {
	case ReplayLOBSTER:
		d := newLOBSTERDecoder(buffered)
		p.decoder = d
		if seed != nil {
			if err := p.seedLOBSTER(d, seed); err != nil {
				return nil, fmt.Errorf("replay: seed book: %w", err)
			}
		}
		return p, nil
	case ReplayPITCH:
		p.decoder = newPITCHDecoder(buffered)
	case ReplayITCH:
		p.decoder = newITCHDecoder(buffered)
	case ReplayBinance:
		p.decoder = newBinanceDecoder(buffered)
		p.priceExp, p.qtyExp = binanceExp, binanceExp
	default:
		return nil, fmt.Errorf("replay: no format %d", format)
	}
	if seed != nil {
		return nil, fmt.Errorf("replay: a seed book is for lobster recordings, not %v", format)
	}
	return p, nil
}

// Scales returns the decimals of prices and quantities.
func (p *Replay) Scales() (price, qty int) { return p.priceExp, p.qtyExp }

// Records returns the number of records so far.
func (p *Replay) Records() int { return p.records }

// Unknown returns the number of records so far that named an unknown order.
func (p *Replay) Unknown() int { return p.unknown }

// Symbols returns the number of symbols that have had an order so far.
func (p *Replay) Symbols() int {
	n := 0
	for _, b := range p.books {
		if b.ordered {
			n++
		}
	}
	return n
}

// Live returns the number of orders in all books.
func (p *Replay) Live() int {
	n := 0
	for _, b := range p.books {
		n += b.Book.Orders()
	}
	return n
}

// Next applies the next record and tells what it did. At the end it returns
// io.EOF. The message is valid until the next call.
func (p *Replay) Next() (*Message, error) {
	p.record = record{levels: p.record.levels[:0]}
	err := p.decoder.next(&p.record)
	if errors.Is(err, io.EOF) {
		return nil, io.EOF
	}
	p.records++
	if err == nil {
		err = p.apply(&p.record)
	}
	if err != nil {
		return nil, fmt.Errorf("%w: record %d: %w", ErrRecord, p.records, err)
	}
	return &p.message, nil
}

// opening returns what the seed book made, before the first record is read;
// nil if there is none.
func (p *Replay) opening() *Message {
	if p.records > 0 || p.message.Book == nil {
		return nil
	}
	return &p.message
}

// apply carries out a record on its book.
func (p *Replay) apply(r *record) error {
	m := &p.message
	*m = Message{Number: p.records, Time: r.time, Events: m.Events[:0]}
	if r.symbol != "" {
		m.Book = p.book(r.symbol)
	}
	p.changes = p.changes[:0]
	if err := p.expand(r, m); err != nil {
		return err
	}
	if len(p.changes) == 0 {
		return nil
	}
	var err error
	m.Events, err = m.Book.Book.Build(m.Events, p.changes)
	return err
}

// expand turns a record into changes of its message's book.
func (p *Replay) expand(r *record, m *Message) error {
	switch r.kind {
	case recordNothing:
	case recordAdd:
		return p.expandAdd(r, m.Book, r.ref)
	case recordReduce, recordExecute, recordRemove, recordReplace:
		return p.expandRef(r, m)
	case recordTrade:
		p.trade(m.Book, 0, r.side, r.price, r.qty)
	case recordState:
		p.changes = append(p.changes, wire.Event{Kind: wire.EventStateSet, State: r.state})
	case recordDepth, recordSnapshot:
		return p.expandLevels(r, m.Book)
	case recordClear:
		p.expandClear(m.Book)
	}
	return nil
}

// removeAll removes every order of a book, in the order of their priority.
func (p *Replay) removeAll(b *ReplayBook) {
	for _, side := range []wire.Side{wire.Buy, wire.Sell} {
		for _, o := range b.Book.AppendOrders(nil, side) {
			p.changes = append(p.changes, shrunk(o, 0))
		}
	}
}

// expandClear removes every order of a book with its reference.
func (p *Replay) expandClear(b *ReplayBook) {
	p.removeAll(b)
	for ref, at := range p.refs {
		if at.book == b {
			delete(p.refs, ref)
		}
	}
}

func (p *Replay) book(symbol string) *ReplayBook {
	b, ok := p.books[symbol]
	if !ok {
		book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
		if err != nil {
			panic(err) // the zero configuration is valid
		}
		b = &ReplayBook{Symbol: symbol, Book: book, anonymous: map[wire.Level]uint64{}}
		p.books[symbol] = b
	}
	return b
}

func (p *Replay) expandAdd(r *record, b *ReplayBook, ref uint64) error {
	if _, ok := p.refs[ref]; ok {
		return fmt.Errorf("order %d is there already", ref)
	}
	p.nextID++
	b.ordered = true
	p.refs[ref] = orderRef{b, p.nextID}
	p.changes = append(p.changes, wire.Event{
		Kind: wire.EventAdd, ID: p.nextID, Side: r.side, Price: r.price, Qty: r.qty,
	})
	return nil
}

// expandRef handles records about an order that should be there.
func (p *Replay) expandRef(r *record, m *Message) error {
	ref, ok := p.refs[r.ref]
	if ok && m.Book != nil && ref.book != m.Book {
		return fmt.Errorf("order %d is of %s, not of %s", r.ref, ref.book.Symbol, m.Book.Symbol)
	}
	if !ok {
		return p.expandAnonymous(r, m)
	}
	m.Book = ref.book
	o, _ := ref.book.Book.Lookup(ref.id)
	if r.kind == recordExecute {
		price := o.Price
		if r.price != 0 {
			price = r.price
		}
		p.trade(m.Book, ref.id, o.Side, price, r.qty)
	}
	left := o.Qty - r.qty
	if r.kind == recordRemove || r.kind == recordReplace {
		left = 0
	}
	if left < 0 || r.qty < 0 {
		return fmt.Errorf("order %d has %d left; got %d", r.ref, o.Qty, r.qty)
	}
	p.changes = append(p.changes, shrunk(o, left))
	if left == 0 {
		delete(p.refs, r.ref)
	}
	if r.kind == recordReplace {
		r.side = o.Side
		return p.expandAdd(r, m.Book, r.newRef)
	}
	return nil
}

// shrunk is the event that leaves an order with a smaller quantity.
func shrunk(o orderbook.Resting, left wire.Qty) wire.Event {
	e := wire.Event{Kind: wire.EventReduce, ID: o.ID, Side: o.Side, Price: o.Price, Qty: left}
	if left == 0 {
		e.Kind = wire.EventRemove
	}
	return e
}

// trade appends an execution of a resting order (id 0: an undisplayed one) of
// the given side, which the other side initiated.
func (p *Replay) trade(b *ReplayBook, id uint64, side wire.Side, price wire.Price, qty wire.Qty) {
	if qty <= 0 {
		return
	}
	b.trades++
	p.changes = append(p.changes, wire.Event{
		Kind: wire.EventTrade, ID: id, Trade: b.trades, Price: price, Qty: qty, Side: side.Opposite(),
	})
}

// expandAnonymous lets a record about an unknown order hit the volume without a
// reference at its price, as far as it goes.
func (p *Replay) expandAnonymous(r *record, m *Message) error {
	id := uint64(0)
	if m.Book != nil {
		id = m.Book.anonymous[anonymousKey(r.side, r.price)]
	}
	if id == 0 {
		p.unknown++
		m.Unknown = true
		return nil
	}
	o, _ := m.Book.Book.Lookup(id)
	if r.kind == recordExecute {
		p.trade(m.Book, id, r.side, r.price, r.qty)
	}
	left := max(o.Qty-r.qty, 0)
	if left == 0 {
		delete(m.Book.anonymous, anonymousKey(r.side, r.price))
	}
	p.changes = append(p.changes, shrunk(o, left))
	return nil
}

func anonymousKey(side wire.Side, price wire.Price) wire.Level {
	return wire.Level{Price: price, Qty: wire.Qty(side)}
}

// expandLevels sets levels of a book that is known by level only: each level is
// one order.
func (p *Replay) expandLevels(r *record, b *ReplayBook) error {
	use, err := b.follows(r)
	if err != nil || !use {
		return err
	}
	if r.kind == recordSnapshot {
		p.removeAll(b)
		clear(b.anonymous)
	}
	for _, l := range r.levels {
		p.setLevel(b, l)
	}
	return nil
}

func (p *Replay) setLevel(b *ReplayBook, l sideLevel) {
	key := anonymousKey(l.side, l.Price)
	id := b.anonymous[key]
	e := wire.Event{Kind: wire.EventReplace, ID: id, Side: l.side, Price: l.Price, Qty: l.Qty}
	switch {
	case id == 0 && l.Qty == 0:
		return
	case l.Qty == 0:
		e.Kind = wire.EventRemove
		delete(b.anonymous, key)
	case id == 0:
		p.nextID++
		b.ordered = true
		e.Kind, e.ID = wire.EventAdd, p.nextID
		b.anonymous[key] = p.nextID
	}
	p.changes = append(p.changes, e)
}

// follows reports whether a snapshot or diff is to be applied, by the rule of
// Binance's documentation "How to manage a local order book correctly".
func (b *ReplayBook) follows(r *record) (bool, error) {
	if r.kind == recordSnapshot {
		if b.synced && r.last < b.update {
			return false, nil // older than what is known
		}
		b.synced, b.update = true, r.last
		return true, nil
	}
	if !b.synced || r.last <= b.update {
		return false, nil
	}
	if r.first > b.update+1 {
		return false, fmt.Errorf("updates %d to %d are missing", b.update+1, r.first-1)
	}
	b.update = r.last
	return true, nil
}
