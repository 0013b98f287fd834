package feed

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"pgregory.net/rapid"

	"tickcast/wire"
)

// bulletin is the inbox of somebody who hears everything and keeps it: the
// payloads of every frame, by stream and seq.
type bulletin struct {
	hub    *Hub
	mu     sync.Mutex // guards frames
	frames map[string]map[uint64][][]byte
}

func (b *bulletin) Packet(p Packet, payload []byte) {
	name := string(b.hub.listings.Load().name(nil, p.Stream))
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.frames[name] == nil {
		b.frames[name] = map[uint64][][]byte{}
	}
	b.frames[name][p.Seq] = append(b.frames[name][p.Seq], slices.Clone(payload))
}
func (*bulletin) Mark(*Marker) {}
func (*bulletin) Wake()        {}

// at returns the payloads of a frame.
func (b *bulletin) at(stream string, seq uint64) [][]byte {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.frames[stream][seq]
}

// listen lets the bulletin hear all streams of the instruments from an index on.
func (b *bulletin) listen(inbox, from int) {
	a := &attachment{shard: inbox, dialect: wire.JSON, version: b.hub.listings.Load().version}
	for i := from; i < len(b.hub.Instruments()); i++ {
		for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
			a.wants = append(a.wants, want{stream: slot.Stream(uint32(i))})
		}
	}
	if !b.hub.attach(a) {
		panic("attach")
	}
}

// readerClient reads with cursors, and believes nothing.
type readerClient struct {
	world    *world
	bulletin *bulletin
	entries  []string
	cursor   string
	reader   *Reader
	pos      uint64
	streams  map[string]*readStream
	gaps     int
	frames   int
}

// readStream is a stream as the client has it up to its cursor.
type readStream struct {
	seq   uint64
	due   bool // a snapshot has to follow
	known bool // its image is known
	book  [2]ladder
}

func (s *readStream) clone() *readStream {
	c := *s
	for i := range c.book {
		c.book[i] = slices.Clone(s.book[i])
	}
	return &c
}

// apply changes the client's book, and compares it with the frame's checksum.
func (s *readStream) apply(f *clientFrame) error {
	for i, texts := range [][][2]string{f.Bids, f.Asks} {
		changed, err := levels(texts, wire.Buy+wire.Side(i), f.Type == "delta")
		if err != nil {
			return err
		}
		for _, l := range changed {
			s.book[i].set(l)
		}
	}
	if crc := (&followed{book: s.book}).crc(); f.CRC != nil && *f.CRC != crc {
		return fmt.Errorf("crc %d of the book; want %d", crc, *f.CRC)
	}
	return nil
}

// read takes a reading, or what of it comes before a cut.
func (c *readerClient) read(frames, bytesMax, cut int) (more bool, err error) {
	out := c.reader.Read(frames, bytesMax, c.world.now)
	tried := map[string]*readStream{}
	if c.cursor == "" {
		c.begin(tried)
	}
	for i := range out.Frames {
		if i == cut {
			return true, nil // behind the last place to go on from: it did not come
		}
		f := &out.Frames[i]
		if err := c.frame(tried, f.Payload); err != nil {
			return false, fmt.Errorf("%.200s: %w", f.Payload, err)
		}
		if f.Pos != 0 {
			if f.Pos < c.pos {
				return false, fmt.Errorf("position %d after %d", f.Pos, c.pos)
			}
			maps.Copy(c.streams, tried)
			clear(tried)
			c.pos, c.cursor = f.Pos, string(wire.AppendCursor(nil, c.world.hub.epoch, f.Pos))
		}
	}
	if len(tried) > 0 && len(out.Frames) > 0 && c.reader.pos > 0 {
		return false, errors.New("the last frame has no position")
	}
	maps.Copy(c.streams, tried)
	_, pos, _ := wire.ParseCursor([]byte(out.Cursor))
	if pos < c.pos || out.More && pos != c.pos {
		return false, fmt.Errorf("cursor %s after %d", out.Cursor, c.pos)
	}
	c.pos, c.cursor = pos, out.Cursor
	return out.More || len(out.Frames) > 0, nil
}

// begin notes where trades stand, which have no state.
func (c *readerClient) begin(tried map[string]*readStream) {
	for _, l := range c.world.hub.listings.Load().listings {
		if seq := c.world.hub.symbols[l.id].seq(slotTrade); seq > 0 {
			tried["trade."+string(l.instrument.Symbol)] = &readStream{seq: seq}
		}
	}
}

func (c *readerClient) frame(tried map[string]*readStream, payload []byte) error {
	var f clientFrame
	if err := json.Unmarshal(payload, &f); err != nil {
		return err
	}
	name := f.Stream
	s := tried[name]
	if s == nil {
		s = &readStream{}
		if old := c.streams[name]; old != nil {
			s = old.clone()
		}
		tried[name] = s
	}
	if !slices.ContainsFunc(c.entries, func(e string) bool { return matches(e, name) }) {
		return errors.New("nobody asked for it")
	}
	c.frames++
	e, err := wire.ParseEntry(name)
	if err != nil {
		return err
	}
	switch channel := e.Slot.Channel(); {
	case f.Op == "gap":
		if f.From != nil && *f.From != s.seq+1 || f.To < s.seq || channel.Stateful() {
			return fmt.Errorf("a gap at %d", s.seq)
		}
		c.gaps++
		s.seq, s.due = f.To, channel.Image()
		return nil
	case channel.Stateful():
		if f.Seq <= s.seq {
			return fmt.Errorf("a value again: %d after %d", f.Seq, s.seq)
		}
		s.seq = f.Seq
		return c.published(name, f.Seq, payload)
	case f.Type == "snapshot" && (!s.known || s.due || f.Seq != s.seq+1 || !c.numbered(name, &f, payload)):
		began := e.Slot.Rate() != wire.RateEvery && s.seq == 0 // a tier: the snapshot stands for its first frame too
		if f.Seq != s.seq && s.known && !began {
			return fmt.Errorf("a snapshot at %d", s.seq)
		}
		s.book = [2]ladder{}
		s.seq, s.due, s.known = f.Seq, false, true
	case f.Seq != s.seq+1 || s.due || channel.Image() && !s.known && f.Type != "snapshot":
		return fmt.Errorf("not after %d", s.seq)
	default:
		s.seq = f.Seq
		if err := c.published(name, f.Seq, payload); err != nil {
			return err
		}
		if f.Type == "snapshot" {
			s.book, s.known = [2]ladder{}, true
		}
	}
	return s.apply(&f)
}

// numbered reports whether a snapshot is a frame of its stream.
func (c *readerClient) numbered(name string, f *clientFrame, payload []byte) bool {
	return slices.ContainsFunc(c.bulletin.at(name, f.Seq), func(p []byte) bool { return bytes.Equal(p, payload) })
}

func (c *readerClient) published(name string, seq uint64, payload []byte) error {
	if want := c.bulletin.at(name, seq); len(want) != 1 || !bytes.Equal(want[0], payload) {
		return fmt.Errorf("published was %s", want)
	}
	return nil
}

func matches(entry, name string) bool {
	e, err := wire.ParseEntry(entry)
	n, err2 := wire.ParseEntry(name)
	return err == nil && err2 == nil && e.Slot == n.Slot && e.Match(wire.Symbol(n.Symbol))
}

// resume begins anew from the client's cursor, as after a lost connection.
func (c *readerClient) resume() error {
	r, errs := c.world.hub.NewReader(wire.JSON, c.entries)
	if len(errs) > 0 {
		return fmt.Errorf("%+v", errs)
	}
	if c.cursor != "" {
		r.Resume(c.cursor)
	}
	if c.reader != nil {
		c.reader.Close()
	}
	c.reader = r
	return nil
}

// settle reads all that there is, and compares with what was published last.
func (c *readerClient) settle() error {
	for n := 0; ; n++ {
		more, err := c.read(50, 1<<20, -1)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if n == 100_000 {
			return errors.New("no end")
		}
	}
	h := c.world.hub
	for _, l := range h.listings.Load().listings {
		for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
			id := slot.Stream(l.id)
			name := string(id.AppendName(nil, l.instrument.Symbol))
			if !slices.ContainsFunc(c.entries, func(e string) bool { return matches(e, name) }) {
				continue
			}
			last, s := h.symbols[l.id].seq(slot), c.streams[name]
			if s == nil && last > 0 || s != nil && s.seq != last {
				return fmt.Errorf("%s: got %+v; want it at %d", name, s, last)
			}
		}
	}
	return nil
}

var readerEntries = []string{
	"trade.*", "order.*", "book.*", "book.A*.20ms", "book.*.100ms", "depth5.*", "depth20.*.100ms", "bbo.*", "bbo.*.1s",
	"candle1s.*", "candle1m.*.1s", "ticker.*", "ticker.*.1s", "status.*", "book.A0", "trade.B1", "order.AB2",
}

// TestReaderMissesNothing lets readers of every channel be cut at any frame
// and go on from their cursors, while the market moves, trading states change,
// symbols are listed and history is short: every frame is the very one that
// was published, none is missing, none comes twice, and what cannot come is
// announced.
func TestReaderMissesNothing(t *testing.T) {
	gaps, frames := 0, 0
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(rapid.Uint64().Draw(t, "seed"), 1, 1000)
		w.hub.archive.bytesMax = rapid.IntRange(2, 40).Draw(t, "history") * chunkBytes
		b := &bulletin{hub: w.hub, frames: map[string]map[uint64][][]byte{}}
		inbox := w.hub.addInbox(b)
		b.listen(inbox, 0)
		var clients []*readerClient
		for range 4 {
			c := &readerClient{world: w, bulletin: b, streams: map[string]*readStream{}}
			c.entries = rapid.SliceOfNDistinct(rapid.SampledFrom(readerEntries), 1, 5, rapid.ID[string]).Draw(t, "entries")
			if err := c.resume(); err != nil {
				t.Fatal(err)
			}
			clients = append(clients, c)
		}
		for range rapid.IntRange(10, 150).Draw(t, "steps") {
			if err := stepReaders(t, w, b, inbox, clients); err != nil {
				t.Fatal(err)
			}
		}
		for _, c := range clients {
			if err := c.settle(); err != nil {
				t.Fatalf("%v: %v", c.entries, err)
			}
			c.reader.Close()
			gaps, frames = gaps+c.gaps, frames+c.frames
		}
		if n := w.hub.replaying.Load(); n != 0 {
			t.Fatalf("%d bytes of the replay budget are lost", n)
		}
	})
	if gaps == 0 || frames < 1000 {
		t.Errorf("%d gaps, %d frames: it tested little", gaps, frames)
	}
}

// TestReaderBesideAPublisher lets readers read while something is published
// at every moment of their reads, and history is short.
func TestReaderBesideAPublisher(t *testing.T) {
	w := newWorld(3, 1, 1000)
	w.hub.archive.bytesMax = 8 * chunkBytes
	for range 15 {
		w.list()
	}
	b := &bulletin{hub: w.hub, frames: map[string]map[uint64][][]byte{}}
	b.listen(w.hub.addInbox(b), 0)
	if err := w.publish(200); err != nil {
		t.Fatal(err)
	}
	var clients []*readerClient
	for _, entries := range [][]string{{"trade.*", "book.*", "bbo.*"}, {"order.*", "depth5.*", "book.*.20ms"}} {
		c := &readerClient{world: w, bulletin: b, streams: map[string]*readStream{}, entries: entries}
		if err := c.resume(); err != nil {
			t.Fatal(err)
		}
		if _, err := c.read(1000, 1<<20, -1); err != nil {
			t.Fatal(err)
		}
		clients = append(clients, c)
	}
	var wg sync.WaitGroup
	for i, c := range clients {
		wg.Go(func() {
			for n := 0; c.frames < 5000 && n < 400; n++ {
				if _, err := c.read(1+n%300, 1<<20, -1); err != nil {
					t.Errorf("client %d, read %d: %v", i, n, err)
					return
				}
				if n%20 == 0 {
					time.Sleep(5 * time.Millisecond) // history goes on without it
				}
			}
		})
	}
	done := make(chan struct{})
	go func() { wg.Wait(); close(done) }()
	for publishing := true; publishing; {
		select {
		case <-done:
			publishing = false
		default:
			if err := w.publish(3); err != nil {
				t.Fatal(err)
			}
			w.hub.Beat(w.now)
		}
	}
	gaps := 0
	for _, c := range clients {
		if err := c.settle(); err != nil {
			t.Error(err)
		}
		gaps += c.gaps
	}
	if gaps == 0 {
		t.Error("nothing expired: it tested little")
	}
}

func stepReaders(t *rapid.T, w *world, b *bulletin, inbox int, clients []*readerClient) error {
	w.pass(rapid.Int64Range(0, 40e6).Draw(t, "later"))
	switch c := clients[rapid.IntRange(0, len(clients)-1).Draw(t, "client")]; rapid.IntRange(0, 9).Draw(t, "what") {
	case 0, 1:
		return w.publish(rapid.IntRange(1, 12).Draw(t, "txns"))
	case 2:
		return w.publish(rapid.IntRange(30, 200).Draw(t, "many"))
	case 3:
		w.beat()
		w.hub.Advance(w.market, w.now)
	case 4:
		if rapid.IntRange(0, 3).Draw(t, "rarely") > 0 {
			return w.change()
		}
		if n := len(w.tales); n < 6 {
			w.list()
			b.listen(inbox, n)
		}
	case 5:
		return c.resume()
	default:
		cut := rapid.IntRange(-1, 30).Draw(t, "cut")
		limit := rapid.SampledFrom([]int{1, 2, 5, 20, 1000}).Draw(t, "limit")
		_, err := c.read(limit, rapid.SampledFrom([]int{100, 2000, 1 << 20}).Draw(t, "bytes"), cut)
		if err == nil && cut >= 0 {
			err = c.resume()
		}
		if err != nil {
			return fmt.Errorf("%v: %w", c.entries, err)
		}
	}
	return nil
}

// readAll returns the payloads of a reader that begins, and its cursor.
func (st *stage) readAll(r *Reader) (payloads []string, cursor string) {
	out := r.Read(1000, 1<<20, st.now)
	for i := range out.Frames {
		payloads = append(payloads, string(out.Frames[i].Payload))
	}
	return payloads, out.Cursor
}

func (st *stage) reader(entries ...string) *Reader {
	st.t.Helper()
	r, errs := st.hub.NewReader(wire.JSON, entries)
	if len(errs) > 0 {
		st.t.Fatalf("%+v", errs)
	}
	return r
}

// prefixed wants each payload to begin as said, and no other.
func prefixed(t *testing.T, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Fatalf("got\n%.200s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}
