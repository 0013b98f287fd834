package feed

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"

	"tickcast/orderbook"
	"tickcast/wire"
)

const stageBegin = int64(1e18)

// stage is a hub with one shard, driven by hand: for tests that want to say
// in which order things happen.
type stage struct {
	t     testing.TB
	now   int64
	hub   *Hub
	queue *queue
	shard *shard
	inbox delivery
	books []*orderbook.Book
	batch wire.Batch
	moved []int // by symbol
	steps int
}

func newStage(t testing.TB, symbols int) *stage {
	t.Helper()
	hub, err := NewHub(Config{Epoch: "e", Base: stageBegin})
	if err != nil {
		t.Fatal(err)
	}
	st := &stage{t: t, now: stageBegin, hub: hub}
	st.queue, st.shard = st.newShard()
	for range symbols {
		st.list(fmt.Sprintf("S%d", len(st.books)))
	}
	return st
}

func (st *stage) newShard() (*queue, *shard) {
	q := &queue{rouse: func() {}, itemsMax: inboxItemsMax}
	return q, newShard(st.hub, q)
}

func (st *stage) list(symbol string) {
	st.t.Helper()
	in := wire.MustInstrument(symbol, "X", "Y", "0.5", "0.01")
	if err := st.hub.List(in); err != nil {
		st.t.Fatal(err)
	}
	book, err := orderbook.New(orderbook.Config{Tick: in.Tick})
	if err != nil {
		st.t.Fatal(err)
	}
	st.books, st.moved = append(st.books, book), append(st.moved, 0)
}

// enter lets an order into a book; the batch is published by publish.
func (st *stage) enter(symbol int, side wire.Side, price wire.Price, qty wire.Qty) uint64 {
	from := len(st.batch.Events)
	o := orderbook.Order{Side: side, Type: orderbook.Limit, Qty: qty, Price: price}
	st.batch.Events = st.books[symbol].Enter(st.batch.Events, &o)
	id := st.batch.Events[from].ID
	st.batch.Commit(uint32(symbol), st.now-stageBegin)
	return id
}

func (st *stage) publish() {
	st.t.Helper()
	if err := st.hub.Publish(&st.batch, st.now); err != nil {
		st.t.Fatal(err)
	}
	st.batch.Reset()
}

// move publishes n transactions of a symbol. In turns a bid comes and is
// traded away, so each changes book and bbo, and every other one trades.
func (st *stage) move(symbol, n int) {
	st.t.Helper()
	for range n {
		k := st.moved[symbol]
		st.moved[symbol]++
		st.enter(symbol, wire.Buy+wire.Side(k%2), 5000, wire.Qty(100+k/2%7))
		st.publish()
	}
}

// round lets the shard take its inbox and write.
func (st *stage) round() {
	st.queue.take(&st.inbox)
	st.shard.deliver(&st.inbox, st.now)
	if st.now >= st.shard.next() {
		st.shard.tick(st.now)
	}
	for n := 0; st.shard.flush(st.now); n++ {
		if n == 1000 {
			st.t.Fatal("a round without an end")
		}
	}
}

// rounds lets everything that is under way arrive.
func (st *stage) rounds() {
	for range 4 {
		st.round()
	}
}

// wait moves time on, with a round whenever the shard wants one.
func (st *stage) wait(nanos int64) {
	for end := st.now + nanos; st.now < end; {
		st.now = min(max(st.shard.next(), st.now+1), end)
		st.round()
	}
}

// open begins a session whose socket takes room bytes.
func (st *stage) open(o Options, room int) *pipe {
	return st.openOn(st.shard, o, room)
}

func (st *stage) openOn(s *shard, o Options, room int) *pipe {
	p := &pipe{stage: st, room: room, reading: true}
	end := o.Closed
	o.Closed = func(e End) {
		p.end = e
		if end != nil {
			end(e)
		}
	}
	p.m = s.open(p, o, st.now)
	return p
}

const unlimited = 1 << 40

// pipe is a socket that takes what it is given room for, and keeps it.
type pipe struct {
	stage   *stage
	m       *session
	room    int
	out     []byte
	count   bool // count bytes instead of keeping them
	taken   int
	reading bool
	closed  bool
	hard    bool
	end     End
}

func (p *pipe) write(b []byte) (int, error) {
	if p.closed {
		return 0, errors.New("write on a closed pipe")
	}
	n := min(len(b), p.room)
	p.room -= n
	p.taken += n
	if !p.count {
		p.out = append(p.out, b[:n]...)
	}
	return n, nil
}

func (p *pipe) read(on bool)    { p.reading = on }
func (p *pipe) close(hard bool) { p.closed, p.hard = true, hard }
func (p *pipe) since() int64    { return 0 }
func (p *pipe) buffers() bool   { return false }

// give makes room and tells the session.
func (p *pipe) give(n int) {
	p.room += n
	if p.m.blocked && !p.m.dead {
		p.m.shard.now = p.stage.now
		p.m.writable()
	}
}

// send is what the client sends, if its socket is read.
func (p *pipe) send(op wire.Opcode, payload string) {
	p.m.shard.now = p.stage.now
	p.m.input(wire.AppendClientFrame(nil, op, [4]byte{1, 2, 3, 4}, []byte(payload)))
}

func (p *pipe) say(format string, args ...any) {
	p.send(wire.OpcodeText, fmt.Sprintf(format, args...))
}

// subscribe asks for entries and lets the answer come.
func (p *pipe) subscribe(entries ...string) {
	p.say(`{"op":"subscribe","streams":["%s"]}`, strings.Join(entries, `","`))
	p.stage.rounds()
}

// clientMessage is one that a client received.
type clientMessage struct {
	op   wire.Opcode
	text string
}

// frames cuts what came into frames and forgets it; what is incomplete stays.
func (p *pipe) frames() []clientMessage {
	p.stage.t.Helper()
	var out []clientMessage
	for {
		f, rest, ok := cutFrame(p.out)
		if !ok {
			return out
		}
		switch f.op {
		case wire.OpcodeText, wire.OpcodePing, wire.OpcodePong, wire.OpcodeClose:
		default:
			p.stage.t.Fatalf("frame of kind %v: %.40q", f.op, f.text)
		}
		if f.op == wire.OpcodeText && !json.Valid([]byte(f.text)) {
			p.stage.t.Fatalf("not JSON: %.80q", f.text)
		}
		out, p.out = append(out, f), rest
	}
}

func cutFrame(b []byte) (f clientMessage, rest []byte, ok bool) {
	if len(b) < 2 {
		return clientMessage{}, b, false
	}
	header, size := 2, int(b[1])
	switch {
	case size == 126 && len(b) >= 4:
		header, size = 4, int(binary.BigEndian.Uint16(b[2:]))
	case size == 127 && len(b) >= 10:
		header, size = 10, int(binary.BigEndian.Uint64(b[2:]))
	case size >= 126:
		return clientMessage{}, b, false
	}
	if len(b) < header+size {
		return clientMessage{}, b, false
	}
	return clientMessage{wire.Opcode(b[0] & 15), string(b[header : header+size])}, b[header+size:], true
}

// texts returns the texts among the frames that contain what.
func texts(frames []clientMessage, what string) []string {
	var out []string
	for _, f := range frames {
		if f.op == wire.OpcodeText && strings.Contains(f.text, what) {
			out = append(out, f.text)
		}
	}
	return out
}
