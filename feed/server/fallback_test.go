package server

import (
	"bufio"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"
)

// event is one of Server-Sent Events as it came, or a comment.
type event struct {
	id, data string
	retry    int
	comment  bool
}

// eventSource is a client of /v1/sse.
type eventSource struct {
	t    testing.TB
	peer *peer
	body *bufio.Reader
	last string // id
}

// events opens an event stream; headers are whole lines.
func (g *rig) events(t testing.TB, query string, headers ...string) *eventSource {
	t.Helper()
	p := g.dial(t)
	p.write([]byte("GET /v1/sse" + query + " HTTP/1.1\r\nHost: feed.test\r\n" + strings.Join(append(headers, ""), "\r\n") + "\r\n"))
	res, err := http.ReadResponse(p.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{
		"Content-Type": "text/event-stream", "Cache-Control": "no-store", "X-Accel-Buffering": "no", "X-Content-Type-Options": "nosniff", "Vary": "Origin",
	} {
		if got := res.Header.Get(name); res.StatusCode != 200 || got != want {
			t.Fatalf("%s: %s %q", res.Status, name, got)
		}
	}
	return &eventSource{t: t, peer: p, body: bufio.NewReader(res.Body)}
}

// read returns the next event as a browser would parse it.
func (e *eventSource) read() (event, error) {
	var ev event
	for {
		line, err := e.body.ReadString('\n')
		if err != nil {
			return ev, err
		}
		line = strings.TrimSuffix(line, "\n")
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch {
		case line == "":
			return ev, nil
		case field == "":
			ev.comment = true
		case field == "id":
			ev.id, e.last = value, value
		case field == "data":
			ev.data = value
		case field == "retry":
			if ev.retry, err = strconv.Atoi(value); err != nil {
				return ev, err
			}
		default:
			return ev, fmt.Errorf("line %q", line)
		}
	}
}

func (e *eventSource) next() event {
	e.t.Helper()
	ev, err := e.read()
	if err != nil {
		e.t.Fatal(err)
	}
	return ev
}

// data returns the next event with data, that begins so.
func (e *eventSource) data(prefix string) event {
	e.t.Helper()
	for {
		ev := e.next()
		if ev.data == "" {
			continue
		}
		if !strings.HasPrefix(ev.data, prefix) {
			e.t.Fatalf("got %+v; want %s…", ev, prefix)
		}
		return ev
	}
}

// end reads up to the end, and returns the last event before it.
func (e *eventSource) end() (last event) {
	e.t.Helper()
	for {
		ev, err := e.read()
		if err != nil {
			return last
		}
		last = ev
	}
}

// answered is an answer of the routes that give frames.
type answered struct {
	Frames []json.RawMessage
	Cursor string
	Error  struct {
		Code, Message, Stream string
		Near                  []string
	}
}

func (a *answered) texts() (out []string) {
	for _, f := range a.Frames {
		out = append(out, string(f))
	}
	return out
}

// ask makes a request, on a connection of its own.
func (g *rig) ask(t testing.TB, path string, status int) *answered {
	t.Helper()
	p := g.dial(t)
	defer p.conn.Close()
	p.write([]byte("GET " + path + " HTTP/1.1\r\nHost: feed.test\r\n\r\n"))
	return p.answered(status)
}

func (p *peer) answered(status int) *answered {
	p.t.Helper()
	res, body := p.answer()
	var a answered
	if err := json.Unmarshal([]byte(body), &a); err != nil || res.StatusCode != status {
		p.t.Fatalf("%s %.300s %v; want %d", res.Status, body, err, status)
	}
	if res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Content-Type-Options") != "nosniff" || res.Header.Get("Cache-Control") != "no-store" {
		p.t.Errorf("headers %v", res.Header)
	}
	return &a
}

func begins(t testing.TB, got []string, want ...string) {
	t.Helper()
	ok := len(got) == len(want)
	for i := 0; ok && i < len(want); i++ {
		ok = strings.HasPrefix(got[i], want[i])
	}
	if !ok {
		t.Fatalf("got\n%.2000s\nwant\n%q", strings.Join(got, "\n"), want)
	}
}

func TestFallbackErrors(t *testing.T) {
	g := newRig(t)
	for _, c := range []struct {
		path   string
		status int
		code   string
	}{
		{"/v1/poll", 400, "bad_request"},
		{"/v1/poll?streams=", 404, "unknown_channel"},
		{"/v1/sse?streams=bbo.BTCUSDT,foo.BTCUSDT", 404, "unknown_channel"},
		{"/v1/sse?streams=bbo.BTC,foo.BTCUSDT", 404, "unknown_symbol"},
		{"/v1/snapshot?streams=trade.BTCUSDT.1s", 400, "bad_rate"},
		{"/v1/snapshot?streams=" + strings.Repeat("bbo.*,", 200) + "bbo.*", 400, "limit_streams"},
		{"/v1/snapshot?streams=bbo." + strings.Repeat("A", 61), 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&limit=0", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&limit=10001", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&limit=", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&wait=61", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&wait=-1", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&wait=1s", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&format=sbe", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=k7", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=k7:", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=k7:a", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=k7:a=-1", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=k7:a=1,", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=:a=1", 400, "bad_request"},
		{"/v1/poll?streams=bbo.*&since=%ff%22", 400, "bad_request"},
		{"/v1/trades", 400, "bad_request"},
		{"/v1/trades?symbol=BTC", 404, "unknown_symbol"},
		{"/v1/trades?symbol=*", 404, "unknown_symbol"},
		{"/v1/trades?symbol=BTCUSDT&since=k7:x", 400, "bad_request"},
		{"/v1/trades?symbol=BTCUSDT&since=9223372036854775807", 400, "bad_request"},
		{"/v1/trades?symbol=BTCUSDT&since=now", 400, "bad_request"},
		{"/v1/trades?symbol=BTCUSDT&limit=-1", 400, "bad_request"},
		{"/v1/candles?symbol=BTCUSDT&interval=2m", 400, "bad_request"},
		{"/v1/candles?symbol=BTCUSDT&interval=", 400, "bad_request"},
		{"/v1/candles?symbol=BTCUSDT.1s&interval=1m", 404, "unknown_symbol"},
		{"/v1/candles?symbol=BTCUSDT&from=2&to=1", 400, "bad_request"},
		{"/v1/candles?symbol=BTCUSDT&to=x", 400, "bad_request"},
		{"/v1/candles?interval=1m", 400, "bad_request"},
	} {
		if got := g.ask(t, c.path, c.status).Error; got.Code != c.code || got.Message == "" {
			t.Errorf("%.80s: %+v; want %s", c.path, got, c.code)
		}
	}
	e := g.ask(t, "/v1/poll?streams=bbo.ETHBTX", 404).Error
	if e.Stream != "bbo.ETHBTX" || len(e.Near) == 0 || e.Near[0] != "ETHBTC" {
		t.Errorf("%+v", e)
	}
	for _, path := range []string{"/v1/sse?streams=bbo.*", "/v1/poll?streams=bbo.*", "/v1/snapshot?streams=bbo.*"} {
		if res, _ := request(t, "POST", g.main, path); res.StatusCode != 405 {
			t.Errorf("POST %s: %s", path, res.Status)
		}
		if res, body := request(t, "HEAD", g.main, path); res.StatusCode != 200 || body != "" {
			t.Errorf("HEAD %s: %s %q", path, res.Status, body)
		}
		res, _ := request(t, "OPTIONS", g.main, path, "Origin: http://"+g.main)
		if h := res.Header.Get("Access-Control-Allow-Headers"); res.StatusCode != 204 || h != "Last-Event-ID" {
			t.Errorf("OPTIONS %s: %s %q", path, res.Status, h)
		}
	}
	for _, path := range []string{"/v1/sse?streams=bbo.*", "/v1/poll?streams=bbo.*"} {
		if res, _ := request(t, "GET", g.main, path, "Origin: https://evil.test"); res.StatusCode != 403 {
			t.Errorf("%s of another origin: %s", path, res.Status)
		}
	}
	m := g.scrape(t)
	if m["requests_total{route=trades,status=404}"] != 2 || m["requests_total{route=sse,status=403}"] != 1 || m["requests_total{route=sse,status=405}"] != 1 {
		t.Errorf("%v", m)
	}
}

func TestSnapshotRoute(t *testing.T) {
	g := newRig(t)
	g.market.publish(100)
	trade := g.seq(t, "trade.BTCUSDT")
	a := g.ask(t, "/v1/snapshot?streams=book.BTCUSDT,bbo.*,trade.*,depth5.ETHUSDT", 200)
	begins(t, a.texts(),
		`{"stream":"book.BTCUSDT","seq":`, `{"stream":"bbo.BTCUSDT","seq":`, `{"stream":"depth5.ETHUSDT","seq":1,`, `{"stream":"bbo.ETHUSDT","seq":`, `{"stream":"bbo.ETHBTC","seq":`)
	g.market.publish(50, 0)
	b := g.ask(t, "/v1/poll?streams=trade.BTCUSDT&cursor="+a.Cursor, 200)
	if len(b.Frames) == 0 || !strings.HasPrefix(string(b.Frames[0]), fmt.Sprintf(`{"stream":"trade.BTCUSDT","seq":%d,`, trade+1)) {
		t.Errorf("%q", b.texts())
	}
}

func TestTradesAndCandlesRoutes(t *testing.T) {
	g := newRig(t)
	p := g.connect(t, "?heartbeat=0&streams=trade.BTCUSDT,candle1s.BTCUSDT")
	p.expect(`{"op":"subscribed",`)
	var heard []string
	for range 100 {
		g.market.publish(30, 0)
		heard = append(heard, p.settle("more")...)
	}
	trades, candles := only(heard, "trade.BTCUSDT"), only(heard, "candle1s.BTCUSDT")
	same := func(path string, want []string) {
		t.Helper()
		if got := g.ask(t, path, 200).texts(); strings.Join(got, "\n") != strings.Join(want, "\n") || len(want) == 0 {
			t.Errorf("%s: got %d: %.300s; want %d: %.300s", path, len(got), got, len(want), want)
		}
	}
	last := len(trades) - 5
	same("/v1/trades?symbol=BTCUSDT&limit=10000", trades)
	same("/v1/trades?symbol=BTCUSDT&limit=5", trades[last:])
	same("/v1/trades?symbol=BTCUSDT&since=k7:0&limit=7", trades[:7])
	same(fmt.Sprintf("/v1/trades?symbol=BTCUSDT&since=k7:%d", last), trades[last:])
	same("/v1/trades?symbol=BTCUSDT&since=old:5&limit=7", trades[:7])
	m, err := parse(trades[last])
	if err != nil {
		t.Fatal(err)
	}
	from := 0
	for from < last && !strings.Contains(trades[from], fmt.Sprintf(`"ts":%d`, m.TS)) {
		from++
	}
	same(fmt.Sprintf("/v1/trades?symbol=BTCUSDT&since=%d", m.TS), trades[from:])
	var closed []string
	for _, c := range candles {
		if strings.Contains(c, `"closed":true`) {
			closed = append(closed, c)
		}
	}
	running := candles[len(candles)-1]
	same("/v1/candles?symbol=BTCUSDT&interval=1s", append(closed, running))
	same("/v1/candles?symbol=BTCUSDT&interval=1s&limit=1", []string{running})
	same("/v1/candles?symbol=BTCUSDT&interval=1s&from=1&limit=1", closed[:1])
	if got := g.ask(t, "/v1/candles?symbol=ETHBTC", 200); got.Frames == nil || len(got.Frames) != 0 {
		t.Errorf("%+v", got)
	}
}

// TestSymbolStates wants /v1/symbols to tell the trading state.
func TestSymbolStates(t *testing.T) {
	g := newRig(t)
	g.market.halt(1)
	_, body := g.get(t, "/v1/symbols")
	if strings.Count(body, `"state":"trading"`) != 2 || !strings.Contains(body, `"ETHUSDT","base":"ETH","quote":"USDT","tick":"0.01","lot":"0.001","state":"halt"`) {
		t.Error(body)
	}
}

func TestPollWaits(t *testing.T) {
	g := newRig(t)
	g.market.publish(20, 0)
	cursor := g.ask(t, "/v1/poll?streams=trade.*,bbo.*", 200).Cursor
	if a := g.ask(t, "/v1/poll?streams=trade.*,bbo.*&wait=0&cursor="+cursor, 200); len(a.Frames) != 0 || a.Cursor != cursor {
		t.Errorf("%+v; want nothing at %s", a, cursor)
	}
	p := g.dial(t)
	p.write([]byte("GET /v1/poll?streams=bbo.ETHUSDT&wait=60&cursor=" + cursor + " HTTP/1.1\r\nHost: feed.test\r\n\r\n"))
	g.eventually("it waits", func() bool { return g.scrape(t)["polls_waiting"] == 1 })
	p.write([]byte("GET /v1/symbols HTTP/1.1\r\nHost: feed.test\r\n\r\n")) // behind it: kept for its turn
	g.market.publish(10, 0)                                                // nothing that it wants
	g.market.publish(10, 1)
	a := p.answered(200)
	begins(t, a.texts(), `{"stream":"bbo.ETHUSDT","seq":`)
	if res, body := p.answer(); res.StatusCode != 200 || !strings.HasPrefix(body, `{"symbols":`) {
		t.Errorf("the next request: %s %s", res.Status, body)
	}
	// The connection goes on.
	p.write([]byte("GET /v1/poll?streams=bbo.ETHUSDT&wait=60&cursor=" + a.Cursor + " HTTP/1.1\r\nHost: feed.test\r\n\r\n"))
	g.eventually("it waits", func() bool { return g.server.waiting.Load() == 1 })
	p.conn.Close()
	g.eventually("it is over", func() bool { return g.server.waiting.Load() == 0 })
	g.quiet()
}

func TestPollLimit(t *testing.T) {
	g := newRig(t)
	g.market.publish(20, 0)
	path := "/v1/poll?streams=trade.BTCUSDT,book.BTCUSDT,bbo.BTCUSDT&wait=0&limit="
	w := g.connect(t, "?heartbeat=0&streams=trade.BTCUSDT,book.BTCUSDT")
	w.expect(`{"op":"subscribed",`)
	w.settle("ready")
	cursor := g.ask(t, path+"1", 200).Cursor
	g.market.publish(300, 0)
	want := w.settle("all")
	for _, limit := range []string{"1", "7", "1000"} {
		at := cursor
		var got []string
		for {
			a := g.ask(t, path+limit+"&cursor="+at, 200)
			if n, _ := strconv.Atoi(limit); len(a.Frames) > n {
				t.Fatalf("%d frames of %s", len(a.Frames), limit)
			}
			if len(a.Frames) == 0 {
				break
			}
			for _, f := range a.texts() {
				if !strings.HasPrefix(f, `{"stream":"bbo.`) {
					got = append(got, f)
				}
			}
			at = a.Cursor
		}
		if strings.Join(got, "\n") != strings.Join(want, "\n") {
			t.Errorf("limit %s: %d frames; want %d", limit, len(got), len(want))
		}
	}
}

func TestPollCursors(t *testing.T) {
	g := newRig(t)
	g.market.publish(50, 0)
	book := g.seq(t, "book.BTCUSDT")
	gap := `{"op":"gap","stream":"book.BTCUSDT","from":null,"to":` + strconv.FormatUint(book, 10)
	image := fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,"type":"snapshot"`, book)
	for _, cursor := range []string{"old:3", "k7:99999999", "x", "%ff%00", strings.Repeat("9", 500)} {
		a := g.ask(t, "/v1/poll?streams=book.BTCUSDT&cursor="+cursor, 200)
		begins(t, a.texts(), gap+`,"reason":"epoch"}`, image)
		a = g.ask(t, "/v1/poll?wait=0&streams=book.BTCUSDT&cursor="+url.QueryEscape(a.Cursor), 200)
		begins(t, a.texts())
	}
	g.market.publish(25_000, 0)
	a := g.ask(t, "/v1/poll?streams=book.BTCUSDT&cursor=k7:3", 200)
	if len(a.Frames) < 2 || !strings.HasPrefix(string(a.Frames[0]), `{"op":"gap","stream":"book.BTCUSDT","from":null,`) || !strings.Contains(string(a.Frames[0]), `"history"`) ||
		!strings.Contains(string(a.Frames[1]), `"snapshot"`) {
		t.Errorf("%d: %.300s", len(a.Frames), a.Frames)
	}
	book, trade := g.seq(t, "book.BTCUSDT"), g.seq(t, "trade.BTCUSDT")
	since := fmt.Sprintf("&since=k7:book.BTCUSDT=%d,trade.BTCUSDT=%d,bbo.NONE=1", book-1, trade)
	begins(t, g.ask(t, "/v1/poll?streams=book.BTCUSDT,trade.*&"+since, 200).texts(), fmt.Sprintf(`{"stream":"book.BTCUSDT","seq":%d,"type":"delta"`, book))
	begins(t, g.ask(t, "/v1/poll?streams=trade.BTCUSDT&since=old:trade.BTCUSDT=1", 200).texts(), fmt.Sprintf(`{"op":"gap","stream":"trade.BTCUSDT","from":null,"to":%d,"reason":"epoch"}`, trade))
}

// TestPollDrain wants those who wait to be answered at once, and none to begin.
func TestPollDrain(t *testing.T) {
	g := newRig(t)
	cursor := g.ask(t, "/v1/poll?streams=trade.*", 200).Cursor
	p := g.dial(t)
	p.write([]byte("GET /v1/poll?streams=trade.*&wait=60&cursor=" + cursor + " HTTP/1.1\r\nHost: feed.test\r\n\r\n"))
	g.eventually("it waits", func() bool { return g.server.waiting.Load() == 1 })
	hold := g.connect(t, "")
	done := make(chan struct{})
	go func() {
		defer close(done)
		g.server.Shutdown(t.Context(), time.Hour)
	}()
	if a := p.answered(200); len(a.Frames) != 0 || a.Cursor != cursor {
		t.Errorf("%+v", a)
	}
	late := g.ask(t, "/v1/poll?streams=trade.*&wait=60&cursor="+cursor, 503)
	if late.Error.Code != "shutdown" {
		t.Errorf("%+v", late)
	}
	hold.conn.Close()
	<-done
}
