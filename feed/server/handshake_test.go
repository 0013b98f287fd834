package server

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/fasthttp/websocket"
)

// refusalCase is a handshake and the answer that it has to get.
type refusalCase struct {
	name, request string
	status        int
	code          string
}

// handshakeCases are what RELIABILITY.md section 3 refuses before an upgrade.
func handshakeCases() []refusalCase {
	good := handshake("/v1/stream")
	replace := func(from, to string) string { return strings.Replace(good, from, to, 1) }
	with := func(line string) string { return handshake("/v1/stream", line) }
	return []refusalCase{
		{"no upgrade", "GET /v1/stream HTTP/1.1\r\nHost: feed.test\r\n\r\n", 426, "bad_handshake"},
		{"upgrade to something else", replace("Upgrade: websocket", "Upgrade: h2c"), 426, "bad_handshake"},
		{"version 8", replace("Version: 13", "Version: 8"), 426, "bad_handshake"},
		{"no version", replace("Sec-WebSocket-Version: 13\r\n", ""), 426, "bad_handshake"},
		{"two versions", with("Sec-WebSocket-Version: 13"), 426, "bad_handshake"},
		{"list of versions", replace("Version: 13", "Version: 13, 8"), 426, "bad_handshake"},
		{"post", replace("GET", "POST"), 405, "bad_handshake"},
		{"no key", replace("Sec-WebSocket-Key: "+sampleKey+"\r\n", ""), 400, "bad_handshake"},
		{"two keys", with("Sec-WebSocket-Key: " + sampleKey), 400, "bad_handshake"},
		{"short key", replace(sampleKey, "dGhlIHNhbXBsZQ=="), 400, "bad_handshake"},
		{"long key", replace(sampleKey, "dGhlIHNhbXBsZSBub25jZXMh"), 400, "bad_handshake"},
		{"key with loose bits", replace(sampleKey, "dGhlIHNhbXBsZSBub25jZR=="), 400, "bad_handshake"},
		{"key not base64", replace(sampleKey, "dGhlIHNhbXBsZSBub25jZ!=="), 400, "bad_handshake"},
		{"http 1.0", replace("HTTP/1.1", "HTTP/1.0"), 400, "bad_handshake"},
		{"connection close", replace("Connection: Upgrade", "Connection: Upgrade, close"), 400, "bad_handshake"},
		{"connection close on a line of its own", with("Connection: close"), 400, "bad_handshake"},
		{"body", handshake("/v1/stream", "Content-Length: 2") + "hi", 400, "bad_handshake"},
		{"chunked body", handshake("/v1/stream", "Transfer-Encoding: chunked") + "2\r\nhi\r\n0\r\n\r\n", 400, "bad_handshake"},
		{"empty chunked body", handshake("/v1/stream", "Transfer-Encoding: chunked") + "0\r\n\r\n", 400, "bad_handshake"},
		{"two hosts", with("Host: other.test"), 400, "bad_request"},
		{"no host", replace("Host: feed.test\r\n", ""), 400, "bad_request"},
		{"empty host", replace("Host: feed.test", "Host:"), 400, "bad_request"},
		{"two origins", handshake("/v1/stream", "Origin: http://feed.test", "Origin: http://feed.test"), 400, "bad_handshake"},
		{"malformed", "GET /v1/stream HTTP/1.1\r\nHost feed.test\r\n\r\n", 400, "bad_request"},
		{"large head", handshake("/v1/stream", "Cookie: "+strings.Repeat("x", 32<<10)), 431, "bad_request"},
	}
}

// originCases are the pages that a server, secure or not, refuses.
func originCases(secure bool) []refusalCase {
	other := "https"
	if secure {
		other = "http"
	}
	with := func(line string) string { return handshake("/v1/stream", line) }
	return []refusalCase{
		{"foreign origin", with("Origin: http://evil.test"), 403, "not_authorized"},
		{"origin null", with("Origin: null"), 403, "not_authorized"},
		{"origin with another scheme", with("Origin: " + other + "://feed.test"), 403, "not_authorized"},
		{"origin with another port", with("Origin: http://feed.test:81"), 403, "not_authorized"},
		{"origin that begins like ours", with("Origin: http://feed.test.evil.test"), 403, "not_authorized"},
		{"listed origin without its port", with("Origin: https://desk.example"), 403, "not_authorized"},
		{"listed origin, another scheme", with("Origin: http://desk.example:8443"), 403, "not_authorized"},
		{"origin that is no URL", with("Origin: %zz"), 403, "not_authorized"},
	}
}

func queryCases() []refusalCase {
	return []refusalCase{
		{"format", handshake("/v1/stream?format=sbe"), 400, "bad_request"},
		{"empty format", handshake("/v1/stream?format="), 400, "bad_request"},
		{"slow", handshake("/v1/stream?slow=drop"), 400, "bad_request"},
		{"flush", handshake("/v1/stream?flush=1001ms"), 400, "bad_request"},
		{"negative flush", handshake("/v1/stream?flush=-1ms"), 400, "bad_request"},
		{"flush of nothing", handshake("/v1/stream?flush=x"), 400, "bad_request"},
		{"heartbeat", handshake("/v1/stream?heartbeat=61"), 400, "bad_request"},
		{"negative heartbeat", handshake("/v1/stream?heartbeat=-1"), 400, "bad_request"},
		{"heartbeat of nothing", handshake("/v1/stream?heartbeat=1.5"), 400, "bad_request"},
		{"ping", handshake("/v1/stream?ping=no"), 400, "bad_request"},
		{"201 streams", handshake("/v1/stream?streams=" + strings.Repeat("bbo.A,", 200) + "bbo.A"), 400, "limit_streams"},
		{"long stream", handshake("/v1/stream?streams=bbo." + strings.Repeat("A", 61)), 400, "bad_request"},
		{"bytes that are no UTF-8", handshake("/v1/stream?slow=%ff%22"), 400, "bad_request"},
	}
}

func TestQueryRefused(t *testing.T) {
	checkRefusals(t, newRig(t), queryCases())
}

func checkRefusals(t *testing.T, g *rig, cases []refusalCase) {
	t.Helper()
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			p := g.dial(t)
			_, _ = p.conn.Write([]byte(c.request)) // it may be refused before it is complete
			res, body := p.answer()
			if res.StatusCode != c.status {
				t.Errorf("got %s; want %d", res.Status, c.status)
			}
			checkRefusal(t, res, body, c.code)
			if c.status == 426 {
				if v, u := res.Header.Get("Sec-WebSocket-Version"), res.Header.Get("Upgrade"); v != "13" || u != "websocket" {
					t.Errorf("version %q, upgrade %q", v, u)
				}
			}
			if a := res.Header.Get("Allow"); c.status == 405 && a != "GET" {
				t.Errorf("allow %q", a)
			}
		})
	}
	if lines := g.logs.lines("evil"); len(lines) > 0 {
		t.Errorf("a client's headers are in the log: %s", lines)
	}
}

// checkRefusal wants a coded error in JSON.
func checkRefusal(t *testing.T, res *http.Response, body, code string) {
	t.Helper()
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal([]byte(body), &e); err != nil {
		t.Fatalf("%q: %v", body, err)
	}
	if e.Error.Code != code || e.Error.Message == "" {
		t.Errorf("got %+v; want code %s", e.Error, code)
	}
	if kind := res.Header.Get("Content-Type"); kind != "application/json" {
		t.Errorf("content type %q", kind)
	}
	if res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Error("no nosniff")
	}
}

func TestHandshakeAccepted(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Origins = []string{"https://desk.example:8443"} })
	for _, c := range []struct{ name, request string }{
		{"plain", handshake("/v1/stream")},
		{"same origin", handshake("/v1/stream", "Origin: http://feed.test")},
		{"listed origin", handshake("/v1/stream", "Origin: https://desk.example:8443")},
		{"other cases", strings.NewReplacer("Connection: Upgrade", "connection: keep-alive, upgrade", "Upgrade: websocket", "UPGRADE: WebSocket").
			Replace(handshake("/v1/stream"))},
		{"empty body", handshake("/v1/stream", "Content-Length: 0")},
		{"extensions that are not wanted", handshake("/v1/stream", "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits")},
		{"subprotocols that are not spoken", handshake("/v1/stream", "Sec-WebSocket-Protocol: graphql-ws")},
		{"unknown parameters", handshake("/v1/stream?color=red&streams=&heartbeat=0&flush=1s&ping=1&slow=close&format=json")},
	} {
		t.Run(c.name, func(t *testing.T) {
			p := g.dial(t)
			p.write([]byte(c.request))
			res, body := p.answer()
			if res.StatusCode != 101 || res.Header.Get("Sec-WebSocket-Accept") != sampleAccept {
				t.Fatalf("%s %s", res.Status, body)
			}
			for _, h := range []string{"Sec-WebSocket-Extensions", "Sec-WebSocket-Protocol"} {
				if v := res.Header.Values(h); len(v) > 0 {
					t.Errorf("%s: %q", h, v)
				}
			}
			p.expect(`{"op":"hello",`)
		})
	}
}

func TestAnyOrigin(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Origins = []string{"*"} })
	for _, origin := range []string{"http://evil.test", "null", "https://feed.test"} {
		p := g.dial(t)
		p.write([]byte(handshake("/v1/stream", "Origin: "+origin)))
		p.upgraded()
	}
}

func TestOriginsOfConfig(t *testing.T) {
	for _, bad := range []string{"", "null", "desk.example", "https://desk.example/", "https://", "https://desk.example/x", "https://u@desk.example"} {
		if _, err := New(Config{Hub: newRig(t).hub, Shards: newRig(t).shards, Origins: []string{bad}}); err == nil {
			t.Errorf("%q was accepted", bad)
		}
	}
	if _, err := New(Config{}); err == nil {
		t.Error("a server without a hub")
	}
}

// TestStandardClient lets somebody else's client try.
func TestStandardClient(t *testing.T) {
	g := newRig(t)
	g.market.publish(20)
	ws, res, err := websocket.DefaultDialer.Dial("ws://"+g.main+"/v1/stream?streams=bbo.BTCUSDT", nil)
	if err != nil {
		t.Fatal(err, res)
	}
	defer ws.Close()
	for _, want := range []string{`{"op":"hello",`, `{"op":"subscribed",`, `{"stream":"bbo.BTCUSDT",`} {
		kind, m, err := ws.ReadMessage()
		if err != nil || kind != websocket.TextMessage || !strings.HasPrefix(string(m), want) {
			t.Fatalf("got %d %s %v; want %s", kind, m, err, want)
		}
	}
	if err := ws.WriteMessage(websocket.CloseMessage, websocket.FormatCloseMessage(1000, "bye")); err != nil {
		t.Fatal(err)
	}
	if _, _, err := ws.ReadMessage(); !websocket.IsCloseError(err, 1000) {
		t.Error(err)
	}
	g.quiet()
}
