package server

import (
	"encoding/json"
	"fmt"
	"slices"
	"testing"
	"time"

	"tickcast/feed"
)

type listedConnections struct {
	Sessions, Matched int
	Connections       []connection
}

func ask[T any](t *testing.T, g *rig, path string) (v T) {
	t.Helper()
	res, body := request(t, "GET", g.admin, path)
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Fatalf("%s: %s %v", path, res.Status, res.Header)
	}
	if err := json.Unmarshal([]byte(body), &v); err != nil {
		t.Fatalf("%s: %v", body, err)
	}
	return v
}

// TestConnz looks at a server with a client that reads nothing among others.
func TestConnz(t *testing.T) {
	for _, kind := range []feed.ShardsConfig{{Ordinary: true}, {Ordinary: true, Connections: true}} {
		g := newRigOn(t, kind)
		slow := g.connect(t, "?ping=0&heartbeat=0&streams=book.*,trade.*")
		g.stuff()
		const others = 600 // more than a shard copies in a round
		for range others {
			g.connect(t, "?ping=0&heartbeat=0&streams=bbo.BTCUSDT")
		}
		g.leap(5 * time.Second)
		g.eventually("one is slow", func() bool { return g.shards.Stats().Slow == 1 })
		got := ask[listedConnections](t, g, "/connz")
		if got.Sessions != others+1 || got.Matched != others+1 || len(got.Connections) != others+1 {
			t.Fatalf("%d sessions, %d matched, %d listed", got.Sessions, got.Matched, len(got.Connections))
		}
		first := got.Connections[0]
		if first.Remote != slow.conn.LocalAddr().String() || first.Entries != 2 || first.Streams != 6 || first.UnsentBytes == 0 ||
			first.UnsentAgeMS < 5000 || first.BytesOut == 0 || first.TLS || first.Transport != "websocket" {
			t.Errorf("%+v", first)
		}
		if since, err := time.Parse(time.RFC3339, first.Since); err != nil || time.Since(since).Abs() > time.Hour {
			t.Errorf("since %q: %v", first.Since, err)
		}
		names := make(map[string]bool)
		for _, c := range got.Connections {
			names[c.Conn] = true
		}
		if len(names) != others+1 {
			t.Errorf("%d names of %d connections", len(names), others+1)
		}
		if got := ask[listedConnections](t, g, "/connz?limit=1"); len(got.Connections) != 1 || got.Connections[0].Conn != first.Conn || got.Matched != others+1 {
			t.Errorf("%d listed, first %+v", len(got.Connections), got.Connections)
		}
		if got := ask[listedConnections](t, g, "/slowz"); got.Matched != 1 || got.Connections[0].Conn != first.Conn {
			t.Errorf("%+v", got)
		}
		if got := ask[listedConnections](t, g, "/slowz?age_ms=3600000"); got.Matched != 0 || got.Connections == nil {
			t.Errorf("%+v", got)
		}
		m := g.scrape(t)
		if m["slow_sessions"] != 1 || m["unsent_age_seconds"] < 4 {
			t.Errorf("%v slow, %v s", m["slow_sessions"], m["unsent_age_seconds"])
		}
		if n := len(g.logs.lines(`"connected"`, fmt.Sprintf(`"conn":%q`, first.Conn), fmt.Sprintf(`"remote":%q`, first.Remote))); n != 1 {
			t.Errorf("%d lines of %s", n, first.Conn)
		}
	}
}

func TestSubsz(t *testing.T) {
	g := newRig(t)
	for _, query := range []string{"bbo.*", "bbo.BTCUSDT,trade.BTCUSDT", "bbo.BTCUSDT", "bbo.BTCUSDT,bbo.B*", ""} {
		p := g.connect(t, "?streams="+query)
		if query != "" {
			p.expect(`{"op":"subscribed",`)
		}
	}
	type listed struct {
		Streams       int
		Subscriptions []subscription
	}
	want := []subscription{{"bbo.BTCUSDT", 4}, {"bbo.ETHBTC", 1}, {"bbo.ETHUSDT", 1}, {"trade.BTCUSDT", 1}}
	if got := ask[listed](t, g, "/subsz"); got.Streams != 4 || !slices.Equal(got.Subscriptions, want) {
		t.Errorf("%+v; want %+v", got, want)
	}
	if got := ask[listed](t, g, "/subsz?limit=1"); got.Streams != 4 || !slices.Equal(got.Subscriptions, want[:1]) {
		t.Errorf("%+v; want %+v", got, want[:1])
	}
}

func TestListArguments(t *testing.T) {
	g := newRig(t)
	for _, path := range []string{"/connz?limit=-1", "/connz?limit=x", "/connz?limit=", "/connz?limit=65537", "/slowz?age_ms=-1", "/slowz?age_ms=1e3", "/slowz?limit=x", "/subsz?limit=x"} {
		res, body := request(t, "GET", g.admin, path)
		if res.StatusCode != 400 {
			t.Errorf("%s: %s", path, res.Status)
		}
		checkRefusal(t, res, body, "bad_request")
	}
	for _, path := range []string{"/connz", "/slowz", "/subsz"} {
		if res, _ := request(t, "POST", g.admin, path); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %s", path, res.Status)
		}
		if res, _ := request(t, "GET", g.admin, path, "Origin: http://evil.test"); res.StatusCode != 403 {
			t.Errorf("GET %s of another origin: %s", path, res.Status)
		}
		if res, body := request(t, "GET", g.main, path); res.StatusCode != 404 {
			t.Errorf("GET %s of the main listener: %s %s", path, res.Status, body)
		}
	}
}

// TestLossMetrics wants gaps by reason, and resumes by result.
func TestLossMetrics(t *testing.T) {
	g := newRig(t)
	g.market.publish(200)
	seq := g.seq(t, "trade.BTCUSDT")
	p := g.connect(t, "")
	p.send(fmt.Sprintf(`{"op":"subscribe","id":1,"streams":["trade.BTCUSDT","trade.ETHUSDT","bbo.BTCUSDT"],"since":{`+
		`"trade.BTCUSDT":"k7:%d","trade.ETHUSDT":"other:1","bbo.BTCUSDT":"k7:1"}}`, seq-1))
	p.expect(`{"op":"subscribed","id":1,`)
	p.send(`{"op":"ping","id":"end"}`)
	for m := ""; m == "" || m[:13] != `{"op":"pong",`; {
		m = p.next()
	}
	m := g.scrape(t)
	for name, want := range map[string]float64{
		"recover_total{result=recovered}": 1, "recover_total{result=gap}": 1, "recover_total{result=state}": 1,
		"gaps_total{reason=epoch}": 1, "gaps_total{reason=slow}": 0,
	} {
		if m[name] != want {
			t.Errorf("%s = %v; want %v", name, m[name], want)
		}
	}
}
