//go:build !race

package feed

import (
	"strconv"
	"testing"

	"tickcast/wire"
)

// loaded is a stage whose every publication changes book and bbo and trades.
func loaded(t testing.TB, sessions int) (*stage, *pipe) {
	st := newStage(t, 1)
	var p *pipe
	for range max(sessions, 1) {
		p = st.open(Options{}, unlimited)
		p.count = true
		if sessions > 0 {
			p.subscribe("book.S0", "trade.S0", "bbo.S0")
		}
	}
	for range 2000 { // until slices have grown
		st.tick()
		st.round()
	}
	return st, p
}

// tick publishes a batch in which a bid comes and is traded away.
func (st *stage) tick() {
	st.now += 1000
	st.enter(0, wire.Buy, 5000, 100)
	st.enter(0, wire.Sell, 5000, 100)
	st.publish()
}

// From the book's event to the group's log nothing is allocated, but for the
// history's chunks while it grows.
func TestPublishToLogAllocates0(t *testing.T) {
	st, p := loaded(t, 3)
	st.hub.archive.bytesMax = st.hub.archive.bytes // chunks are used again
	for range 200 {
		st.tick()
		st.round()
	}
	before := p.m.group.log.head
	n := testing.AllocsPerRun(1000, func() {
		st.tick()
		st.queue.take(&st.inbox)
		st.shard.deliver(&st.inbox, st.now)
		p.m.group.trimForTest()
	})
	if n != 0 {
		t.Errorf("%v allocations a batch", n)
	}
	if p.m.group.log.head-before < 1000*300 {
		t.Fatalf("%d bytes came into the log", p.m.group.log.head-before)
	}
	if n := testing.AllocsPerRun(1000, func() { st.tick(); st.round() }); n != 0 {
		t.Errorf("%v allocations a batch with its writes", n)
	}
}

// With every stream of the symbol watched neither a publication nor a beat
// allocates.
func TestPublishOfEverythingAllocates0(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	p.count = true
	for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
		p.subscribe(string(slot.Stream(0).AppendName(nil, "S0")))
	}
	for i := range wire.Price(30) {
		st.enter(0, wire.Buy, 4995-5*i, 100)
		st.enter(0, wire.Sell, 5005+5*i, 100)
	}
	st.publish()
	round := func() {
		for range 20 {
			st.tick()
		}
		st.now += 100e6
		st.hub.Advance(st.now-stageBegin, st.now)
		st.hub.Beat(st.now)
		st.round()
	}
	for range 3000 { // until slices have grown, those of candles too
		round()
	}
	st.hub.archive.bytesMax = st.hub.archive.bytes // chunks are used again
	for range 200 {
		round()
	}
	before := p.m.shard.stats.Frames
	if n := testing.AllocsPerRun(300, round); n != 0 {
		t.Errorf("%v allocations a round", n)
	}
	if n := p.m.shard.stats.Frames - before; n < 300*20*2*8 {
		t.Fatalf("%d frames came into the log", n)
	}
}

// trimForTest lets the members have read everything.
func (g *group) trimForTest() {
	for _, m := range g.members {
		m.cursor = g.log.head
	}
	g.trim()
}

// A subscription to one stream that joins a group which exists: all from the
// client's frame to its acknowledgement.
func TestSubscribeAllocations(t *testing.T) {
	const sessions, allowed = 1000, 16
	for _, entry := range []string{"bbo.S0", "trade.S0", "book.S0"} {
		st, _ := loaded(t, 1)
		first := st.open(Options{}, unlimited)
		first.subscribe(entry)
		var joining []*pipe
		for range sessions + 1 {
			p := st.open(Options{}, unlimited)
			p.count = true
			joining = append(joining, p)
		}
		st.rounds()
		text := wire.AppendClientFrame(nil, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(`{"op":"subscribe","id":7,"streams":["`+entry+`"]}`))
		buf := make([]byte, len(text))
		i := 0
		n := testing.AllocsPerRun(sessions, func() {
			p := joining[i]
			i++
			copy(buf, text)
			p.m.input(buf)
			st.round()
			st.round()
		})
		if n > allowed {
			t.Errorf("%s: %v allocations; want at most %d", entry, n, allowed)
		}
		t.Logf("%s: %v allocations", entry, n)
		for _, p := range joining {
			if p.m.group != first.m.group {
				t.Fatal("a session did not join the group")
			}
		}
	}
}

// Idle clients, each of a group of its own, are pinged, answer, ping, and have
// their heartbeats: nothing of it is garbage, and no group keeps a log.
func TestIdleSessionsAllocate0(t *testing.T) {
	const sessions = 100
	st := newStage(t, 1)
	var idle []*pipe
	for i := range sessions {
		p := st.open(Options{Heartbeat: 15e9}, unlimited)
		p.count = true
		p.subscribe("bbo.S0", "trade.X"+strconv.Itoa(i)+"*")
		idle = append(idle, p)
	}
	pong := wire.AppendClientFrame(nil, wire.OpcodePong, [4]byte{}, nil)
	ping := wire.AppendClientFrame(nil, wire.OpcodePing, [4]byte{}, []byte("payload"))
	second := func() {
		st.wait(1e9)
		for i, p := range idle {
			if p.m.pingedAt != 0 {
				p.m.input(pong)
			}
			if (int(st.now/1e9)+i)%30 == 0 {
				p.m.input(ping)
			}
		}
	}
	for range 100 { // until slices have grown
		second()
	}
	taken := idle[0].taken
	if n := testing.AllocsPerRun(100, second); n != 0 {
		t.Errorf("%v allocations a second for %d sessions", n, sessions)
	}
	if n := idle[0].taken - taken; n < 6*len(`{"op":"heartbeat","ts":1000000000000000,"cursors":{"bbo.S0":0}}`)+3*9+3*2 {
		t.Errorf("%d bytes came in 100 s", n)
	}
	if n := logBytes(st.shard); n != 0 {
		t.Errorf("logs of %d bytes", n)
	}
}
