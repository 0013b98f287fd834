package feed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"

	"tickcast/orderbook"
	"tickcast/wire"
)

// world is a seeded simulation of hub, shards and sessions: the driver
// decides in which order sources publish, shards take their inboxes, clients
// send, and sockets take bytes. Every step is checked by the clients.
type world struct {
	r         *rand.Rand
	now       int64
	hub       *Hub
	books     []*orderbook.Book
	orders    [][]uint64
	shards    []*shard
	queues    []*queue
	clients   []*simClient
	published map[string]map[uint64][]byte
	kept      map[*simClient]map[string]*followed
	graves    []*simClient // connections that ended: somebody may resume them
	calm      bool         // nobody asks for anything any more
	batch     wire.Batch
}

// recorder is the inbox of somebody who hears everything.
type recorder struct{ w *world }

func (r recorder) Packet(p Packet, payload []byte) {
	name := string(r.w.hub.listings.Load().name(nil, p.Stream))
	if r.w.published[name] == nil {
		r.w.published[name] = map[uint64][]byte{}
	}
	r.w.published[name][p.Seq] = slices.Clone(payload)
}
func (recorder) Mark(*Marker) {}
func (recorder) Wake()        {}

func newWorld(seed uint64, shards, itemsMax int) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 1)), now: 1e18,
		published: map[string]map[uint64][]byte{}, kept: map[*simClient]map[string]*followed{},
	}
	hub, err := NewHub(Config{Epoch: "e" + strconv.FormatUint(seed, 10), Base: w.now, HistoryBytes: 64 << 10})
	if err != nil {
		panic(err)
	}
	w.hub = hub
	for range shards {
		q := &queue{rouse: func() {}, itemsMax: itemsMax}
		w.queues = append(w.queues, q)
		w.shards = append(w.shards, newShard(hub, q))
	}
	hub.addInbox(recorder{w})
	for range 3 {
		w.list()
	}
	return w
}

// list adds a symbol, and lets the recorder hear it.
func (w *world) list() {
	n := len(w.books)
	in := wire.MustInstrument(fmt.Sprintf("%s%d", []string{"A", "B", "AB"}[n%3], n), "X", "Y", "0.5", "0.01")
	if err := w.hub.List(in); err != nil {
		panic(err)
	}
	book, err := orderbook.New(orderbook.Config{Tick: in.Tick})
	if err != nil {
		panic(err)
	}
	w.books, w.orders = append(w.books, book), append(w.orders, nil)
	a := &attachment{shard: len(w.shards), dialect: wire.JSON, version: w.hub.listings.Load().version}
	for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
		a.wants = append(a.wants, want{stream: slot.Stream(uint32(n))})
	}
	if !w.hub.attach(a) {
		panic("attach")
	}
}

// publish lets random orders into random books.
func (w *world) publish(txns int) error {
	w.batch.Reset()
	for range txns {
		i := w.r.IntN(len(w.books))
		b, from := w.books[i], len(w.batch.Events)
		if n := len(w.orders[i]); n > 0 && w.r.IntN(100) < 40 {
			k := w.r.IntN(n)
			w.batch.Events = b.Cancel(w.batch.Events, w.orders[i][k])
			w.orders[i] = slices.Delete(w.orders[i], k, k+1)
		} else {
			o := orderbook.Order{
				Side: wire.Buy + wire.Side(w.r.IntN(2)), Type: orderbook.Limit,
				Qty: wire.Qty(1 + w.r.IntN(300)), Price: wire.Price(5 * (1000 + w.r.IntN(30))),
			}
			w.batch.Events = b.Enter(w.batch.Events, &o)
			w.orders[i] = append(w.orders[i], w.batch.Events[from].ID)
		}
		w.batch.Commit(uint32(i), w.now-1e18)
	}
	return w.hub.Publish(&w.batch, w.now)
}

// deliver lets a shard take its inbox and write.
func (w *world) deliver(i int) {
	var d delivery
	w.queues[i].take(&d)
	w.shards[i].deliver(&d, w.now)
	w.shards[i].tick(w.now)
	for n := 0; w.shards[i].flush(w.now) && n < 100; n++ {
		continue
	}
}

func (w *world) connect(slow Slow) *simClient {
	c := newSimClient(w)
	c.mode, c.room = w.r.IntN(4), 1<<10
	o := Options{Slow: slow, Heartbeat: int64(w.r.IntN(2)) * 2e9, Flush: int64(w.r.IntN(3)) * 20e6}
	if w.r.IntN(4) == 0 && !w.calm { // by the URL, with a repetition and something wrong
		e := w.entry()
		o.Streams = []string{e, w.entry(), "bbo.NONE", e}
		c.asked[-1] = o.Streams
	}
	c.m = w.shards[w.r.IntN(len(w.shards))].open(c, o, w.now)
	w.clients = append(w.clients, c)
	return c
}

// send has a client say something, in a masked frame cut anywhere.
func (w *world) send(c *simClient, text string) {
	if c.hungUp {
		return
	}
	c.outgoing = wire.AppendClientFrame(c.outgoing, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(text))
	c.pump(w.r.IntN(len(c.outgoing)))
	c.pump(len(c.outgoing))
}

func (w *world) entry() string {
	channel := []string{"bbo", "trade", "book"}[w.r.IntN(3)]
	symbol := w.hub.Instruments()[w.r.IntN(len(w.books))].Symbol
	switch w.r.IntN(4) {
	case 0:
		return channel + ".*"
	case 1:
		return channel + "." + string(symbol[:1]) + "*"
	}
	return channel + "." + string(symbol)
}

// speak has a client subscribe, unsubscribe or ask something.
func (w *world) speak(c *simClient) {
	switch n := w.r.IntN(40); {
	case n < 16:
		w.subscribe(c, []string{w.entry(), w.entry()}, "")
	case n < 20:
		c.stateless[len(c.asked)] = true
		w.subscribe(c, []string{w.entry(), w.entry()}, `,"snapshot":false`)
	case n < 31:
		w.send(c, fmt.Sprintf(`{"op":"unsubscribe","id":"x","streams":[%q]}`, w.entry()))
	case n < 34:
		w.send(c, `{"op":"list"}{`)
	case n < 35:
		w.flood(c)
	case n < 36:
		w.hangUp(c)
	case n < 37:
		c.m.shard.now = w.now
		c.m.close(wire.ClosePolicy, "test")
	default:
		w.send(c, `{"op":"ping","id":3}`)
	}
}

// flood has a client say more than its bucket holds, in one piece.
func (w *world) flood(c *simClient) {
	for i := range requestsBurst + w.r.IntN(requestsBurst) {
		text := `{"op":"ping"}`
		if i%10 == 0 {
			text = fmt.Sprintf(`{"op":"unsubscribe","id":"x","streams":[%q]}`, w.entry())
		}
		if !c.hungUp {
			c.outgoing = wire.AppendClientFrame(c.outgoing, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(text))
		}
	}
	c.pump(len(c.outgoing))
}

// hangUp has a client begin the closing handshake.
func (w *world) hangUp(c *simClient) {
	if !c.hungUp {
		c.hungUp = true
		c.outgoing = wire.AppendClientFrame(c.outgoing, wire.OpcodeClose, [4]byte{1, 2, 3, 4}, []byte("\x03\xe8"))
		c.pump(w.r.IntN(len(c.outgoing)))
	}
}

func (w *world) subscribe(c *simClient, entries []string, more string) {
	id := len(c.asked)
	c.asked[id] = entries
	w.send(c, fmt.Sprintf(`{"op":"subscribe","id":%d,"streams":["%s"]%s}`, id, strings.Join(entries, `","`), more))
}

// bury takes away the clients whose connections ended.
func (w *world) bury() error {
	for _, c := range w.clients {
		if !c.m.dead {
			continue
		}
		if !c.cut && len(c.inbuf) > 0 {
			return fmt.Errorf("a connection ended in the middle of a frame: %+v, %.80q", c.m.end, c.inbuf)
		}
		if len(c.streams) > 0 && len(w.graves) < 20 {
			w.graves = append(w.graves, c)
		}
	}
	w.clients = slices.DeleteFunc(w.clients, func(c *simClient) bool { return c.m.dead })
	return nil
}

// resume opens a connection that goes on where one was that ended, a moment
// ago or when history was another.
func (w *world) resume() {
	if len(w.graves) == 0 || w.r.IntN(3) == 0 {
		c := w.clients[w.r.IntN(len(w.clients))]
		c.m.shard.now = w.now
		c.m.kill(closeAbnormal, "test", true)
		c.m.shard.flush(w.now)
		return
	}
	i := w.r.IntN(len(w.graves))
	c := w.graves[i]
	w.graves = slices.Delete(w.graves, i, i+1)
	fresh := w.connect(c.m.options.Slow)
	if len(fresh.asked) > 0 {
		return // it has other interests
	}
	var since, streams []string
	w.kept[fresh] = map[string]*followed{}
	for _, name := range sortedKeys(c.streams) {
		s := c.streams[name]
		streams = append(streams, name)
		if s.due != 0 { // acknowledged beyond a gap that was not announced yet
			s.next, s.due = s.due, 0
		}
		if s.state {
			continue
		}
		epoch, seq := w.hub.epoch, s.next-1
		switch w.r.IntN(12) {
		case 0:
			epoch = "other"
		case 1:
			seq += 100_000
		}
		since = append(since, fmt.Sprintf("%q:%q", name, epoch+":"+strconv.FormatUint(seq, 10)))
		w.kept[fresh][name] = s
	}
	w.subscribe(fresh, streams, `,"since":{`+strings.Join(since, ",")+`}`)
}

func sortedKeys[V any](m map[string]V) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}

// drain gives sockets room according to their modes, or to all of them.
func (w *world) drain(all bool) {
	for _, c := range w.clients {
		switch {
		case all:
			c.room = 1 << 30
		case c.mode == 0: // frozen, mostly
			if w.r.IntN(50) == 0 {
				c.room += 100
			}
		case c.mode == 1: // slow
			c.room = min(c.room+w.r.IntN(300), 4<<10)
		default:
			c.room = 64 << 10
		}
		if c.m.blocked && c.room > 0 {
			c.m.shard.now = w.now
			c.m.writable()
		}
		c.pump(len(c.outgoing))
	}
}

func (w *world) check() error {
	for i, c := range w.clients {
		if err := c.receive(); err != nil {
			if os.Getenv("TICKCAST_WORLD") != "" {
				fmt.Println(strings.Join(c.trace, "\n"))
			}
			return fmt.Errorf("client %d: %w", i, err)
		}
	}
	return nil
}

func (w *world) step() error {
	w.now += int64(w.r.IntN(20e6))
	var err error
	switch n := w.r.IntN(100); {
	case n < 40:
		err = w.publish(1 + w.r.IntN(30))
	case n < 65:
		w.deliver(w.r.IntN(len(w.shards)))
	case n < 85:
		w.drain(false)
	case n < 93:
		w.speak(w.clients[w.r.IntN(len(w.clients))])
	case n < 95:
		w.resume()
	case n < 96 && len(w.books) < 8:
		w.list()
	case n < 97:
		c := w.clients[w.r.IntN(len(w.clients))]
		c.mode = w.r.IntN(4)
	case n < 98:
		err = w.publish(400)
	}
	if err == nil {
		err = w.check()
	}
	if err == nil {
		err = w.bury()
	}
	for len(w.clients) < 6 {
		w.connect(SlowConflate + Slow(w.r.IntN(4)/3))
	}
	return err
}
