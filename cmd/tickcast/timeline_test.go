package main

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tickcast/feed"
	"tickcast/marketsim"
	"tickcast/wire"
)

func TestParseTimeline(t *testing.T) {
	got, err := parseTimeline(strings.NewReader(`
- {at: 0s, scenario: open}
- at: 90s
  scenario: flash-crash
  symbols: [BTCUSDT, ETHUSDT]
  duration: 4m
  size: 0.05
- at: 1h
  scenario: trend
  size: -0.02
`))
	if err != nil {
		t.Fatal(err)
	}
	crash := marketsim.Cue{
		At: 90e9, Scenario: marketsim.ScenarioFlashCrash, Symbol: "BTCUSDT", Duration: int64(4 * time.Minute), Size: 50,
	}
	other := crash
	other.Symbol = "ETHUSDT"
	want := []marketsim.Cue{
		{Scenario: marketsim.ScenarioOpen},
		crash, other,
		{At: int64(time.Hour), Scenario: marketsim.ScenarioTrend, Size: -20},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if got, err := parseTimeline(strings.NewReader("")); err != nil || len(got) != 0 {
		t.Errorf("empty: got %v, %v", got, err)
	}
	for _, bad := range []string{
		"- {scenario: halt}", "- {at: 5s}", "- {at: 5s, scenario: nope}", "- {at: 5s, scenario: trend, size: 0.5}",
		"- {at: soon, scenario: halt}", "- {at: 5s, scenario: halt, colour: red}", "- {at: 5s, scenario: halt, symbols: [btc]}",
		"at: 5s", "- {at: 5s, scenario: trend, size: 0.0001}", "{", "- {at: 5s, scenario: trend, size: .nan}",
	} {
		if got, err := parseTimeline(strings.NewReader(bad)); err == nil {
			t.Errorf("%s: got %v; want an error", bad, got)
		}
	}
}

func TestParseScenarioFlag(t *testing.T) {
	f := func(text string, want marketsim.Cue) {
		t.Helper()
		if got, err := parseScenarioFlag(text); err != nil || got != want {
			t.Errorf("%s: got %+v, %v; want %+v", text, got, err, want)
		}
	}
	f("busy", marketsim.Cue{Scenario: marketsim.ScenarioBusy})
	f("open", marketsim.Cue{Scenario: marketsim.ScenarioOpen})
	f("halt", marketsim.Cue{Scenario: marketsim.ScenarioHalt, At: 10e9})
	f("halt@1m30s", marketsim.Cue{Scenario: marketsim.ScenarioHalt, At: 90e9})
	for _, bad := range []string{"", "nope", "halt@", "halt@-5s", "halt@x"} {
		if _, err := parseScenarioFlag(bad); err == nil {
			t.Errorf("%q: no error", bad)
		}
	}
}

// TestMarketsFitTheHub pipes every preset and every scenario through a hub,
// which refuses what contradicts its images.
func TestMarketsFitTheHub(t *testing.T) {
	for p := marketsim.PresetCrypto; p <= marketsim.PresetIlliquid; p++ {
		publish(t, p.String(), marketsim.Config{Seed: 5, Symbols: 12, Preset: p}, 30*time.Second)
	}
	for s := marketsim.ScenarioCalm; s <= marketsim.ScenarioQuoteStuffing; s++ {
		cfg := marketsim.Config{Seed: 5, Symbols: 2, Timeline: []marketsim.Cue{{At: 5e9, Scenario: s}}}
		publish(t, s.String(), cfg, 8*time.Minute)
	}
}

func publish(t *testing.T, name string, cfg marketsim.Config, until time.Duration) {
	t.Helper()
	sim, err := marketsim.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := feed.NewHub(feed.Config{Epoch: "test"})
	if err == nil {
		err = hub.List(sim.Instruments()...)
	}
	if err != nil {
		t.Fatal(err)
	}
	var b wire.Batch
	for now := int64(-1); now < int64(until); {
		b.Reset()
		now = sim.Step(&b, int64(until), stepTxnsMax)
		if err := hub.Publish(&b, now); err != nil {
			t.Fatalf("%s at %s: %v", name, time.Duration(now), err)
		}
	}
	if hub.Stats().Events == 0 {
		t.Errorf("%s: nothing was published", name)
	}
}

func TestServeRefusesTimeline(t *testing.T) {
	for _, c := range []serveCmd{
		{Symbols: 1, Speed: "1", Source: "sim", timelineFlags: timelineFlags{Scenario: []string{"nope"}}},
		{Symbols: 1, Speed: "1", Source: "sim", timelineFlags: timelineFlags{Scenario: []string{"trend@10s", "news@11s"}}},
	} {
		if _, err := c.source(&env{}); !errors.Is(err, marketsim.ErrConfig) {
			t.Errorf("%v: got %v; want ErrConfig", c.Scenario, err)
		}
	}
	load := serveCmd{Symbols: 1, Source: "load", timelineFlags: timelineFlags{Scenario: []string{"halt"}}}
	if _, err := load.source(&env{}); err == nil {
		t.Error("a load source took a scenario")
	}
}
