package feed

import (
	"runtime"
	"strings"
	"testing"

	"tickcast/wire"
)

// logBytes is what the logs of a shard's groups take.
func logBytes(s *shard) int {
	n := 0
	for _, g := range s.groups {
		n += len(g.log.buf)
	}
	return n
}

func heapBytes() int {
	var m runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&m)
	return int(m.HeapAlloc)
}

// Sessions that read nothing while much is published are cursors and what
// they have been sent of each stream.
func TestFrozenSessionsCostNoMemory(t *testing.T) {
	const sessions, symbols = 500, 4
	st := newStage(t, symbols)
	var frozen []*pipe
	for range sessions {
		p := st.open(Options{}, 1000)
		p.count = true
		p.say(`{"op":"subscribe","streams":["book.*","trade.*","bbo.*"]}`)
		frozen = append(frozen, p)
	}
	st.rounds()
	st.move(0, 10)
	st.rounds()
	before := heapBytes()
	for range 200 {
		st.now += 10e6
		for i := range symbols {
			st.move(i, 25)
		}
		st.round()
	}
	for _, p := range frozen {
		if p.m.dead || p.m.lost == nil {
			t.Fatal("a frozen session did not fall off")
		}
		if p.m.outboxBytes > outboxBytesMax || len(p.m.outbox) > 8 || len(p.m.lost) > 3*symbols {
			t.Fatalf("%d bytes in %d segments, %d streams lost", p.m.outboxBytes, len(p.m.outbox), len(p.m.lost))
		}
	}
	if n := logBytes(st.shard); n != st.shard.bytes || n > logBytesMax {
		t.Fatalf("logs of %d bytes, %d accounted", n, st.shard.bytes)
	}
	// History grows with what is published, by 10 MB here.
	if grown := heapBytes() - before - st.hub.archive.bytes; grown > sessions*4<<10+logBytesMax {
		t.Fatalf("the heap grew by %d bytes", grown)
	}
}

// A link that takes 100 bytes a step neither piles up anything nor loses its
// place: when it heals, everything is where it should be.
func TestResyncOnASlowLinkIsBounded(t *testing.T) {
	w := newWorld(7, 1, inboxItemsMax)
	c := w.connect(SlowConflate)
	w.subscribe(c, []string{"book.*", "trade.*", "bbo.*"}, "")
	for step := range 5000 {
		w.now += 10e6
		if err := w.publish(20); err != nil {
			t.Fatal(err)
		}
		w.deliver(0)
		c.room += 100
		c.pump(len(c.outgoing))
		if c.m.blocked {
			c.m.shard.now = w.now
			c.m.writable()
		}
		if err := c.receive(); err != nil {
			t.Fatalf("step %d: %v", step, err)
		}
		if c.m.dead {
			t.Fatalf("step %d: %+v", step, c.m.end)
		}
		if n := c.m.outboxBytes; n > 128<<10 || len(c.m.outbox) > outboxSegmentsMax || len(c.m.lost) > 9 {
			t.Fatalf("step %d: %d bytes in %d segments, %d streams lost", step, n, len(c.m.outbox), len(c.m.lost))
		}
	}
	if st := w.shards[0].total(); st.Resyncs < 10 || st.LogBytes > logBytesMax {
		t.Fatalf("%+v", st)
	}
	if err := w.settle(); err != nil {
		t.Fatal(err)
	}
}

// A client of which each state is larger than the log: it never catches up,
// but it reads, and is kept. One that reads nothing is not.
func TestClientThatReadsStatesIsKept(t *testing.T) {
	st := newStage(t, 1)
	for i := range 4000 {
		st.enter(0, wire.Buy, wire.Price(4000*5-5*i), 100)
	}
	st.publish()
	slow, frozen := st.open(Options{Quiet: true}, 100<<10), st.open(Options{Quiet: true}, 10<<10)
	slow.count, frozen.count = true, true
	slow.subscribe("book.S0")
	frozen.subscribe("book.S0")
	for range 400 {
		for range 100 {
			id := st.enter(0, wire.Sell, 60000, 100)
			st.batch.Events = st.books[0].Cancel(st.batch.Events, id)
			st.batch.Commit(0, st.now-stageBegin)
			st.enter(0, wire.Sell, wire.Price(30000+5*(st.steps%100)), 1)
			st.steps++
		}
		st.publish()
		st.now += 500e6
		st.round()
		slow.give(16 << 10)
	}
	if !frozen.m.dead || frozen.end.Code != wire.CloseTooSlow {
		t.Fatalf("the frozen client lives: %+v", frozen.end)
	}
	if slow.m.dead {
		t.Fatalf("the client that reads was closed after %d s and %d bytes: %s", slow.end.Nanos/1e9, slow.taken, slow.end.Reason)
	}
	if st.shard.stats.Resyncs < 10 {
		t.Fatalf("%d resyncs: the link was not slow", st.shard.stats.Resyncs)
	}
	slow.give(unlimited)
	st.rounds()
	if slow.m.lost != nil || slow.m.unsentBytes() != 0 {
		t.Fatal("the client did not catch up on a better link")
	}
}

// Leaving one group after the other, each with a full log that ends with its
// other member, must not pile up their logs.
func TestRangesOfEndedGroupsAreBounded(t *testing.T) {
	st := newStage(t, 2)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	p.room = 0
	for i := range 100 {
		other := st.open(Options{}, 0)
		other.say(`{"op":"subscribe","streams":["book.S0"%s]}`, []string{"", `,"book.S*"`}[i%2])
		st.rounds()
		st.move(0, 300)
		st.round()
		// Subscribed and unsubscribed in turn: p leaves its group.
		p.say(`{"op":"%s","streams":["book.S*"]}`, []string{"subscribe", "unsubscribe"}[i%2])
		st.rounds()
		other.m.kill(closeAbnormal, "test", true)
		st.rounds()
	}
	held, logs := 0, map[*groupLog]bool{}
	for i := range p.m.outbox {
		if l := p.m.outbox[i].log; l != nil && !logs[l] {
			logs[l] = true
			held += len(l.buf)
		}
	}
	if held > 1<<20 || len(p.m.pending) > 64<<10 {
		t.Fatalf("%d bytes of %d ended logs are held", held, len(logs))
	}
}

// When all logs together are too large, the largest gives up what its slowest
// have not read, whoever asks.
func TestShardBudgetShrinksTheLargestLog(t *testing.T) {
	st := newStage(t, 2)
	slow, fast := st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	slow.subscribe("book.S0", "trade.S0")
	fast.subscribe("book.S1")
	slow.room = 0
	large := slow.m.group
	st.move(0, 4000)
	st.round()
	if n := len(large.log.buf); n <= 2*logBytesLow || slow.m.lost != nil {
		t.Fatalf("a log of %d bytes", n)
	}
	if st.shard.bytes != logBytes(st.shard) {
		t.Fatalf("%d bytes accounted, %d in logs", st.shard.bytes, logBytes(st.shard))
	}
	st.shard.bytes += shardBytesMax // as if others had it
	st.move(1, 100)
	st.round()
	if len(large.log.buf) != 0 || slow.m.lost == nil {
		t.Fatalf("the largest log has %d bytes", len(large.log.buf))
	}
	if n := len(texts(fast.frames(), `"type":"delta"`)); n != 100 {
		t.Fatalf("%d frames of 100 came to the other", n)
	}
	if st.shard.bytes-shardBytesMax != logBytes(st.shard) {
		t.Fatalf("%d bytes accounted, %d in logs", st.shard.bytes-shardBytesMax, logBytes(st.shard))
	}
	// A log beyond its minimum is not granted now, and the slow go on falling off.
	st.move(0, 4000)
	st.round()
	if n := len(large.log.buf); n > logBytesLow {
		t.Fatalf("a log of %d bytes beyond the budget", n)
	}
	slow.out = nil
	slow.give(unlimited)
	st.rounds()
	frames := slow.frames()
	if len(texts(frames, `"op":"gap"`)) != 2 || len(texts(frames, `"type":"snapshot"`)) != 1 {
		t.Fatalf("told of %d gaps: %.300q", len(texts(frames, `"op":"gap"`)), strings.Join(texts(frames, ""), " "))
	}
}

// holdings is what a hub and its shard have taken beside images.
type holdings struct{ logs, inbox, outboxes, states, history, free, pending int }

func (st *stage) holdings() holdings {
	n := holdings{logs: logBytes(st.shard), history: st.hub.archive.bytes}
	for _, q := range []*delivery{&st.queue.in, &st.inbox} {
		n.inbox += cap(q.bytes) + 96*cap(q.items)
	}
	for i := range st.shard.seats {
		m := st.shard.seats[i].session
		n.outboxes += m.outboxBytes + cap(m.outbox)
	}
	for _, s := range st.hub.symbols {
		n.pending += cap(s.image.pending)
		for i := range s.streams {
			if s.states[i] != nil {
				n.states++
			}
		}
	}
	for c := st.hub.archive.free; c != nil; c = c.next {
		n.free++
	}
	return n
}

// What a burst takes is given back when it is over, although every client
// stays: logs, inboxes, outboxes, states, what was pending, and history but for
// what a client needs to go on with a quiet symbol.
func TestMemoryOfABurstIsGivenBack(t *testing.T) {
	const symbols = 4
	st := newStage(t, symbols)
	var clients []*pipe
	for i := range 60 {
		p := st.open(Options{Quiet: true, Heartbeat: 15e9}, unlimited)
		p.count = true
		p.subscribe([]string{"book.*", "order.S0", "trade.*", "bbo.*"}[i%4])
		if i%3 == 0 {
			p.room = 0 // for the time of the burst
		}
		clients = append(clients, p)
	}
	for range 40 {
		for i := range symbols {
			st.move(i, 400)
		}
		st.now += 10e6
		st.round()
	}
	resumed := st.open(Options{Quiet: true}, 1000)
	resumed.count = true
	resumed.say(`{"op":"subscribe","streams":["book.S1","trade.S1"],"since":{"book.S1":"e:8000","trade.S1":"e:4000"}}`)
	st.rounds()
	if n := st.holdings(); n.logs < 1<<20 || n.inbox < 1<<20 || n.outboxes < 1<<20 || n.states == 0 || n.history < 4<<20 || n.pending == 0 {
		t.Fatalf("no burst: %+v", n)
	}
	clients = append(clients, resumed)
	for _, p := range clients {
		p.give(unlimited)
	}
	for second := range 75 {
		st.wait(1e9)
		st.hub.Beat(st.now)
		if second%5 == 0 {
			st.queue.slim(&st.inbox)
		}
		// All but history, which is there for a minute.
		if n := st.holdings(); second >= 10 && (n.logs != 0 || n.inbox > 4*inboxBytesKept || n.outboxes != 0) {
			t.Fatalf("after %d s: %+v", second, n)
		}
	}
	if n := st.holdings(); n.states != 0 || n.pending != 0 || n.free > spareChunks || n.history > symbols*16<<10 {
		t.Errorf("in the end: %+v", n)
	}
	for _, p := range clients { // all of them go on
		if p.m.dead || p.m.unsentBytes() != 0 || p.m.lost != nil {
			t.Fatalf("a client was lost: %+v", p.end)
		}
	}
}

// A log that a burst made large becomes small while a little comes.
func TestLogShrinks(t *testing.T) {
	st := newStage(t, 1)
	p, slow := st.open(Options{Quiet: true}, unlimited), st.open(Options{Quiet: true}, unlimited)
	p.subscribe("book.S0", "trade.S0")
	slow.subscribe("book.S0", "trade.S0")
	slow.room = 0
	for range 20 {
		st.move(0, 400)
		st.now += 10e6
		st.round()
	}
	slow.give(unlimited)
	large := logBytes(st.shard)
	for range 20 {
		st.move(0, 3)
		st.wait(500e6)
	}
	if small := logBytes(st.shard); large < 8*logBytesLow || small > 4*logBytesLow || small == 0 || st.shard.bytes != small {
		t.Errorf("a log of %d bytes, %d accounted, after one of %d", small, st.shard.bytes, large)
	}
	slow.room = 0
	st.move(0, 3)
	st.round()
	slow.give(unlimited) // it catches up, and nothing comes any more
	if st.wait(3e9); logBytes(st.shard) != 0 {
		t.Errorf("a log of %d bytes of which nothing is unsent", logBytes(st.shard))
	}
	if n := len(texts(p.frames(), `"type":"delta"`)); n != 20*403+3 {
		t.Errorf("%d frames came", n)
	}
}
