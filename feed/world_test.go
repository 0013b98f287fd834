package feed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

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
	for c := wire.Channel(1); c < wire.ChannelCount; c++ {
		a.wants = append(a.wants, want{stream: wire.NewStreamID(uint32(n), c)})
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
	c := &simClient{world: w, streams: map[string]*followed{}, entries: map[string]bool{}, asked: map[int][]string{}, mode: w.r.IntN(4), room: 1 << 10}
	c.m = w.shards[w.r.IntN(len(w.shards))].open(c, Options{Slow: slow, Heartbeat: 2e9, Flush: int64(w.r.IntN(3)) * 20e6}, w.now)
	w.clients = append(w.clients, c)
	return c
}

// send has a client say something, in a masked frame cut anywhere.
func (w *world) send(c *simClient, text string) {
	frame := wire.AppendClientFrame(nil, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(text))
	cut := w.r.IntN(len(frame))
	c.m.shard.now = w.now
	c.m.input(frame[:cut])
	c.m.input(frame[cut:])
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
	switch n := w.r.IntN(10); {
	case n < 5:
		w.subscribe(c, []string{w.entry(), w.entry()}, "")
	case n < 8:
		w.send(c, fmt.Sprintf(`{"op":"unsubscribe","id":"x","streams":[%q]}`, w.entry()))
	case n < 9:
		w.send(c, `{"op":"list"}{`)
	default:
		w.send(c, `{"op":"ping","id":3}`)
	}
}

func (w *world) subscribe(c *simClient, entries []string, more string) {
	id := len(c.asked)
	c.asked[id] = entries
	w.send(c, fmt.Sprintf(`{"op":"subscribe","id":%d,"streams":["%s"]%s}`, id, strings.Join(entries, `","`), more))
}

// resume replaces a connection by one that goes on where it was.
func (w *world) resume(c *simClient) {
	c.m.shard.now = w.now
	c.m.kill(closeAbnormal, "test", true)
	c.m.shard.flush(w.now)
	w.clients = slices.DeleteFunc(w.clients, func(o *simClient) bool { return o == c })
	fresh := w.connect(c.m.options.Slow)
	var since, streams []string
	w.kept[fresh] = map[string]*followed{}
	for _, name := range sortedKeys(c.streams) {
		s := c.streams[name]
		streams = append(streams, name)
		if s.due != 0 { // acknowledged beyond a gap that was not announced yet
			s.next, s.due = s.due, 0
		}
		if !s.state {
			since = append(since, fmt.Sprintf("%q:%q", name, w.hub.epoch+":"+strconv.FormatUint(s.next-1, 10)))
			w.kept[fresh][name] = s
		}
	}
	if len(streams) > 0 {
		w.subscribe(fresh, streams, `,"since":{`+strings.Join(since, ",")+`}`)
	}
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
		w.resume(w.clients[w.r.IntN(len(w.clients))])
	case n < 96 && len(w.books) < 8:
		w.list()
	case n < 97:
		c := w.clients[w.r.IntN(len(w.clients))]
		c.mode = w.r.IntN(4)
	case n < 98:
		err = w.publish(400)
	}
	w.clients = slices.DeleteFunc(w.clients, func(c *simClient) bool { return c.m.dead })
	for len(w.clients) < 6 {
		w.connect(SlowConflate + Slow(w.r.IntN(4)/3))
	}
	if err != nil {
		return err
	}
	return w.check()
}

// settle lets everything that is under way arrive, and compares the clients'
// books with the images.
func (w *world) settle() error {
	for range 20 {
		w.now += 1e9
		for i := range w.shards {
			w.deliver(i)
		}
		w.drain(true)
		if err := w.check(); err != nil {
			return err
		}
	}
	for i, c := range w.clients {
		if c.m.dead {
			continue
		}
		if c.credit != 0 && !c.inexact {
			if os.Getenv("TICKCAST_WORLD") != "" {
				fmt.Println(strings.Join(c.trace, "\n"))
			}
			return fmt.Errorf("client %d: %d frames announced as conflated were not missing", i, c.credit)
		}
		for name, s := range c.streams {
			id, ok := w.hub.listings.Load().stream(name)
			if !ok {
				return fmt.Errorf("client %d: stream %s", i, name)
			}
			sym := w.hub.symbols[id.Instrument()]
			if s.next-1 != sym.seq(id.Channel()) || s.state {
				return fmt.Errorf("client %d: %s ends at %d (state due: %v); want %d", i, name, s.next-1, s.state, sym.seq(id.Channel()))
			}
			if id.Channel() == wire.ChannelBook && s.crc() != sym.crc() {
				return fmt.Errorf("client %d: %s differs from the image", i, name)
			}
		}
		for e := range c.entries {
			if !slices.Contains(c.m.group.entries, e) {
				return fmt.Errorf("client %d: entry %s is not in %v", i, e, c.m.group.entries)
			}
		}
	}
	return nil
}

// number reads a number from the environment.
func number(t *testing.T, name string, otherwise uint64) uint64 {
	t.Helper()
	s := os.Getenv(name)
	if s == "" {
		return otherwise
	}
	n, err := strconv.ParseUint(s, 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// TestWorlds runs many short worlds: no unannounced gap at any client, the
// same bytes for everybody, books equal at the end. TICKCAST_WORLDS sets how
// many, TICKCAST_WORLD runs one and prints what its unlucky client received.
func TestWorlds(t *testing.T) {
	first, worlds := uint64(1), number(t, "TICKCAST_WORLDS", 150)
	if n := number(t, "TICKCAST_WORLD", 0); n > 0 {
		first, worlds = n, 1
	}
	var total ShardStats
	for seed := first; seed < first+worlds; seed++ {
		itemsMax := 1 << 16
		if seed%3 == 0 {
			itemsMax = 300 // overload
		}
		w := newWorld(seed, 1+int(seed%2), itemsMax)
		w.connect(SlowConflate)
		for step := range 400 {
			if err := w.step(); err != nil {
				t.Fatalf("world %d step %d: %v\nrun it alone: TICKCAST_WORLD=%d go test -run TestWorlds ./feed", seed, step, err, seed)
			}
		}
		if err := w.settle(); err != nil {
			t.Fatalf("world %d at the end: %v\nrun it alone: TICKCAST_WORLD=%d go test -run TestWorlds ./feed", seed, err, seed)
		}
		for _, s := range w.shards {
			st := s.total()
			total.add(&st)
		}
	}
	t.Logf("%+v", total)
	if worlds > 1 && (total.Resyncs == 0 || total.Gaps == 0 || total.Conflated == 0 || total.Replays == 0 || total.Torn == 0 || total.Evictions == 0) {
		t.Fatalf("the worlds did not do what they test: %+v", total)
	}
}
