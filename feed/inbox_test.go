package feed

import (
	"bytes"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tickcast/wire"
)

func packetOf(instrument uint32, c wire.Channel, seq uint64) (Packet, []byte) {
	p := Packet{Stream: wire.NewStreamID(instrument, c), Dialect: wire.JSON, Seq: seq}
	return p, fmt.Appendf(nil, "%d:%d", p.Stream, seq)
}

// accountant follows a queue: what went in, what came out, and that every
// packet between two markers came, was superseded and counted, or was
// announced as torn.
type accountant struct {
	last    map[wire.StreamID]uint64 // the last packet that came out
	dropped map[wire.StreamID]uint64 // announced since
	torn    map[wire.StreamID]bool   // packets before the next one were discarded
	markers []int
}

func (a *accountant) take(t *rapid.T, d *delivery) {
	stale := false // may markers be
	for i := range d.items {
		it := &d.items[i]
		if it.stale && !stale {
			t.Fatalf("stale item %d: %+v", i, it)
		}
		switch m := it.marker; {
		case m == nil:
			stale = false
			a.packet(t, d, it)
		case m.Torn:
			stale = true
			clear(a.dropped)
			for id := range a.last {
				a.torn[id] = true
			}
		case m.Shed != nil:
			for _, s := range m.Shed {
				if !s.stream.Channel().Stateful() {
					t.Fatalf("%d frames of %v shed", s.frames, s.stream.Channel())
				}
				a.dropped[s.stream] += s.frames
			}
		default:
			stale = it.stale
			for id, n := range a.dropped {
				if n != 0 {
					t.Fatalf("a marker stands between %d shed frames of %d and the one that supersedes them", n, id)
				}
			}
			a.markers = append(a.markers, int(m.Clock.Base))
		}
	}
}

func (a *accountant) packet(t *rapid.T, d *delivery, it *item) {
	id := it.Stream
	if want := fmt.Appendf(nil, "%d:%d", id, it.Seq); !bytes.Equal(d.payload(it), want) {
		t.Fatalf("payload %q of packet %s", d.payload(it), want)
	}
	missing := it.Seq - a.last[id] - 1
	if it.Seq <= a.last[id] || missing < a.dropped[id] || missing > a.dropped[id] && !a.torn[id] {
		t.Fatalf("seq %d follows %d with %d announced", it.Seq, a.last[id], a.dropped[id])
	}
	a.last[id], a.dropped[id], a.torn[id] = it.Seq, 0, false
}

// Whatever is published and taken in whatever order: nothing is lost
// silently, markers keep their place and none is lost.
func TestInboxLosesNothingSilently(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		q := &queue{rouse: func() {}, itemsMax: rapid.IntRange(4, 60).Draw(t, "items")}
		a := &accountant{last: map[wire.StreamID]uint64{}, dropped: map[wire.StreamID]uint64{}, torn: map[wire.StreamID]bool{}}
		for i := range uint32(4) {
			a.last[wire.NewStreamID(i, wire.ChannelBBO)], a.last[wire.NewStreamID(i, wire.ChannelTrade)] = 0, 0
		}
		seqs := map[wire.StreamID]uint64{}
		var d delivery
		marks := 0
		for range rapid.IntRange(1, 400).Draw(t, "steps") {
			switch rapid.IntRange(0, 29).Draw(t, "what") {
			case 0:
				q.take(&d)
				a.take(t, &d)
			case 1:
				marks++
				q.Mark(&Marker{Clock: &wire.Clock{Base: int64(marks)}})
			default:
				c := wire.ChannelBBO
				if rapid.IntRange(0, 9).Draw(t, "event") < 2 {
					c = wire.ChannelTrade
				}
				id := wire.NewStreamID(uint32(rapid.IntRange(0, 3).Draw(t, "symbol")), c)
				seqs[id]++
				q.Packet(packetOf(id.Instrument(), c, seqs[id]))
				q.Wake()
				if n := len(q.in.items); n > q.itemsMax+marks+1 {
					t.Fatalf("%d items in a queue for %d", n, q.itemsMax)
				}
			}
		}
		q.filled.Store(true)
		q.take(&d)
		a.take(t, &d)
		if len(a.markers) != marks {
			t.Fatalf("%d markers of %d came", len(a.markers), marks)
		}
		for i, m := range a.markers {
			if m != i+1 {
				t.Fatalf("markers came in order %v", a.markers)
			}
		}
	})
}

func TestInboxShedsSupersededStatesOnly(t *testing.T) {
	var d delivery
	add := func(instrument uint32, c wire.Channel, seq uint64) { d.add(packetOf(instrument, c, seq)) }
	for seq := range uint64(3) {
		add(1, wire.ChannelBBO, seq+1)
		add(2, wire.ChannelBBO, seq+1)
		add(1, wire.ChannelTrade, seq+1)
	}
	d.items = append(d.items, item{marker: &Marker{Clock: &wire.Clock{}}})
	add(1, wire.ChannelBBO, 4)
	add(1, wire.ChannelBBO, 5)
	d.relieve(100)
	got := ""
	for i := range d.items {
		it := &d.items[i]
		switch {
		case it.marker == nil:
			got += string(d.payload(it)) + " "
		case it.marker.Shed != nil:
			for _, s := range it.marker.Shed {
				got += fmt.Sprintf("-%d:%d ", s.stream, s.frames)
			}
		default:
			got += "| "
		}
	}
	bbo1, bbo2, trade := wire.NewStreamID(1, wire.ChannelBBO), wire.NewStreamID(2, wire.ChannelBBO), wire.NewStreamID(1, wire.ChannelTrade)
	want := fmt.Sprintf("-%d:2 -%d:2 %d:1 %d:2 %d:3 %d:3 %d:3 | -%d:1 %d:5 ", bbo2, bbo1, trade, trade, bbo1, bbo2, trade, bbo1, bbo1)
	if got != want {
		t.Fatalf("shed:\n%s\nwant:\n%s", got, want)
	}
}

func TestInboxTearsWhatCannotBeShed(t *testing.T) {
	q := &queue{rouse: func() {}, itemsMax: 10}
	for seq := range uint64(9) {
		if seq == 5 {
			q.Mark(&Marker{Clock: &wire.Clock{Base: 1}})
		}
		q.Packet(packetOf(1, wire.ChannelTrade, seq+1))
	}
	q.Packet(packetOf(1, wire.ChannelTrade, 10))
	items := q.in.items
	if len(items) != 3 || !items[0].marker.Torn || items[1].marker.Clock == nil || !items[1].stale || items[2].Seq != 10 {
		t.Fatalf("%+v", items)
	}
}

func TestInboxIsBoundedByBytes(t *testing.T) {
	q := &queue{rouse: func() {}, itemsMax: inboxItemsMax}
	payload := make([]byte, 64<<10)
	for seq := range uint64(1000) {
		q.Packet(Packet{Stream: wire.NewStreamID(1, wire.ChannelTrade), Dialect: wire.JSON, Seq: seq + 1}, payload)
		if len(q.in.bytes) > inboxBytesMax {
			t.Fatalf("%d bytes", len(q.in.bytes))
		}
		if half := len(q.in.bytes) > inboxBytesMax/2; half != q.congested() {
			t.Fatalf("congested is %v with %d bytes", !half, len(q.in.bytes))
		}
	}
}

// A shard that is about to sleep hears of what came a moment before.
func TestInboxSleep(t *testing.T) {
	roused := 0
	q := &queue{rouse: func() { roused++ }, itemsMax: 10}
	var d delivery
	if !q.sleep() {
		t.Fatal("an empty inbox keeps the shard awake")
	}
	q.Packet(packetOf(1, wire.ChannelBBO, 1))
	q.Wake()
	q.Wake()
	if roused != 1 {
		t.Fatalf("roused %d times", roused)
	}
	if q.sleep() {
		t.Fatal("asleep with something in the inbox")
	}
	if q.take(&d); len(d.items) != 1 {
		t.Fatalf("%d items", len(d.items))
	}
	if q.take(&d); len(d.items) != 0 || !q.sleep() {
		t.Fatal("not asleep with an empty inbox")
	}
	q.Mark(&Marker{Clock: &wire.Clock{}})
	if q.sleep() {
		t.Fatal("asleep with a marker in the inbox")
	}
}

// What was delivered is let go of: markers hold sessions and their logs.
func TestInboxForgetsDeliveredMarkers(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	for range 2 {
		st.hub.mark(&Marker{Clock: &wire.Clock{}})
		st.hub.wake()
		st.round()
	}
	for _, d := range []*delivery{&st.inbox, &st.queue.in} {
		for _, it := range d.items[:cap(d.items)] {
			if it.marker != nil {
				t.Fatal("a marker is held after it was delivered")
			}
		}
	}
}

// A publication wakes the shards that hear it, and no others.
func TestInboxWakesWhoHears(t *testing.T) {
	st := newStage(t, 2)
	roused := 0
	st.queue.rouse = func() { roused++ }
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	for i := range 3 {
		if !st.queue.sleep() {
			t.Fatal("not asleep")
		}
		st.move(1, 10)
		if roused != i {
			t.Fatal("woken by what nobody hears")
		}
		st.move(0, 10)
		if roused != i+1 {
			t.Fatalf("roused %d times; want %d", roused, i+1)
		}
		st.rounds()
	}
}
