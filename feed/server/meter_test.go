package server

import (
	"net/netip"
	"testing"
	"time"
)

func TestMeter(t *testing.T) {
	m := newMeter(20)
	now := time.Unix(1, 0)
	allow := func(address string, want bool) {
		t.Helper()
		if got := m.allow(netip.MustParseAddr(address), now); got != want {
			t.Errorf("%s: %v; want %v", address, got, want)
		}
	}
	for range 20 {
		allow("203.0.113.1", true)
		allow("127.0.0.1", true)
		allow("2001:db8::1", true)
	}
	allow("203.0.113.1", false)
	allow("127.0.0.1", false)
	allow("2001:db8::2", false) // the same customer
	allow("2001:db8:0:1::1", true)
	now = now.Add(49 * time.Millisecond)
	allow("203.0.113.1", false)
	now = now.Add(time.Millisecond)
	allow("203.0.113.1", true)
	allow("203.0.113.1", false)
	if n := m.refused.Load(); n != 5 {
		t.Errorf("%d refused", n)
	}
	now = now.Add(2 * time.Second)
	allow("203.0.113.2", true)
	if n := len(m.due); n != 1 {
		t.Errorf("%d addresses are remembered", n)
	}
}

// TestMeterIsBounded wants the number of addresses that are remembered to have
// an end, and those that are to be served.
func TestMeterIsBounded(t *testing.T) {
	m := newMeter(20)
	now := time.Unix(1, 0)
	address := netip.MustParseAddr("10.0.0.0")
	first := address
	for range metersMax {
		m.allow(address, now)
		address = address.Next()
	}
	if m.allow(address, now) || !m.allow(first, now) {
		t.Error("a newcomer has to wait, an old hand does not")
	}
	now = now.Add(time.Second)
	if !m.allow(address, now) || len(m.due) > 1 {
		t.Errorf("%d addresses are remembered", len(m.due))
	}
}

// TestTooManyRequests asks the REST routes too much.
func TestTooManyRequests(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Requests = 3 })
	limited := 0
	for range 5 {
		res, body := request(t, "GET", g.main, "/v1/symbols", "Origin: http://"+g.main)
		if res.StatusCode != 429 {
			continue
		}
		limited++
		checkRefusal(t, res, body, "limit_rate")
		if res.Header.Get("Retry-After") != "1" || res.Header.Get("Access-Control-Allow-Origin") == "" {
			t.Errorf("%v", res.Header)
		}
	}
	if limited == 0 || g.scrape(t)["limit_total{limit=snapshots}"] != float64(limited) {
		t.Errorf("%d limited, metrics say %v", limited, g.scrape(t)["limit_total{limit=snapshots}"])
	}
	g.connect(t, "") // is another matter
	for _, path := range []string{"/", "/livez", "/readyz"} {
		if res, _ := request(t, "GET", g.main, path); res.StatusCode != 200 {
			t.Errorf("%s: %s", path, res.Status)
		}
	}
	for _, free := range []func(*Config){
		func(c *Config) { c.Requests = Unlimited },
		func(c *Config) { c.PerAddress, c.Connections, c.Requests = 100, 100, 1 }, // a proxy's
	} {
		g := newRig(t, free)
		for range 25 {
			if res, _ := request(t, "GET", g.main, "/v1/symbols"); res.StatusCode != 200 {
				t.Fatal(res.Status)
			}
		}
	}
}

// Every route whose answer is work is limited, and a poll that goes on is not.
func TestTooManyRequestsOfEveryRoute(t *testing.T) {
	for path, limited := range map[string]bool{
		"/v1/symbols":                                     true,
		"/v1/snapshot?streams=bbo.BTCUSDT":                true,
		"/v1/trades?symbol=BTCUSDT":                       true,
		"/v1/candles?symbol=BTCUSDT&interval=1m":          true,
		"/v1/poll?streams=bbo.BTCUSDT":                    true,
		"/v1/poll?streams=bbo.BTCUSDT&cursor=k7:0&wait=0": false,
	} {
		g := newRig(t, func(c *Config) { c.Requests = 2 })
		refused := 0
		for range 8 {
			if res, body := request(t, "GET", g.main, path); res.StatusCode == 429 {
				refused++
				checkRefusal(t, res, body, "limit_rate")
			} else if res.StatusCode != 200 {
				t.Fatalf("%s: %s %s", path, res.Status, body)
			}
		}
		if (refused > 0) != limited {
			t.Errorf("%s: %d of 8 refused", path, refused)
		}
	}
}
