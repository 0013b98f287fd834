package feed

import (
	"fmt"
	"strings"
	"testing"

	"tickcast/wire"
)

// Asking again, with a cursor that history does not hold any more, what is
// heard already: the snapshot must not be older than what was sent.
func TestRepeatedSinceDoesNotGoBack(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	st.move(0, 5*historyTxnsMax/4)
	st.rounds()
	before := st.open(Options{}, unlimited)
	before.subscribe("book.S0") // leaves a state that may serve others
	st.move(0, 20)
	st.rounds()
	p.frames()
	p.say(`{"op":"subscribe","streams":["book.S0"],"since":{"book.S0":"e:5"}}`)
	st.rounds()
	last := st.hub.symbols[0].seq(slotBook)
	frames := p.frames()
	if got := texts(frames, `"type":"delta"`); len(got) > 0 {
		t.Fatalf("%d deltas again", len(got))
	}
	if got := texts(frames, `"type":"snapshot"`); len(got) != 1 || !strings.Contains(got[0], fmt.Sprintf(`"seq":%d,`, last)) {
		t.Fatalf("snapshots %.80q; want one at %d", got, last)
	}
}

// The limit of entries is about entries, not about how commands arrive.
func TestEntryLimitCountsEntries(t *testing.T) {
	const symbols = entriesMax
	st := newStage(t, symbols)
	p := st.open(Options{}, unlimited)
	names := func(from, to int) string {
		var b []string
		for i := from; i < to; i++ {
			b = append(b, fmt.Sprintf(`"bbo.S%d"`, i))
		}
		return strings.Join(b, ",")
	}
	subscribe := func(from, to int) string {
		return `{"op":"subscribe","streams":[` + names(from, to) + `]}`
	}
	for i := 0; i < 1000; i += 200 {
		p.say("%s", subscribe(i, i+200))
		st.rounds()
	}
	if n := len(p.m.group.entries); n != 1000 {
		t.Fatalf("%d entries", n)
	}
	p.frames()
	// In one read: repetitions, and a removal that makes room.
	var all []byte
	for _, text := range []string{
		subscribe(0, 200),
		`{"op":"unsubscribe","streams":[` + names(0, 100) + `]}`,
		subscribe(1000, 1024),
		subscribe(0, 100),
	} {
		all = wire.AppendClientFrame(all, wire.OpcodeText, [4]byte{}, []byte(text))
	}
	p.m.input(all)
	st.rounds()
	if got := texts(p.frames(), "limit_streams"); len(got) != 0 {
		t.Fatalf("refused: %.200q", got)
	}
	if n := len(p.m.group.entries); n != entriesMax {
		t.Fatalf("%d entries", n)
	}
	p.subscribe("bbo.S*")
	if got := texts(p.frames(), "limit_streams"); len(got) != 1 {
		t.Fatal("one entry more than the limit was accepted")
	}
}

// A resume that is answered while the client falls off is no promise that the
// server breaks: what follows the cursor comes.
func TestRecoveredIsKept(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0", "trade.S0")
	st.move(0, 4)
	st.rounds()
	p.frames()
	p.room = 0
	st.move(0, 4)
	st.round()
	p.say(`{"op":"subscribe","streams":["trade.S0"],"since":{"trade.S0":"e:1"}}`)
	p.m.fallOff()
	st.rounds()
	p.give(unlimited)
	st.rounds()
	frames := p.frames()
	acks := texts(frames, `"op":"subscribed"`)
	if len(acks) != 1 {
		t.Fatalf("%d acknowledgements", len(acks))
	}
	trades := len(texts(frames, `"stream":"trade.S0","seq"`))
	if strings.Contains(acks[0], `"recovered":true`) && trades != int(st.hub.symbols[0].seq(slotTrade))-1 {
		t.Fatalf("recovered, and %d of the trades came: %v", trades, frames)
	}
}

// A group that ended is not kept, with its log, by the timers that it set.
func TestEndedGroupLetsGoOfItsLog(t *testing.T) {
	st := newStage(t, 1)
	for range 50 {
		p := st.open(Options{Heartbeat: 60e9, Flush: 1e9}, unlimited)
		p.subscribe("book.S0")
		st.move(0, 1)
		st.rounds()
		p.m.kill(closeAbnormal, "test", true)
		st.rounds()
	}
	held := 0
	for _, e := range st.shard.timers.entries {
		if e.group != nil {
			held += len(e.group.log.buf)
		}
	}
	if held > 0 || st.shard.bytes != 0 || len(st.shard.groups) != 0 {
		t.Fatalf("%d bytes of ended groups are held; accounted %d in %d groups", held, st.shard.bytes, len(st.shard.groups))
	}
}

// The states that a large attachment needs are captured in turns before its
// last one: the latest for what is heard already, none for what brought
// nothing new.
func TestPrepareCapturesWhatTheLastTurnNeeds(t *testing.T) {
	const symbols = attachStatesMax + 8
	st := newStage(t, symbols)
	a := &attachment{dialect: wire.JSON}
	for i := range symbols {
		st.move(i, 2)
		w := want{stream: wire.NewStreamID(uint32(i), wire.ChannelBook), state: true, fresh: i%2 == 0}
		if i%2 == 1 {
			w.least = 3 // a resync of somebody who has all
		}
		a.wants = append(a.wants, w)
		st.hub.symbols[i].capture(slotBook, 0)
		if i%2 == 0 {
			st.move(i, 1)
		}
	}
	before := make([]*state, symbols)
	for i := range symbols {
		before[i] = st.hub.symbols[i].states[slotBook]
	}
	st.hub.prepare(a)
	for i := range symbols {
		s := st.hub.symbols[i]
		got := s.states[slotBook]
		if i%2 == 0 && got.seq != s.seq(slotBook) {
			t.Fatalf("symbol %d is prepared at %d; the last turn needs %d", i, got.seq, s.seq(slotBook))
		}
		if i%2 == 1 && got != before[i] {
			t.Fatalf("symbol %d was captured for nothing", i)
		}
	}
}

// A state serves others until it is stateBehindMax frames old.
func TestStateIsSharedWhileItIsYoung(t *testing.T) {
	for _, name := range []string{"book.S0", "order.S0"} {
		st := newStage(t, 1)
		st.move(0, 3)
		st.open(Options{}, unlimited).subscribe(name)
		for _, c := range []struct {
			later, frames int
			snapshots     uint64
		}{{stateBehindMax, 1 + stateBehindMax, 1}, {1, 1, 2}} {
			st.move(0, c.later)
			p := st.open(Options{}, unlimited)
			p.subscribe(name)
			if n := len(texts(p.frames(), `"tp":`)); n != c.frames || st.shard.stats.Snapshots != c.snapshots {
				t.Fatalf("%s %d frames later: %d frames, %d snapshots encoded; want %+v", name, c.later, n, st.shard.stats.Snapshots, c)
			}
		}
	}
}
