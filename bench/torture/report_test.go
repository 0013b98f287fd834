package torture

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"
)

func TestLedger(t *testing.T) {
	var l ledger
	for i := range 3 * violationsKept {
		l.note(RuleGap, i, "trade.AAA", "frame %d", i)
	}
	l.server(RuleLeak, "something")
	if l.total() != 3*violationsKept+1 || len(l.kept) != violationsKept+1 {
		t.Errorf("%d in all, %d kept", l.total(), len(l.kept))
	}
	if got, want := l.kept[7].String(), "gap (I1) client 7 trade.AAA: frame 7"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	if got, want := l.kept[violationsKept].String(), "leak (I5): something"; got != want {
		t.Errorf("got %q; want %q", got, want)
	}
	var r Report
	r.judge(&l)
	if err := r.Err(); err == nil || !strings.Contains(err.Error(), "25 violations: gap x 24, leak x 1") {
		t.Error(err)
	}
	for rule := RuleGap; rule < ruleCount; rule++ {
		if rule.String() == "" || rule.String() == Rule(0).String() {
			t.Errorf("rule %d has no name", rule)
		}
	}
}

func TestReport(t *testing.T) {
	r := Report{
		Scenario: "mixed", Quiet: &Phase{Seconds: 1, P99: 1500}, Faults: &Phase{}, Memory: &Memory{},
		Before: &Footprint{}, After: &Footprint{}, Rounds: []Round{{}}, Shutdown: &Ending{}, Warnings: []string{"slow machine"},
	}
	r.judge(&ledger{})
	if err := r.Err(); err != nil {
		t.Error(err)
	}
	var b bytes.Buffer
	if err := r.WriteText(&b); err != nil {
		t.Error(err)
	}
	for _, want := range []string{"p99 1.50 ms (0.00 in a typical second)", "violations       none", "slow machine", "kill 1"} {
		if !strings.Contains(b.String(), want) {
			t.Errorf("no %q in:\n%s", want, &b)
		}
	}
	if _, err := json.Marshal(&r); err != nil {
		t.Error(err)
	}
}

func TestMetrics(t *testing.T) {
	m := parseMetrics([]byte("# HELP a b\n# TYPE a counter\na{code=\"1000\"} 3\na{code=\"4008\"} 2\nab 7\ngo_goroutines 1.2e+01\nbad\n" +
		"tickcast_disconnects_total{code=\"1006\",transport=\"websocket\"} 4\n" +
		"tickcast_disconnects_total{transport=\"sse\",code=\"1006\"} 1\n"))
	if m.sum("a") != 5 || m.sum("ab") != 7 || m[seriesThreads] != 12 || m.ends()["1006"] != 5 || len(m.ends()) != 1 {
		t.Errorf("%v", m)
	}
}

func TestTap(t *testing.T) {
	var out bytes.Buffer
	tap := newTap(&out)
	for _, piece := range []string{
		`{"level":"info","message":"connected"}` + "\n" + `{"level":"info","code":1000,"reason":"","mess`,
		`age":"disconnected"}` + "\n" + `{"level":"info","code":4008,"message":"disconnected"}` + "\n" + `{"level":"warn","message":"w"}` + "\npanic: no JSON\n",
	} {
		if n, err := tap.Write([]byte(piece)); n != len(piece) || err != nil {
			t.Fatal(n, err)
		}
	}
	ends, total, severe := tap.logged()
	if ends[1000] != 1 || ends[4008] != 1 || total != 2 || severe != 1 {
		t.Errorf("%v, %d, %d", ends, total, severe)
	}
	if got := out.String(); got != `{"level":"warn","message":"w"}`+"\npanic: no JSON\n" {
		t.Errorf("passed on %q", got)
	}
}

func TestConfig(t *testing.T) {
	good := Config{Path: "tickcast", Frozen: 0.05, Slow: 0.05, Reconnects: 20}
	if err := good.normalize(); err != nil || good.Duration != 5*time.Minute || good.quiet() != 30*time.Second {
		t.Errorf("%v: %+v", err, good)
	}
	refused := func(want string, change func(*Config)) {
		t.Helper()
		cfg := Config{Path: "tickcast"}
		change(&cfg)
		if err := cfg.normalize(); !errors.Is(err, ErrConfig) || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
	refused("scenario", func(c *Config) { c.Scenario = 9 })
	refused("clients", func(c *Config) { c.Clients = 19_000 })
	refused("symbols", func(c *Config) { c.Symbols = -1 })
	refused("rate", func(c *Config) { c.Rate = -1 })
	refused("duration", func(c *Config) { c.Duration = time.Millisecond })
	refused("shares", func(c *Config) { c.Frozen = 0.5 })
	refused("reconnects", func(c *Config) { c.Reconnects = 1000 })
	refused("binary", func(c *Config) { c.Path = "" })
	refused("admin", func(c *Config) { c.URL = "ws://127.0.0.1:1" })
	refused("starts its own", func(c *Config) { c.URL, c.Admin, c.Scenario = "ws://127.0.0.1:1", "http://127.0.0.1:2", Storm })
	for s := Mixed; s <= Shutdown; s++ {
		if got, err := ParseScenario(s.String()); got != s || err != nil {
			t.Error(got, err)
		}
	}
	if _, err := ParseScenario("invalid"); err == nil {
		t.Error("the invalid scenario is one")
	}
}
