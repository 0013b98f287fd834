package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tickcast/feed"
	"tickcast/wire"
)

// settle returns what was due before this moment: it sends a subscription to
// nothing, which has its place in the order of packets.
func (p *peer) settle(id string) []string {
	p.t.Helper()
	p.send(`{"op":"subscribe","id":"` + id + `","streams":["bbo.NOTHING*"]}`)
	var out []string
	for {
		m := p.next()
		if strings.HasPrefix(m, `{"op":"subscribed","id":"`+id+`"`) {
			return out
		}
		out = append(out, m)
	}
}

// last reads data until a stream has reached seq.
func (p *peer) last(stream string, seq uint64) []string {
	p.t.Helper()
	var out []string
	for {
		m := p.next()
		out = append(out, m)
		if strings.HasPrefix(m, fmt.Sprintf(`{"stream":%q,"seq":%d,`, stream, seq)) {
			return out
		}
	}
}

// TestSameBytes wants two clients of one stream to get identical bytes.
func TestSameBytes(t *testing.T) { eachKind(t, testSameBytes) }

func testSameBytes(t *testing.T, newRig maker) {
	g := newRig(t)
	g.market.publish(100)
	a, b := g.connect(t, "?streams=book.*,trade.*,bbo.*"), g.connect(t, "")
	b.send(`{"op":"subscribe","streams":["bbo.*","book.*","trade.*"]}`)
	a.expect(`{"op":"subscribed",`)
	b.expect(`{"op":"subscribed",`)
	a.settle("ready") // what was true when they came differs in its order
	b.settle("ready")
	for range 20 {
		g.market.publish(50)
	}
	seq := g.seq(t, "book.BTCUSDT")
	gotA, gotB := a.last("book.BTCUSDT", seq), b.last("book.BTCUSDT", seq)
	if d := cmp.Diff(only(gotA, "book.BTCUSDT"), only(gotB, "book.BTCUSDT")); d != "" || len(gotA) < 100 {
		t.Errorf("%d frames: %s", len(gotA), d)
	}
}

// seq returns where a stream stands.
func (g *rig) seq(t *testing.T, stream string) uint64 {
	t.Helper()
	p := g.connect(t, "")
	defer p.conn.Close()
	p.send(`{"op":"subscribe","snapshot":false,"streams":["` + stream + `"]}`)
	cursor := p.cursors(p.expect(`{"op":"subscribed",`))[stream]
	_, seq, ok := wire.ParseCursor([]byte(strings.TrimSuffix(cursor, " recovered")))
	if !ok {
		t.Fatalf("cursor %q", cursor)
	}
	return seq
}

// cursors returns those of an acknowledgement, with " recovered" behind.
func (p *peer) cursors(ack string) map[string]string {
	p.t.Helper()
	var m struct {
		Streams []struct {
			Stream, Cursor string
			Recovered      bool
		}
	}
	if err := json.Unmarshal([]byte(ack), &m); err != nil {
		p.t.Fatal(ack, err)
	}
	out := make(map[string]string)
	for _, s := range m.Streams {
		if out[s.Stream] = s.Cursor; s.Recovered {
			out[s.Stream] += " recovered"
		}
	}
	return out
}

// TestURL subscribes by URL, with names that do not exist beside.
func TestURL(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	p := g.connect(t, "?streams=bbo.BTCUSDT,bbo.NONE,,trade.ETH*&streams=foo.X")
	m := p.expect(`{"op":"subscribed","streams":[{"stream":"bbo.BTCUSDT",`)
	for _, want := range []string{
		`"stream":"trade.ETHUSDT"`, `"stream":"trade.ETHBTC"`, `"entry":"trade.ETH*"`,
		`{"stream":"bbo.NONE","code":"unknown_symbol",`, `{"stream":"","code":"unknown_channel",`, `{"stream":"foo.X","code":"unknown_channel",`,
	} {
		if !strings.Contains(m, want) {
			t.Errorf("%s lacks %s", m, want)
		}
	}
	p.expect(`{"stream":"bbo.BTCUSDT",`)
	p.send(`{"op":"list","id":1}`)
	p.expect(`{"op":"list","id":1,"streams":["bbo.BTCUSDT","trade.ETH*"]}`)
	p.send(`{"op":"unsubscribe","id":2,"streams":["bbo.BTCUSDT","trade.ETHUSDT"]}`)
	p.expect(`{"op":"unsubscribed","id":2,"streams":["bbo.BTCUSDT"],"errors":[{"stream":"trade.ETHUSDT","code":"not_subscribed",`)
	g.market.publish(200)
	for _, m := range p.settle("end") {
		if strings.HasPrefix(m, `{"stream":"bbo.BTC`) {
			t.Errorf("after unsubscribe: %s", m)
		}
	}
}

// TestHeartbeat wants the cursors of quiet streams, the same in one group.
func TestHeartbeat(t *testing.T) { eachKind(t, testHeartbeat) }

func testHeartbeat(t *testing.T, newRig maker) {
	g := newRig(t)
	g.market.publish(100)
	p := g.connect(t, "?heartbeat=1&streams=trade.BTCUSDT,book.ETHUSDT")
	f := newFollower()
	for beats := 0; beats < 3; {
		m := p.next()
		if err := f.take(m); err != nil {
			t.Fatal(err)
		}
		if !strings.HasPrefix(m, `{"op":"heartbeat",`) {
			continue
		}
		beats++
		quiet, _ := parse(m)
		_, trade := quiet.Cursors["trade.BTCUSDT"]
		_, book := quiet.Cursors["book.ETHUSDT"]
		if beats == 2 && (!trade || book) || beats == 3 && (!trade || !book) {
			t.Errorf("heartbeat %d: %s", beats, m)
		}
		if beats == 1 {
			g.market.publish(100, 1)
			for _, m := range p.last("book.ETHUSDT", g.seq(t, "book.ETHUSDT")) {
				if err := f.take(m); err != nil {
					t.Fatal(err)
				}
			}
		}
		g.leap(time.Second)
	}
}

// TestPingsOfServer wants pings to whoever is silent, unless he asked for none.
func TestPingsOfServer(t *testing.T) { eachKind(t, testPingsOfServer) }

func testPingsOfServer(t *testing.T, newRig maker) {
	g := newRig(t)
	loud, quiet := g.connect(t, "?heartbeat=0"), g.connect(t, "?heartbeat=0&ping=0")
	g.leap(21 * time.Second)
	if op, _, err := loud.frame(); op != wire.OpcodePing || err != nil {
		t.Errorf("got %v %v; want a ping", op, err)
	}
	// A goroutine that has written it must have noted that, or it would count as
	// stuck for the whole leap.
	g.eventually("nothing unsent", func() bool {
		return !slices.ContainsFunc(g.shards.Sessions(), func(s feed.SessionInfo) bool { return s.UnsentAge > 0 })
	})
	g.leap(61 * time.Second)
	if code, _ := loud.closeFrame(); code != wire.CloseNoPong {
		t.Errorf("code %d", code)
	}
	g.leap(time.Hour)
	if got := quiet.settle("still there"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// TestFlush wants frames of a window together, in order, none left out.
func TestFlush(t *testing.T) { eachKind(t, testFlush) }

func testFlush(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?flush=1000ms&heartbeat=0&streams=book.*,trade.*")
	f := newFollower()
	frames := 0
	for range 3 {
		before := g.shards.Stats()
		for range 10 {
			g.market.publish(10)
		}
		g.eventually("copied", func() bool { return g.shards.Stats().Frames > before.Frames+20 })
		g.leap(time.Second)
		for n := int(g.shards.Stats().Frames); frames < n; {
			m := p.next()
			if err := f.take(m); err != nil {
				t.Fatal(err)
			}
			if strings.HasPrefix(m, `{"stream":`) && !strings.Contains(m, `"type":"snapshot"`) {
				frames++
			}
		}
	}
	if w := g.shards.Stats().Writes; w > 20 {
		t.Errorf("%d writes for %d frames", w, frames)
	}
}
