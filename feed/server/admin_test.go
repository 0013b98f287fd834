package server

import (
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// request asks a face of the server; header lines are "Name: value".
func request(t *testing.T, method, address, path string, header ...string) (*http.Response, string) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, h := range header {
		name, value, _ := strings.Cut(h, ": ")
		r.Header.Set(name, value)
	}
	res, err := (&http.Transport{DisableKeepAlives: true}).RoundTrip(r)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res, string(body)
}

func TestLoadAndStall(t *testing.T) {
	var rate atomic.Value
	var stalled atomic.Int64
	g := newRig(t, func(c *Config) {
		c.Load = func(r float64) int64 { rate.Store(r); return 42 }
		c.Stall = func(d time.Duration) { stalled.Store(int64(d)) }
	})
	for _, c := range []struct {
		method, path string
		status       int
		body         string
	}{
		{"GET", "/v1/load?rate=1000.5", 200, `{"rate":1000.5,"published":42}`},
		{"POST", "/v1/load?rate=0", 200, `{"rate":0,"published":42}`},
		{"GET", "/v1/load?rate=1e8", 200, `{"rate":100000000,"published":42}`},
		{"GET", "/v1/load?rate=1e9", 400, ""},
		{"GET", "/v1/load?rate=-1", 400, ""},
		{"GET", "/v1/load?rate=NaN", 400, ""},
		{"GET", "/v1/load?rate=Inf", 400, ""},
		{"GET", "/v1/load?rate=1e999", 400, ""},
		{"GET", "/v1/load?rate=", 400, ""},
		{"GET", "/v1/load", 400, ""},
		{"DELETE", "/v1/load?rate=1", 405, ""},
		{"POST", "/v1/stall?ms=250", 200, `{"stalled_ms":250}`},
		{"GET", "/v1/stall?ms=250", 405, ""},
		{"POST", "/v1/stall?ms=10001", 400, ""},
		{"POST", "/v1/stall?ms=-1", 400, ""},
		{"POST", "/v1/stall?ms=9223372036854775807", 400, ""},
		{"POST", "/v1/stall?ms=1.5", 400, ""},
		{"POST", "/v1/stall", 400, ""},
	} {
		res, body := request(t, c.method, g.admin, c.path)
		if res.StatusCode != c.status || c.body != "" && body != c.body+"\n" {
			t.Errorf("%s %s: %s %s", c.method, c.path, res.Status, body)
		}
		if c.status != 200 {
			checkRefusal(t, res, body, "bad_request")
		}
		if c.status == 405 && res.Header.Get("Allow") == "" {
			t.Errorf("%s %s: no Allow", c.method, c.path)
		}
	}
	if rate.Load() != 1e8 || stalled.Load() != int64(250*time.Millisecond) {
		t.Errorf("rate %v, stalled %v", rate.Load(), stalled.Load())
	}
	// A page of another origin, which a browser of an operator shows.
	for _, h := range []string{"Origin: http://evil.test", "Sec-Fetch-Site: cross-site"} {
		if res, _ := request(t, "POST", g.admin, "/v1/stall?ms=1", h); res.StatusCode != 403 {
			t.Errorf("%s: %s", h, res.Status)
		}
		if res, _ := request(t, "GET", g.admin, "/v1/load?rate=1", h); res.StatusCode != 403 {
			t.Errorf("%s: %s", h, res.Status)
		}
	}
}

func TestAdminRoutes(t *testing.T) {
	plain, profiled := newRig(t), newRig(t, func(c *Config) { c.Profiling = true })
	for _, path := range []string{"/", "/v1/load?rate=1", "/v1/stall", "/v1/stream", "/v1/symbols", "/debug/pprof/", "/debug/pprof"} {
		res, body := request(t, "GET", plain.admin, path)
		if res.StatusCode != 404 {
			t.Errorf("%s: %s", path, res.Status)
		}
		checkRefusal(t, res, body, "not_found")
	}
	for _, path := range []string{"/metrics", "/livez", "/readyz"} {
		if res, body := request(t, "GET", plain.admin, path); res.StatusCode != 200 || body == "" {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	if res, _ := request(t, "GET", profiled.admin, "/debug/pprof/cmdline"); res.StatusCode != 200 {
		t.Errorf("pprof: %s", res.Status)
	}
	if res, _ := request(t, "GET", profiled.admin, "/debug/pprofessor"); res.StatusCode != 404 {
		t.Errorf("not pprof: %s", res.Status)
	}
}

func TestSymbols(t *testing.T) {
	g := newRig(t)
	res, body := request(t, "GET", g.main, "/v1/symbols")
	if res.StatusCode != 200 || res.Header.Get("Content-Type") != "application/json" || res.Header.Get("X-Content-Type-Options") != "nosniff" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	type symbol struct{ Symbol, Base, Quote, Tick, Lot, State string }
	var got struct{ Symbols []symbol }
	if err := json.Unmarshal([]byte(body), &got); err != nil {
		t.Fatal(err)
	}
	want := []symbol{
		{"BTCUSDT", "BTC", "USDT", "0.01", "0.001", "trading"},
		{"ETHUSDT", "ETH", "USDT", "0.01", "0.001", "trading"},
		{"ETHBTC", "ETH", "BTC", "0.01", "0.001", "trading"},
	}
	if d := cmp.Diff(want, got.Symbols); d != "" {
		t.Error(d)
	}
	if head, none := request(t, "HEAD", g.main, "/v1/symbols"); head.StatusCode != 200 || none != "" || head.ContentLength != int64(len(body)) {
		t.Errorf("HEAD: %s %q, length %d; want %d", head.Status, none, head.ContentLength, len(body))
	}
	if res, _ := request(t, "PUT", g.main, "/v1/symbols"); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD, OPTIONS" {
		t.Errorf("PUT: %s, allow %q", res.Status, res.Header.Get("Allow"))
	}
}

func TestCORS(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Origins = []string{"https://desk.example"} })
	for _, c := range []struct{ origin, allowed string }{
		{"https://desk.example", "https://desk.example"},
		{"http://" + g.main, "http://" + g.main},
		{"https://evil.test", ""},
		{"null", ""},
	} {
		for _, method := range []string{"GET", "OPTIONS"} {
			res, body := request(t, method, g.main, "/v1/symbols", "Origin: "+c.origin)
			if got := res.Header.Get("Access-Control-Allow-Origin"); got != c.allowed {
				t.Errorf("%s %s: allows %q", method, c.origin, got)
			}
			if res.Header.Get("Vary") != "Origin" {
				t.Errorf("%s %s: Vary %q", method, c.origin, res.Header.Get("Vary"))
			}
			if method == "OPTIONS" && (res.StatusCode != 204 || body != "" || res.Header.Get("Access-Control-Allow-Methods") != "GET, HEAD, OPTIONS") {
				t.Errorf("preflight of %s: %s %v", c.origin, res.Status, res.Header)
			}
		}
	}
}

func TestPage(t *testing.T) {
	g := newRig(t)
	res, body := request(t, "GET", g.main, "/")
	if res.StatusCode != 200 || !strings.HasPrefix(strings.ToLower(body), "<!doctype html>") {
		t.Fatalf("%s %.100s", res.Status, body)
	}
	kinds := map[string]string{
		".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	}
	seen := make(map[string]bool)
	for path, file := range g.server.page {
		res, got := request(t, "GET", g.main, path)
		if res.StatusCode != 200 || got != string(file.body) {
			t.Errorf("%s: %s, %d bytes", path, res.Status, len(got))
		}
		dot := strings.LastIndex(path, ".")
		ending := path[max(dot, 0):]
		if path == "/" {
			ending = ".html"
		}
		seen[ending] = true
		if want := kinds[ending]; want != "" && res.Header.Get("Content-Type") != want {
			t.Errorf("%s: %q; want %q", path, res.Header.Get("Content-Type"), want)
		}
		for name, want := range map[string]string{
			"Content-Security-Policy": g.server.cfg.Policy, "X-Content-Type-Options": "nosniff", "Referrer-Policy": "no-referrer", "Cache-Control": "no-cache",
		} {
			if res.Header.Get(name) != want || want == "" {
				t.Errorf("%s: %s %q", path, name, res.Header.Get(name))
			}
		}
		if head, none := request(t, "HEAD", g.main, path); head.StatusCode != 200 || none != "" || head.ContentLength != int64(len(file.body)) {
			t.Errorf("HEAD %s: %s, %d bytes", path, head.Status, head.ContentLength)
		}
		if res, _ := request(t, "POST", g.main, path); res.StatusCode != 405 || res.Header.Get("Allow") != "GET, HEAD" {
			t.Errorf("POST %s: %s %q", path, res.Status, res.Header.Get("Allow"))
		}
	}
	for ending := range kinds {
		if !seen[ending] {
			t.Errorf("the page has no %s", ending)
		}
	}
	for _, path := range []string{"/none", "/page/", "/../server.go", "/..%2fserver.go", "/v1/", "/%00", "/index.html/"} {
		res, body := g.get(t, path)
		if res.StatusCode != 404 && res.StatusCode != 400 {
			t.Errorf("%s: %s %.80s", path, res.Status, body)
		}
	}
}

func TestNoPage(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Web = nil })
	if res, _ := request(t, "GET", g.main, "/"); res.StatusCode != 404 {
		t.Error(res.Status)
	}
}

// TestPanic wants the panic of a handler to be an answer and a count.
func TestPanic(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Load = func(float64) int64 { panic("load") } })
	res, body := request(t, "GET", g.admin, "/v1/load?rate=1")
	if res.StatusCode != 500 {
		t.Error(res.Status)
	}
	checkRefusal(t, res, body, "internal")
	if n := g.scrape(t)["panics_total"]; n != 1 {
		t.Errorf("%v panics", n)
	}
}
