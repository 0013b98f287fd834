package server

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"tickcast/wire"
)

// checkCodedErrors wants each wrong message answered with its code and id, and
// the connection to stay.
func checkCodedErrors(t *testing.T, g *rig) {
	t.Helper()
	p := g.connect(t, "?heartbeat=0")
	many := strings.Repeat(`"bbo.BTCUSDT",`, 200) + `"bbo.BTCUSDT"`
	for i, c := range []struct{ send, want string }{
		{`{"op":"subscribe"`, `{"op":"error","code":"bad_json",`},
		{`[]`, `{"op":"error","code":"bad_json",`},
		{``, `{"op":"error","code":"bad_json",`},
		{`{"op":"list"} x`, `{"op":"error","code":"bad_json",`},
		{`{"id":1}`, `{"op":"error","id":1,"code":"bad_request",`},
		{`{"op":"subscribe","id":2}`, `{"op":"error","id":2,"code":"bad_request",`},
		{`{"op":"subscribe","id":"a","streams":[1]}`, `{"op":"error","id":"a","code":"bad_request",`},
		{`{"op":"list","id":[1]}`, `{"op":"error","code":"bad_request",`},
		{`{"op":"dance","id":3}`, `{"op":"error","id":3,"code":"unknown_op",`},
		{`{"op":"auth","id":4,"token":"t"}`, `{"op":"error","id":4,"code":"not_authorized",`},
		{`{"op":"subscribe","id":5,"streams":[` + many + `]}`, `{"op":"error","id":5,"code":"limit_streams",`},
		{`{"op":"subscribe","id":6,"streams":["candle.BTCUSDT"]}`, `{"op":"subscribed","id":6,"streams":[],"errors":[{"stream":"candle.BTCUSDT","code":"unknown_channel",`},
		{`{"op":"subscribe","id":7,"streams":["bbo.BTCUSD"]}`, `{"op":"subscribed","id":7,"streams":[],"errors":[{"stream":"bbo.BTCUSD","code":"unknown_symbol",`},
		{`{"op":"subscribe","id":8,"streams":["bbo.btcusdt"]}`, `{"op":"subscribed","id":8,"streams":[],"errors":[{"stream":"bbo.btcusdt","code":"unknown_symbol",`},
		{`{"op":"subscribe","id":9,"streams":["bbo.BTCUSDT.50ms"]}`, `{"op":"subscribed","id":9,"streams":[],"errors":[{"stream":"bbo.BTCUSDT.50ms","code":"bad_rate",`},
		{`{"op":"unsubscribe","id":10,"streams":["bbo.BTCUSDT"]}`, `{"op":"unsubscribed","id":10,"streams":[],"errors":[{"stream":"bbo.BTCUSDT","code":"not_subscribed",`},
	} {
		p.send(c.send)
		if m := p.expect(c.want); strings.Contains(c.want, `id":7,`) && !strings.HasSuffix(m, `"near":["BTCUSDT"]}]}`) {
			t.Errorf("%s: nothing near BTCUSD", m)
		}
		good := fmt.Sprintf(`{"op":"ping","id":"ping %d"}`, i) // and the count of bad ones begins anew
		p.send(good)
		p.expect(fmt.Sprintf(`{"op":"pong","id":"ping %d","ts":`, i))
	}
}

func TestWrongNamesSpareOthers(t *testing.T) { eachKind(t, testWrongNamesSpareOthers) }

func testWrongNamesSpareOthers(t *testing.T, newRig maker) {
	g := newRig(t)
	g.market.publish(50)
	p := g.connect(t, "")
	p.send(`{"op":"subscribe","id":1,"streams":["foo.X","bbo.BTCUSDT","bbo.NONE"]}`)
	m := p.expect(`{"op":"subscribed","id":1,"streams":[{"stream":"bbo.BTCUSDT",`)
	for _, want := range []string{`{"stream":"foo.X","code":"unknown_channel",`, `{"stream":"bbo.NONE","code":"unknown_symbol",`} {
		if !strings.Contains(m, want) {
			t.Errorf("%s lacks %s", m, want)
		}
	}
	p.expect(`{"stream":"bbo.BTCUSDT",`)
}

// checkBadInARow wants 1008 after 20 bad messages, each counted once whatever it
// holds, and a good one to begin the count anew.
func checkBadInARow(t *testing.T, g *rig) {
	t.Helper()
	p := g.connect(t, "?heartbeat=0")
	const bad = `{"op":"subscribe","streams":["x.A","x.B"]}`
	for range 19 {
		p.send(bad)
		p.expect(`{"op":"subscribed",`)
	}
	p.send(`{"op":"list"}`)
	p.expect(`{"op":"list",`)
	for range 19 {
		p.send(`{"op":`)
		p.expect(`{"op":"error","code":"bad_json",`)
	}
	p.send(bad)
	if code, reason := p.closing(); code != wire.ClosePolicy {
		t.Errorf("%d %s", code, reason)
	}
	g.quiet()
}

// checkEntries wants a connection's 1,025th entry refused, and the others kept.
func checkEntries(t *testing.T, g *rig) {
	t.Helper()
	p := g.connect(t, "?heartbeat=0")
	names := func(from, to int) string {
		var out []string
		for i := from; i < to; i++ {
			out = append(out, fmt.Sprintf(`"bbo.X%d*"`, i))
		}
		return strings.Join(out, ",")
	}
	for from := 0; from < 1000; from += 200 {
		p.send(`{"op":"subscribe","id":1,"streams":[` + names(from, from+200) + `]}`)
		p.expect(`{"op":"subscribed","id":1,"streams":[],"errors":[]}`)
	}
	p.send(`{"op":"subscribe","id":2,"streams":[` + names(990, 1030) + `]}`)
	m := p.expect(`{"op":"subscribed","id":2,"streams":[],"errors":[{"stream":"bbo.X1024*","code":"limit_streams",`)
	if n := strings.Count(m, "limit_streams"); n != 6 {
		t.Errorf("%d names refused; want 6: %s", n, m)
	}
	p.send(`{"op":"unsubscribe","streams":["bbo.X0*"]}`, `{"op":"subscribe","id":3,"streams":["bbo.Y*"]}`)
	p.expect(`{"op":"unsubscribed","streams":["bbo.X0*"]}`)
	p.expect(`{"op":"subscribed","id":3,"streams":[],"errors":[]}`)
}

// TestFlood sends control messages without end: they are delayed, which the
// healthy client beside does not notice, then refused, then it is over.
func TestFlood(t *testing.T) { eachKind(t, testFlood) }

func testFlood(t *testing.T, newRig maker) {
	g := newRig(t)
	p, healthy := g.connect(t, "?heartbeat=0"), g.connect(t, "?heartbeat=0")
	flood := make([]byte, 0, 64<<10)
	for len(flood) < 32<<10 {
		flood = append(flood, text(`{"op":"ping"}`)...)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if _, err := p.conn.Write(flood); err != nil {
				return
			}
		}
	}()
	pongs := 0
	for {
		m := p.next()
		if strings.HasPrefix(m, `{"op":"error","code":"limit_rate",`) {
			break
		}
		if pongs++; pongs == 210 { // the burst is over: the rest is delayed
			healthy.send(`{"op":"ping","id":1}`)
			healthy.expect(`{"op":"pong","id":1,`)
		}
	}
	if pongs < 210 || pongs > 400 { // 200 at once, 50/s for 2 s
		t.Errorf("%d pongs before the first refusal", pongs)
	}
	code, reason := p.closeFrame()
	if code != wire.CloseAbuse {
		t.Errorf("%d %s", code, reason)
	}
	g.leap(3 * time.Second)
	<-done
	if n := g.shards.Stats().Refused; n < 200 {
		t.Errorf("%d messages counted as refused", n)
	}
}
