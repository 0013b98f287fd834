package feed

import (
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"

	"tickcast/wire"
)

// world is a seeded simulation of hub, shards and sessions: the driver
// decides in which order sources publish, shards take their inboxes, clients
// send, and sockets take bytes. Every step is checked by the clients.
type world struct {
	r         *rand.Rand
	now       int64
	market    int64 // ns since the session's start
	beatAt    int64
	hub       *Hub
	tales     []*tale
	loops     []*loop
	shards    []*shard // those of loops
	queues    []*queue
	conns     bool // sessions are on connection sockets
	clients   []*simClient
	mu        sync.Mutex // guards published: real shards have a goroutine for beats
	published map[publishedKey][]byte
	recording bool              // somebody hears everything, so that derived streams live for ever
	died      map[string]uint64 // derived streams that died, and their last seq
	tracing   bool
	census    map[string]int // what happened, for tests that want to know that it did
	kept      map[*simClient]map[string]*followed
	graves    []*simClient // connections that ended: somebody may resume them
	calm      bool         // nobody asks for anything any more
	batch     wire.Batch
}

// recorder is the inbox of somebody who hears everything.
type recorder struct{ w *world }

func (r recorder) Packet(p Packet, payload []byte) {
	r.w.mu.Lock()
	defer r.w.mu.Unlock()
	key := publishedKey{stream: string(r.w.hub.listings.Load().name(nil, p.Stream)), seq: p.Seq, part: 1}
	for _, known := r.w.published[key]; known; _, known = r.w.published[key] {
		key.part++
	}
	r.w.published[key] = slices.Clone(payload)
}
func (recorder) Mark(*Marker) {}
func (recorder) Wake()        {}

func newWorld(seed uint64, shards, itemsMax int) *world {
	w := &world{
		r: rand.New(rand.NewPCG(seed, 1)), now: 1e18,
		published: map[publishedKey][]byte{}, kept: map[*simClient]map[string]*followed{},
		census: map[string]int{}, died: map[string]uint64{}, recording: seed%4 < 2, tracing: os.Getenv("TICKCAST_WORLD") != "",
	}
	hub, err := NewHub(Config{Epoch: "e" + strconv.FormatUint(seed, 10), Base: w.now, HistoryBytes: 64 << 10 << (seed % 5)})
	if err != nil {
		panic(err)
	}
	w.hub = hub
	for range shards {
		l := &loop{now: func() int64 { return w.now }}
		l.queue.rouse, l.queue.itemsMax = func() {}, itemsMax
		l.shard = newShard(hub, &l.queue)
		w.loops, w.queues, w.shards = append(w.loops, l), append(w.queues, &l.queue), append(w.shards, l.shard)
	}
	if w.recording {
		hub.addInbox(recorder{w})
	}
	for range 3 {
		w.list()
	}
	return w
}

// list adds a symbol, and lets the recorder hear it.
func (w *world) list() {
	n := len(w.tales)
	in := wire.MustInstrument(fmt.Sprintf("%s%d", []string{"A", "B", "AB"}[n%3], n), "X", "Y", "0.5", "0.01")
	if err := w.hub.List(in); err != nil {
		panic(err)
	}
	w.tales = append(w.tales, newTale(&in))
	if !w.recording {
		return
	}
	a := &attachment{shard: len(w.shards), dialect: wire.JSON, wall: w.now, version: w.hub.listings.Load().version}
	for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
		a.wants = append(a.wants, want{stream: slot.Stream(uint32(n))})
	}
	if !w.hub.attach(a) {
		panic("attach")
	}
}

// deliver lets a shard take its inbox and write: in several rounds, for the
// shard might have looked at any moment, also between the parts of a frame and
// between two writes.
func (w *world) deliver(i int) {
	var d delivery
	w.queues[i].take(&d)
	all, s := d.items, w.shards[i]
	d.items = nil
	more := func() {
		n := len(all) - len(d.items)
		if w.r.IntN(3) == 0 {
			n = w.r.IntN(n + 1)
		}
		d.items = all[:len(d.items)+n]
	}
	s.refillEach = 1
	s.refill = func() {
		if d.at == len(d.items) && w.r.IntN(3) == 0 {
			more()
			s.packets(&d)
		}
	}
	for {
		more()
		s.deliver(&d, w.now)
		w.loops[i].runPosts()
		s.tick(w.now)
		for n := 0; s.flush(w.now) && n < 100; n++ {
			continue
		}
		if d.at == len(all) {
			return
		}
		if w.r.IntN(4) == 0 {
			w.drain(false)
		}
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
	if l := w.loops[w.r.IntN(len(w.loops))]; w.conns {
		c.converse(l, o)
	} else {
		c.m = l.shard.open(c, o, w.now)
	}
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
	slot := wire.NewSlot([]wire.Channel{wire.ChannelBBO, wire.ChannelTrade, wire.ChannelBook, wire.ChannelOrder}[w.r.IntN(4)], wire.RateEvery)
	if w.r.IntN(2) == 0 {
		slot = wire.Slot(1 + w.r.IntN(wire.SlotCount-1))
	}
	symbol := w.hub.Instruments()[w.r.IntN(len(w.tales))].Symbol
	switch w.r.IntN(4) {
	case 0:
		symbol = "*"
	case 1:
		symbol = symbol[:1] + "*"
	}
	return string(slot.Stream(0).AppendName(nil, symbol))
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
		if !c.over() {
			continue
		}
		if !c.cut && len(c.inbuf) > 0 {
			return fmt.Errorf("a connection ended in the middle of a frame: %+v, %.80q", c.m.end, c.inbuf)
		}
		if len(c.streams) > 0 && len(w.graves) < 20 {
			w.graves = append(w.graves, c)
		}
	}
	w.clients = slices.DeleteFunc(w.clients, (*simClient).over)
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
		if s.state || s.next == 0 {
			continue
		}
		s.part = 0
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
		switch {
		case c.conn != nil:
			for c.conn.turn() && all {
				c.m.shard.now = w.now
				w.loops[c.m.shard.id].runPosts()
			}
		case c.m.blocked && c.room > 0:
			c.m.shard.now = w.now
			c.m.writable()
		}
		c.pump(len(c.outgoing))
	}
}

func (w *world) check() error {
	for i, c := range w.clients {
		if err := c.receive(); err != nil {
			if w.tracing {
				fmt.Println(strings.Join(c.trace, "\n"))
			}
			return fmt.Errorf("client %d: %w", i, err)
		}
	}
	return nil
}

func (w *world) step() error {
	w.pass(int64(w.r.IntN(20e6)))
	var err error
	switch n := w.r.IntN(1000); {
	case n < 380:
		err = w.publish(1 + w.r.IntN(30))
	case n < 610:
		w.deliver(w.r.IntN(len(w.shards)))
	case n < 800:
		w.drain(false)
	case n < 880:
		w.speak(w.clients[w.r.IntN(len(w.clients))])
	case n < 930:
		w.resume()
	case n < 940 && len(w.tales) < 8:
		w.list()
	case n < 950:
		c := w.clients[w.r.IntN(len(w.clients))]
		c.mode = w.r.IntN(4)
	case n < 960:
		err = w.publish(400)
	case n < 985:
		err = w.change()
	case n < 990:
		w.leap()
	case n < 993:
		w.storm()
	}
	w.hurry()
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
