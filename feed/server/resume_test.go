package server

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestResume wants exactly the frames that were missed, to the byte.
func TestResume(t *testing.T) { eachKind(t, testResume) }

func testResume(t *testing.T, newRig maker) {
	g := newRig(t)
	g.market.publish(100)
	witness := g.connect(t, "?heartbeat=0&streams=trade.BTCUSDT,book.BTCUSDT,bbo.BTCUSDT")
	witness.expect(`{"op":"subscribed",`)
	witness.settle("ready")
	trade, book, bbo := g.seq(t, "trade.BTCUSDT"), g.seq(t, "book.BTCUSDT"), g.seq(t, "bbo.BTCUSDT")
	g.market.publish(300, 0)
	missed := witness.settle("missed")
	p := g.connect(t, "?heartbeat=0")
	p.send(fmt.Sprintf(`{"op":"subscribe","id":1,"streams":["trade.BTCUSDT","book.BTCUSDT"],"since":{"trade.BTCUSDT":"k7:%d","book.BTCUSDT":"k7:%d"}}`, trade, book))
	cursors := p.cursors(p.expect(`{"op":"subscribed","id":1,`))
	want := map[string]string{
		"trade.BTCUSDT": fmt.Sprintf("k7:%d recovered", trade), "book.BTCUSDT": fmt.Sprintf("k7:%d recovered", book),
	}
	if d := cmp.Diff(want, cursors); d != "" {
		t.Error(d)
	}
	got := p.settle("replayed")
	for _, stream := range []string{"trade.BTCUSDT", "book.BTCUSDT"} {
		if d := cmp.Diff(only(missed, stream), only(got, stream)); d != "" {
			t.Errorf("%s: %s", stream, d)
		}
	}
	if len(got) < 100 || len(only(got, "trade.BTCUSDT"))+len(only(got, "book.BTCUSDT")) != len(got) {
		t.Errorf("%d frames", len(got))
	}
	// A state stream has the current value, or nothing if that is known.
	p.send(fmt.Sprintf(`{"op":"subscribe","id":2,"streams":["bbo.BTCUSDT"],"since":{"bbo.BTCUSDT":"k7:%d"}}`, bbo))
	now := g.seq(t, "bbo.BTCUSDT")
	if c := p.cursors(p.expect(`{"op":"subscribed","id":2,`))["bbo.BTCUSDT"]; c != fmt.Sprintf("k7:%d", now) {
		t.Errorf("cursor %s; want %d", c, now)
	}
	p.expect(fmt.Sprintf(`{"stream":"bbo.BTCUSDT","seq":%d,`, now))
	p.send(`{"op":"unsubscribe","streams":["bbo.BTCUSDT"]}`)
	p.expect(`{"op":"unsubscribed",`)
	p.send(fmt.Sprintf(`{"op":"subscribe","id":3,"streams":["bbo.BTCUSDT"],"since":{"bbo.BTCUSDT":"k7:%d"}}`, now))
	if c := p.cursors(p.expect(`{"op":"subscribed","id":3,`))["bbo.BTCUSDT"]; c != fmt.Sprintf("k7:%d recovered", now) {
		t.Errorf("cursor %s", c)
	}
	if got := p.settle("nothing"); len(got) != 0 {
		t.Errorf("%q", got)
	}
}

// only returns the frames of one stream.
func only(frames []string, stream string) (out []string) {
	for _, m := range frames {
		if strings.HasPrefix(m, `{"stream":"`+stream+`"`) {
			out = append(out, m)
		}
	}
	return out
}

// TestResumeImpossible wants a gap with its reason, and a snapshot.
func TestResumeImpossible(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	book, trade := g.seq(t, "book.BTCUSDT"), g.seq(t, "trade.BTCUSDT")
	for _, c := range []struct{ name, since string }{
		{"foreign epoch", "k6:1"},
		{"future seq", fmt.Sprintf("k7:%d", book+1)},
		{"malformed", "1"},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := g.connect(t, "?heartbeat=0")
			p.send(fmt.Sprintf(`{"op":"subscribe","streams":["book.BTCUSDT","trade.BTCUSDT"],"since":{"book.BTCUSDT":%q,"trade.BTCUSDT":%[1]q}}`, c.since))
			want := map[string]string{"book.BTCUSDT": fmt.Sprintf("k7:%d", book), "trade.BTCUSDT": fmt.Sprintf("k7:%d", trade)}
			if d := cmp.Diff(want, p.cursors(p.expect(`{"op":"subscribed",`))); d != "" {
				t.Error(d)
			}
			p.expect(fmt.Sprintf(`{"op":"gap","stream":"book.BTCUSDT","from":null,"to":%d,"reason":"epoch"}`, book))
			p.expect(fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,"type":"snapshot",`, book))
			p.expect(fmt.Sprintf(`{"op":"gap","stream":"trade.BTCUSDT","from":null,"to":%d,"reason":"epoch"}`, trade))
		})
	}
}

// TestResumeTooOld wants a gap of what the history does not hold any more.
func TestResumeTooOld(t *testing.T) {
	g := newRig(t)
	for range 100 { // more transactions than it holds
		g.market.publish(200, 0)
	}
	book := g.seq(t, "book.BTCUSDT")
	p := g.connect(t, "?heartbeat=0")
	p.send(`{"op":"subscribe","streams":["book.BTCUSDT"],"since":{"book.BTCUSDT":"k7:1"}}`)
	if c := p.cursors(p.expect(`{"op":"subscribed",`))["book.BTCUSDT"]; strings.HasSuffix(c, "recovered") {
		t.Errorf("cursor %s after %d frames", c, book)
	}
	p.expect(`{"op":"gap","stream":"book.BTCUSDT","from":2,"to":`)
	p.expect(`{"stream":"book.BTCUSDT","seq":`)
}

func TestNoSnapshot(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	p := g.connect(t, "?heartbeat=0")
	p.send(`{"op":"subscribe","streams":["book.*","bbo.*","trade.*"],"snapshot":false}`)
	p.expect(`{"op":"subscribed",`)
	if got := p.settle("nothing"); len(got) != 0 {
		t.Errorf("%q", got)
	}
	next := g.seq(t, "book.BTCUSDT") + 1
	g.market.publish(30, 0)
	if got := only(p.settle("deltas"), "book.BTCUSDT"); len(got) == 0 ||
		!strings.HasPrefix(got[0], fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,"type":"delta",`, next)) {
		t.Errorf("%q", got)
	}
}

// TestRepeat wants acknowledgement and state anew, and no stream doubled.
func TestRepeat(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	p := g.connect(t, "?heartbeat=0&streams=book.BTCUSDT")
	p.expect(`{"op":"subscribed",`)
	p.settle("first")
	p.send(`{"op":"subscribe","id":1,"streams":["book.BTCUSDT"]}`)
	p.expect(`{"op":"subscribed","id":1,`)
	p.expect(`{"stream":"book.BTCUSDT","seq":`)
	p.settle("second")
	seq := g.seq(t, "book.BTCUSDT")
	g.market.publish(50, 0)
	for i, m := range p.settle("third") {
		if want := fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,`, seq+uint64(i)+1); !strings.HasPrefix(m, want) {
			t.Fatalf("got %s; want %s", m, want)
		}
	}
}

// TestListing wants a pattern to cover what is listed later.
func TestListing(t *testing.T) { eachKind(t, testListing) }

func testListing(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?heartbeat=0&streams=bbo.ETH*")
	p.expect(`{"op":"subscribed",`)
	g.market.list("ETHDAI")
	m := p.expect(`{"op":"subscribed","streams":[{"stream":"bbo.ETHDAI","cursor":"k7:0",`)
	if !strings.HasSuffix(m, `"by":"bbo.ETH*"}`) {
		t.Error(m)
	}
	g.market.publish(10, 3)
	p.expect(`{"stream":"bbo.ETHDAI","seq":1,`)
}
