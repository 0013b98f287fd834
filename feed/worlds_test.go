package feed

import (
	"bytes"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"tickcast/orderbook"
	"tickcast/wire"
)

// settle ends all faults: sockets take everything, nobody asks for more. Within
// a minute every client is live, and its streams are the hub's.
func (w *world) settle() error {
	w.calm = true
	for second := range 60 {
		w.now += 1e9
		w.market += 1e9
		if second < 40 {
			if err := w.publish(2); err != nil {
				return err
			}
		}
		if second < 50 {
			w.hub.Advance(w.market, w.now)
		}
		w.beat()
		for i := range w.shards {
			w.deliver(i)
		}
		w.drain(true)
		if err := w.check(); err != nil {
			return err
		}
		for _, c := range w.clients {
			c.pump(len(c.outgoing))
		}
		if err := w.bury(); err != nil {
			return err
		}
	}
	for i, c := range w.clients {
		err := c.settled()
		if err == nil {
			err = c.equal()
		}
		if err == nil {
			err = c.agree()
		}
		if err != nil {
			if w.tracing {
				fmt.Println(strings.Join(c.trace, "\n"))
			}
			return fmt.Errorf("client %d: %w", i, err)
		}
	}
	return nil
}

// settled reports what still waits in the client or its session.
func (c *simClient) settled() error {
	m := c.m
	switch {
	case len(c.outgoing) > 0 || len(m.pending) > 0 || m.paused:
		return fmt.Errorf("paused %v, with %d and %d bytes of input", m.paused, len(c.outgoing), len(m.pending))
	case m.attaching || m.lost != nil || len(m.outbox) > 0 || m.unsentBytes() > 0 && m.group.flushDue == 0:
		return fmt.Errorf("attaching %v, lost %d, %d segments, %d bytes unsent", m.attaching, len(m.lost), len(m.outbox), m.unsentBytes())
	case len(c.inbuf) > 0:
		return fmt.Errorf("%d bytes of a frame came", len(c.inbuf))
	case c.credit != 0 && !c.inexact:
		return fmt.Errorf("%d frames announced as conflated were not missing", c.credit)
	}
	return nil
}

// equal compares what the client knows with the hub.
func (c *simClient) equal() error {
	w := c.world
	for name, s := range c.streams {
		id, ok := w.hub.listings.Load().stream(name)
		if !ok {
			return fmt.Errorf("stream %s", name)
		}
		sym := w.hub.symbols[id.Instrument()]
		if s.next-1 != sym.seq(id.Slot()) || s.state {
			return fmt.Errorf("%s ends at %d (state due: %v); want %d", name, s.next-1, s.state, sym.seq(id.Slot()))
		}
		if err := s.equal(sym); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	for _, l := range w.hub.listings.Load().listings {
		for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
			name := string(slot.Stream(l.id).AppendName(nil, l.instrument.Symbol))
			if c.wanted(name) != (c.streams[name] != nil) {
				return fmt.Errorf("hears %s: %v, with entries %v", name, c.streams[name] != nil, c.entries)
			}
		}
	}
	if len(c.entries) != len(c.m.group.entries) {
		return fmt.Errorf("entries %v; the server has %v", sortedKeys(c.entries), c.m.group.entries)
	}
	for e := range c.entries {
		if !slices.Contains(c.m.group.entries, e) {
			return fmt.Errorf("entry %s is not in %v", e, c.m.group.entries)
		}
	}
	return nil
}

// equal compares what a stream has become with the symbol.
func (s *followed) equal(sym *symbol) error {
	switch c := s.channel(); {
	case c.Stateful():
		f, ok := sym.last(s.slot)
		if s.last == nil || !ok {
			return nil
		}
		if want, _ := f.append(nil, nil, sym.encoder, wire.JSON); !bytes.Equal(s.bytes, want) {
			return fmt.Errorf("ends with %s; want %s", s.bytes, want)
		}
	case s.blind || !c.Image():
	case c == wire.ChannelOrder:
		for side := range s.orders.sides {
			var got []orderbook.Resting
			for _, o := range s.orders.sides[side] {
				got = append(got, orderbook.Resting{ID: o.id, Side: wire.Buy + wire.Side(side), Price: wire.Price(o.price), Qty: wire.Qty(o.qty)})
			}
			if want := s.tale.book.AppendOrders(nil, wire.Buy+wire.Side(side)); !slices.Equal(got, want) {
				return fmt.Errorf("ends with %v; want %v", got, want)
			}
		}
	default:
		want, bids := sym.appendDisplayed(nil, 0)
		if !slices.Equal(s.book[0].best(wire.Buy, 0), want[:bids]) || !slices.Equal(s.book[1].best(wire.Sell, 0), want[bids:]) {
			return fmt.Errorf("ends with %v; want %v", s.book, want)
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
	for name, conns := range map[string]bool{"descriptors": false, "connections": true} {
		t.Run(name, func(t *testing.T) { testWorlds(t, conns) })
	}
}

func testWorlds(t *testing.T, conns bool) {
	first, worlds := uint64(1), number(t, "TICKCAST_WORLDS", 80)
	if n := number(t, "TICKCAST_WORLD", 0); n > 0 {
		first, worlds = n, 1
	}
	var total ShardStats
	census := map[string]int{}
	for seed := first; seed < first+worlds; seed++ {
		itemsMax := 1 << 16
		if seed%3 == 0 {
			itemsMax = 300 // overload
		}
		w := newWorld(seed, 1+int(seed%2), itemsMax)
		w.conns = conns
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
		for what, n := range w.census {
			census[what] += n
		}
	}
	t.Logf("%+v", total)
	for _, what := range sortedKeys(census) {
		t.Logf("%8d %s", census[what], what)
	}
	for _, what := range []string{
		"derived died", "order recovered", "book recovered", "book.20ms recovered", "book snapshot", "book.20ms snapshot",
		"order gap slow", "order gap overload", "book.1s gap history", "depth20 ", "candle1s ", "ticker.1s ", "status ",
	} {
		if worlds >= 60 && census[what] == 0 {
			t.Errorf("never: %s", what)
		}
	}
	if worlds > 1 && (total.Resyncs == 0 || total.Gaps == 0 || total.Conflated == 0 || total.Replays == 0 || total.Torn == 0 || total.Evictions == 0) {
		t.Fatalf("the worlds did not do what they test: %+v", total)
	}
}

// TestWorldsOfAHugeBook has snapshots that do not fit a frame, and sockets
// that take a part of one.
func TestWorldsOfAHugeBook(t *testing.T) {
	var parts, whole int
	for seed := uint64(1); seed <= number(t, "TICKCAST_HUGE_WORLDS", 1); seed++ {
		itemsMax := inboxItemsMax
		if seed%3 == 0 {
			itemsMax = 60 // overload
		}
		w := newWorld(seed, 1, itemsMax)
		w.command(0, func(dst []wire.Event, tl *tale) []wire.Event {
			for i := range 40_000 {
				o := orderbook.Order{Side: wire.Sell, Type: orderbook.Limit, Qty: 100, Price: wire.Price(5 * (2000 + i))}
				dst = tl.book.Enter(dst, &o)
			}
			return dst
		})
		if err := w.hand(); err != nil {
			t.Fatal(err)
		}
		for step := range 250 {
			if step < 6 {
				w.subscribe(w.connect(SlowConflate), []string{[]string{"book.A0", "order.A0", "book.A0.100ms"}[step%3], "bbo.*"}, "")
			}
			if err := w.step(); err != nil {
				t.Fatalf("huge world %d step %d: %v", seed, step, err)
			}
		}
		if err := w.settle(); err != nil {
			t.Fatalf("huge world %d at the end: %v", seed, err)
		}
		for _, c := range w.clients {
			parts, whole = parts+c.begun, whole+c.whole
		}
	}
	if whole == 0 || parts == whole {
		t.Fatalf("%d snapshots were begun, %d came whole: the worlds did not do what they test", parts, whole)
	}
}
