package feed

import (
	"slices"
	"strings"
	"testing"

	"tickcast/wire"
)

// Whoever hears a stream gets the same bytes: in another shard, in another
// group, live, late or resumed.
func TestSameBytesForEverybody(t *testing.T) {
	st := newStage(t, 2)
	queue2, shard2 := st.newShard()
	alone := st.open(Options{}, unlimited)
	among := st.open(Options{Heartbeat: 60e9}, unlimited)
	distant := st.openOn(shard2, Options{Flush: 100e6}, unlimited)
	late := st.open(Options{}, unlimited)
	both := func() {
		st.rounds()
		var d delivery
		for range 4 {
			queue2.take(&d)
			shard2.deliver(&d, st.now)
			shard2.tick(st.now)
			shard2.flush(st.now)
		}
	}
	streams := []string{"book.S0", "trade.S0", "bbo.S0"}
	ask := func(p *pipe, more string, entries ...string) {
		p.say(`{"op":"subscribe","streams":["%s"]%s}`, strings.Join(entries, `","`), more)
		both()
		p.frames()
	}
	ask(alone, "", streams...)
	ask(among, "", "book.*", "trade.*", "bbo.*")
	ask(distant, "", streams...)
	for i := range 300 {
		st.now += 5e6
		st.move(0, 1)
		st.move(1, 1)
		if i%7 == 0 {
			both()
		}
	}
	st.now += 100e6
	both()
	all := map[*pipe][]clientMessage{alone: alone.frames(), among: among.frames(), distant: distant.frames()}
	late.say(`{"op":"subscribe","streams":["book.S0","trade.S0"],"since":{"book.S0":"e:0","trade.S0":"e:0"}}`)
	both()
	all[late] = late.frames()
	for _, stream := range streams {
		want := texts(all[alone], `"stream":"`+stream+`","seq"`)
		if len(want) < 100 {
			t.Fatalf("%d frames of %s", len(want), stream)
		}
		for p, name := range map[*pipe]string{among: "another group", distant: "another shard", late: "a resume"} {
			if p == late && strings.HasPrefix(stream, "bbo") {
				continue
			}
			if got := texts(all[p], `"stream":"`+stream+`","seq"`); !slices.Equal(got, want) {
				t.Errorf("%s in %s: %d frames differ from %d", stream, name, len(got), len(want))
			}
		}
	}
}

// A frame is encoded once for each dialect in which it is watched, however
// many watch; nobody watching, not at all.
func TestEncodedOnce(t *testing.T) {
	for _, sessions := range []int{0, 1, 1000} {
		st := newStage(t, 2)
		for i := range sessions {
			p := st.open(Options{}, unlimited)
			p.count = true
			p.subscribe([]string{"book.S0", "trade.S0", "bbo.S0"}[:1+i%3]...)
		}
		st.subscribeAll(sessions > 0)
		before := st.hub.Stats()
		st.move(0, 500)
		st.move(1, 500) // nobody watches it
		st.rounds()
		after := st.hub.Stats()
		live := after.Live[wire.JSON] - before.Live[wire.JSON]
		watched := after.Watched[wire.JSON] - before.Watched[wire.JSON]
		s := st.hub.symbols[0]
		want := s.seq(slotBook) + s.seq(slotTrade) + s.bbo.Seq
		if sessions == 0 {
			want = 0
		}
		if live != watched || live != want {
			t.Errorf("%d sessions: %d encodings of %d watched frames; want %d", sessions, live, watched, want)
		}
		if got := st.shard.total().Frames; sessions > 0 && got < want {
			t.Errorf("%d sessions: %d frames in logs", sessions, got)
		}
		numbered := uint64(0) // watched or not
		for slot := range s.streams {
			numbered += s.streams[slot].seq
		}
		if after.Frames != 2*numbered {
			t.Errorf("%d frames numbered", after.Frames)
		}
	}
}

// subscribeAll has one session hear all of S0.
func (st *stage) subscribeAll(yes bool) {
	if yes {
		p := st.open(Options{}, unlimited)
		p.count = true
		p.subscribe("book.S0", "trade.S0", "bbo.S0")
	}
}

// A storm of subscribers costs one encoding of a state or a snapshot; of
// images also while they move.
func TestSnapshotEncodedOnceForAStorm(t *testing.T) {
	const clients = 1000
	for _, name := range []string{
		"book.S0", "book.S0.20ms", "order.S0", "depth20.S0", "depth5.S0.100ms", "bbo.S0", "bbo.S0.1s", "candle1m.S0", "ticker.S0", "ticker.S0.1s", "status.S0",
	} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t, 1)
			st.move(0, 9)
			for i := range clients {
				if i%100 == 99 && slotOf(name).Channel().Image() {
					st.now += 20e6
					st.move(0, 4)
					st.hub.Beat(st.now)
				}
				p := st.open(Options{}, unlimited)
				p.count = true
				p.subscribe(name)
			}
			if n := st.shard.stats.Snapshots; n != 1 {
				t.Fatalf("%d snapshots encoded", n)
			}
			if got := st.shard.find(slotOf(name).Stream(0), wire.JSON).seq; got != st.hub.symbols[0].seq(slotOf(name)) {
				t.Fatalf("the shard is at %d", got)
			}
		})
	}
}

// The hub stops encoding when the last subscriber has left.
func TestNobodyWatching(t *testing.T) {
	st := newStage(t, 1)
	p, q := st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	p.subscribe("book.S0", "bbo.S0")
	q.subscribe("book.S0")
	q.say(`{"op":"unsubscribe","streams":["book.S0"]}`)
	st.rounds()
	p.m.kill(closeAbnormal, "test", true)
	st.rounds()
	before := st.hub.Stats().Live
	st.move(0, 10)
	if after := st.hub.Stats().Live; after != before {
		t.Fatalf("%v encodings, before %v", after, before)
	}
	if st.shard.find(wire.NewStreamID(0, wire.ChannelBook), wire.JSON) != nil {
		t.Fatal("the shard still knows of the stream")
	}
}
