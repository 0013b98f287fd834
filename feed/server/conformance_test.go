package server

import (
	"bytes"
	"strings"
	"testing"
	"time"

	"tickcast/feed"
	"tickcast/wire"
)

// conformance is RELIABILITY.md section 3, sentence by sentence. That
// credentials are refused with 401 waits for credentials.
var conformance = []struct {
	row   string
	check func(t *testing.T, newRig maker)
}{
	{"bad framing is 1002, the TCP connection closed within 3 s", framing(wire.CloseProtocol)},
	{"invalid UTF-8 is 1007", framing(wire.CloseBadText)},
	{"binary frames are 1003", framing(wire.CloseUnsupported)},
	{"a message over 64 KiB is 1009, announced or not", framing(wire.CloseTooBig)},
	{"origins are refused before the upgrade", func(t *testing.T, newRig maker) {
		g := newRig(t, desk)
		checkRefusals(t, g, originCases(g.secure != nil))
	}},
	{"the wrong version is 426; one key, Host, Origin, version; no body", func(t *testing.T, newRig maker) {
		checkRefusals(t, newRig(t, desk), handshakeCases())
	}},
	{"limits of connections are 503 before the upgrade", connectionLimit},
	{"limits of requests are 429", requestLimit},
	{"a server that drains is 503", draining},
	{"a pong has the payload of its ping", func(t *testing.T, newRig maker) { checkPing(t, newRig(t)) }},
	{"at most one pong is pending", onePong},
	{"pings without end are 1008", pingFlood},
	{"control messages without end are 4501", requestFlood},
	{"a message that does not end is 1008", endless},
	{"mistakes are answered with their code and id", func(t *testing.T, newRig maker) { checkCodedErrors(t, newRig(t)) }},
	{"20 bad messages in a row are 1008", func(t *testing.T, newRig maker) { checkBadInARow(t, newRig(t)) }},
	{"the 1,025th entry is refused", func(t *testing.T, newRig maker) { checkEntries(t, newRig(t)) }},
}

// TestConformance wants every kind of socket to give the same answers.
func TestConformance(t *testing.T) {
	eachKind(t, func(t *testing.T, newRig maker) {
		for _, c := range conformance {
			t.Run(c.row, func(t *testing.T) { c.check(t, newRig) })
		}
	})
}

// desk lets pages of one other origin connect.
func desk(c *Config) { c.Origins = []string{"https://desk.example:8443"} }

func framing(code wire.CloseCode) func(*testing.T, maker) {
	return func(t *testing.T, newRig maker) {
		t.Helper()
		checkFraming(t, newRig(t), code)
	}
}

func connectionLimit(t *testing.T, newRig maker) {
	g := newRig(t, func(c *Config) { c.Connections = 1 })
	first := g.connect(t, "")
	over := g.dial(t)
	res, body := over.answer()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	checkRefusal(t, res, body, "limit_connections")
	first.conn.Close()
	g.quiet()
	g.connect(t, "")
}

func requestLimit(t *testing.T, newRig maker) {
	g := newRig(t, func(c *Config) { c.Requests = 1 })
	for _, status := range []int{200, 429} {
		res, body := g.get(t, "/v1/symbols")
		if res.StatusCode != status {
			t.Errorf("%s; want %d", res.Status, status)
		}
		if status == 429 {
			checkRefusal(t, res, body, "limit_rate")
			if res.Header.Get("Retry-After") == "" {
				t.Error("no Retry-After")
			}
		}
	}
}

func draining(t *testing.T, newRig maker) {
	g := newRig(t)
	g.server.draining.Store(true)
	p := g.dial(t)
	p.write([]byte(handshake("/v1/stream")))
	res, body := p.answer()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	checkRefusal(t, res, body, "shutdown")
}

func onePong(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?ping=0&heartbeat=0&streams=book.*,trade.*")
	g.stuff()
	p.write(append(bytes.Repeat(clientFrame(0x89, "ping"), 30), text(`{"op":"ping","id":"end"}`)...))
	for pongs := 0; ; {
		op, payload, err := p.frame()
		switch {
		case err != nil:
			t.Fatal(err)
		case op == wire.OpcodePong:
			pongs++
		case strings.HasPrefix(string(payload), `{"op":"pong","id":"end"`):
			p.write(text(`{"op":"ping","id":"after"}`)) // behind whatever answers the piece before
		case strings.HasPrefix(string(payload), `{"op":"pong","id":"after"`):
			if pongs != 1 {
				t.Errorf("%d pongs to 30 pings; want 1", pongs)
			}
			return
		}
	}
}

func pingFlood(t *testing.T, newRig maker) {
	g := newRig(t)
	p, healthy := g.connect(t, "?heartbeat=0"), g.connect(t, "?heartbeat=0")
	var flood []byte
	for range 300 {
		flood = append(flood, clientFrame(0x89, "")...)
	}
	p.write(flood)
	if code, reason := p.closing(); code != wire.ClosePolicy || reason == "" {
		t.Errorf("%d %q", code, reason)
	}
	healthy.send(`{"op":"ping","id":1}`)
	healthy.expect(`{"op":"pong","id":1,`)
	g.eventually("one left", func() bool { return g.shards.Stats().Sessions == 1 })
}

func requestFlood(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?heartbeat=0")
	var flood []byte
	for range 2000 {
		flood = append(flood, text(`{"op":"list"}`)...)
	}
	p.write(flood)
	limited := 0
	for {
		op, payload, err := p.frame()
		if err != nil {
			t.Fatal(err)
		}
		if op == wire.OpcodeClose {
			if code := wire.CloseCode(payload[0])<<8 | wire.CloseCode(payload[1]); code != wire.CloseAbuse {
				t.Errorf("code %d", code)
			}
			break
		}
		if strings.HasPrefix(string(payload), `{"op":"error","code":"limit_rate",`) {
			limited++
		}
		g.clock.leap(5 * time.Millisecond) // the delay need not be waited for
	}
	if limited == 0 {
		t.Error("closed without a word")
	}
}

func endless(t *testing.T, newRig maker) {
	g := newRig(t)
	for name, piece := range map[string][]byte{
		"half a frame":    text(`{"op":"list"}`)[:9],
		"half a header":   {0x81},
		"half a message":  clientFrame(0x01, `{"op":`),
		"half a long one": text(strings.Repeat(" ", 60<<10))[:40<<10],
	} {
		p, healthy := g.connect(t, "?ping=0"), g.connect(t, "?ping=0")
		p.write(piece)
		sent := uint64(len(piece))
		g.eventually("read", func() bool { return bytesIn(g, p) == sent })
		g.leap(4 * time.Second)
		if n := g.shards.Stats().Limits[feed.LimitAssembly]; n != 0 {
			t.Errorf("%s: closed before its time", name)
		}
		g.eventually("the deadline", func() bool { g.leap(time.Second); return g.shards.Stats().Limits[feed.LimitAssembly] == 1 })
		if code, reason := p.closeFrame(); code != wire.ClosePolicy || reason == "" {
			t.Errorf("%s: %d %q", name, code, reason)
		}
		p.conn.Close()
		healthy.conn.Close()
		g.quiet()
		g = newRig(t)
	}
}

// bytesIn returns what the server has read of a client.
func bytesIn(g *rig, p *peer) uint64 {
	for _, i := range g.shards.Sessions() {
		if i.Remote == p.conn.LocalAddr().String() {
			return i.BytesIn
		}
	}
	return 0
}
