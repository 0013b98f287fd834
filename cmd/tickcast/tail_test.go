package main

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/google/go-cmp/cmp"
)

// scriptedFeed answers the n-th connection with the n-th list of frames, after
// the request; a number closes it with that code. What clients asked for is
// kept in requests.
type scriptedFeed struct {
	url string

	mu       sync.Mutex
	scripts  [][]string
	requests []string
}

func newScriptedFeed(t *testing.T, scripts ...[]string) *scriptedFeed {
	t.Helper()
	f := &scriptedFeed{scripts: scripts}
	srv := httptest.NewServer(f)
	t.Cleanup(srv.Close)
	f.url = "ws" + strings.TrimPrefix(srv.URL, "http")
	return f
}

func (f *scriptedFeed) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	f.mu.Lock()
	var script []string
	if len(f.scripts) > 0 {
		script, f.scripts = f.scripts[0], f.scripts[1:]
	}
	f.mu.Unlock()
	now := time.Now().UnixMicro()
	send := func(text string) { _ = ws.WriteMessage(websocket.TextMessage, []byte(text)) }
	send(fmt.Sprintf(`{"op":"hello","conn":"c1","epoch":"k7","ts":1,"heartbeat":15,"limits":{},"formats":["json"],`+
		`"clock":{"base":0,"speed":1,"market":%d,"wall":%d},"faults":[],"features":[],"server":"fake/1"}`, now, now))
	_, request, err := ws.ReadMessage()
	if err != nil {
		return
	}
	f.mu.Lock()
	f.requests = append(f.requests, string(request))
	f.mu.Unlock()
	for _, line := range script {
		var code int
		if n, _ := fmt.Sscanf(line, "close %d", &code); n == 1 {
			_ = ws.WriteControl(websocket.CloseMessage, websocket.FormatCloseMessage(code, "scripted"), time.Now().Add(time.Second))
			return
		}
		send(line)
	}
	_, _, _ = ws.ReadMessage() // until the client leaves
}

// tail runs the command and returns its exit code, output and errors.
func tail(t *testing.T, f *scriptedFeed, args ...string) (code int, stdout, stderr string) {
	t.Helper()
	var out, errs bytes.Buffer
	code = run(t.Context(), append([]string{"tail", "--url", f.url}, args...), nil, &out, &errs)
	return code, out.String(), errs.String()
}

func ack(stream string, seq int, recovered bool) string {
	return fmt.Sprintf(`{"op":"subscribed","id":1,"streams":[{"stream":"%s","cursor":"k7:%d","recovered":%v}],"errors":[]}`, stream, seq, recovered)
}

func trade(seq int) string {
	now := time.Now().UnixMicro()
	return fmt.Sprintf(`{"stream":"trade.A","seq":%d,"id":%d,"price":"1","qty":"1","side":"buy","ts":%d,"tp":%d}`, seq, seq, now, now)
}

func contains(t *testing.T, text string, wants ...string) {
	t.Helper()
	for _, want := range wants {
		if !strings.Contains(text, want) {
			t.Errorf("no %q in:\n%s", want, text)
		}
	}
}

func TestTailPrintsFrames(t *testing.T) {
	first, second := trade(11), trade(12)
	script := []string{
		ack("trade.A", 10, false), first,
		`{"op":"conflated","frames":412,"streams":37,"reason":"slow"}`,
		`{"op":"notice","code":"faults","faults":["drop"]}`,
		`{"op":"notice","code":"clock","clock":{"base":0,"speed":2,"market":1,"wall":1}}`,
		`{"op":"error","code":"bad_request","message":"no"}`,
		second, trade(13),
	}
	code, stdout, stderr := tail(t, newScriptedFeed(t, script), "trade.A", "--count", "2")
	if d := cmp.Diff(first+"\n"+second+"\n", stdout); d != "" || code != 0 {
		t.Errorf("exit code %d: %s", code, d)
	}
	contains(t, stderr, "412 frames of 37 streams", `["drop"]`, "speed 2", "bad_request: no")
	code, stdout, _ = tail(t, newScriptedFeed(t, script), "trade.A", "--count", "1", "--control")
	if lines := strings.Split(stdout, "\n"); code != 0 || len(lines) != 4 || lines[1] != script[0] || lines[2] != first {
		t.Errorf("exit code %d: %q", code, stdout)
	}
}

func TestTailResumes(t *testing.T) {
	f := newScriptedFeed(t,
		[]string{ack("trade.A", 10, false), trade(11), trade(12), "close 4001"},
		[]string{ack("trade.A", 12, true), trade(13)},
	)
	code, stdout, stderr := tail(t, f, "trade.*", "--count", "3")
	seqs := regexp.MustCompile(`"seq":(\d+)`).FindAllString(stdout, -1)
	if d := cmp.Diff([]string{`"seq":11`, `"seq":12`, `"seq":13`}, seqs); d != "" || code != 0 {
		t.Errorf("exit code %d: %s", code, d)
	}
	want := []string{
		`{"op":"subscribe","id":1,"streams":["trade.*"]}`,
		`{"op":"subscribe","id":1,"streams":["trade.*"],"since":{"trade.A":"k7:12"}}`,
	}
	if d := cmp.Diff(want, f.requests); d != "" {
		t.Error(d)
	}
	contains(t, stderr, "4001 restart", "reconnecting in")
}

func TestTailEnds(t *testing.T) {
	ends := func(script []string, code int, message string, args ...string) {
		t.Helper()
		got, _, stderr := tail(t, newScriptedFeed(t, script), append(args, "trade.A")...)
		if got != code {
			t.Errorf("%q: exit code %d, want %d", script, got, code)
		}
		contains(t, stderr, message)
	}
	ends([]string{"close 4500"}, 1, "bad credentials")
	ends([]string{"close 4001"}, 1, "restart", "--no-reconnect")
	ends([]string{`{"op":"subscribed","id":1,"streams":[],"errors":[{"stream":"trade.A","code":"unknown_symbol","message":"no such symbol","near":["AB","AC"]}]}`},
		1, "(there is AB, AC)")
	ends(nil, 0, "", "--duration", "50ms")
	if code := run(t.Context(), []string{"tail"}, nil, io.Discard, io.Discard); code != 2 {
		t.Errorf("no streams: exit code %d", code)
	}
	if code := run(t.Context(), []string{"tail", "bbo.A", "--url", "ws://127.0.0.1:1"}, nil, io.Discard, io.Discard); code != 1 {
		t.Errorf("nobody there: exit code %d", code)
	}
}

// Losses of event streams are told, whether the feed announced them or not.
func TestTailLosses(t *testing.T) {
	_, _, stderr := tail(t, newScriptedFeed(t, []string{
		ack("trade.A", 10, false), trade(11),
		`{"op":"gap","stream":"trade.A","from":12,"to":20,"reason":"slow"}`, trade(21), trade(24),
		`{"stream":"book.A","seq":5,"type":"delta"}`, `{"stream":"book.A","seq":9,"type":"snapshot"}`, `{"stream":"book.A","seq":10,"type":"delta"}`,
	}), "trade.A", "book.A", "--count", "6")
	contains(t, stderr, "gap trade.A 12..20 will not come (slow)", "hole trade.A 22..23")
	if n := strings.Count(stderr, "\n"); n != 2 {
		t.Errorf("%d lines:\n%s", n, stderr)
	}
}

func TestTailStats(t *testing.T) {
	code, stdout, _ := tail(t, newScriptedFeed(t, []string{
		ack("trade.A", 11, false), trade(11), trade(12),
		`{"op":"gap","stream":"trade.A","from":13,"to":20,"reason":"slow"}`, trade(21),
	}), "trade.A", "--stats", "--count", "3")
	want := regexp.MustCompile(`^total 3 frames in \S+: \d+ frames/s  [\d.]+ kB/s  1 streams  1 gaps  tp ms p50 \S+ p99 \S+ max \S+  ts ms p50 \S+ p99 \S+ max \S+\n$`)
	if code != 0 || !want.MatchString(stdout) {
		t.Errorf("exit code %d: %q", code, stdout)
	}
}

// A reader that leaves, as head does, is no error.
func TestTailBrokenPipe(t *testing.T) {
	f := newScriptedFeed(t, []string{ack("trade.A", 10, false), trade(11), trade(12)})
	r, w := io.Pipe()
	_ = r.Close()
	var stderr bytes.Buffer
	if code := run(t.Context(), []string{"tail", "trade.A", "--url", f.url}, nil, w, &stderr); code != 0 || stderr.Len() > 0 {
		t.Errorf("exit code %d: %s", code, &stderr)
	}
}
