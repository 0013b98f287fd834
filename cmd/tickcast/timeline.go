package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"strings"
	"time"

	"go.yaml.in/yaml/v3"

	"tickcast/marketsim"
	"tickcast/wire"
)

// timelineFlags say what happens to a simulated market, and when.
type timelineFlags struct {
	Scenario []string `help:"A scenario, NAME or NAME@TIME of the market, for all symbols: calm, normal, busy, illiquid, open, close, trend, news, flash-crash, halt, limit-band, microburst or quote-stuffing; may be given again (${env})." placeholder:"NAME[@TIME]"`
	Timeline string   `help:"A YAML file of scenarios, see sim --help (${env})." placeholder:"FILE"`
}

// timelineHelp has a YAML comment so that its block does not begin with a dash:
// it would be shown as a list, its lines filled up.
const timelineHelp = `A timeline is a YAML list. Only at and scenario are needed:

  # a flash crash after a minute and a half
  - at: 90s
    scenario: flash-crash
    symbols: [BTCUSDT, ETHUSDT]      all of them if left out
    duration: 5m                     the scenario's own if left out
    size: 0.09                       share of the price, at most 0.15; trend, news
                                     and limit-band may be negative: downwards`

// scenarioDelay is when a scenario given without a time begins, so that there is
// a market that it changes. Modes and the open begin at once.
const scenarioDelay = 10 * time.Second

// cues returns what the flags ask for.
func (f *timelineFlags) cues() ([]marketsim.Cue, error) {
	var cues []marketsim.Cue
	for _, text := range f.Scenario {
		c, err := parseScenarioFlag(text)
		if err != nil {
			return nil, err
		}
		cues = append(cues, c)
	}
	if f.Timeline == "" {
		return cues, nil
	}
	file, err := os.Open(f.Timeline)
	if err != nil {
		return nil, fmt.Errorf("timeline: %w", err)
	}
	defer file.Close()
	more, err := parseTimeline(io.LimitReader(file, timelineBytesMax))
	if err != nil {
		return nil, fmt.Errorf("timeline %s: %w", f.Timeline, err)
	}
	return append(cues, more...), nil
}

// timelineBytesMax bounds a timeline: a hundred thousand entries.
const timelineBytesMax = 8 << 20

func parseScenarioFlag(text string) (marketsim.Cue, error) {
	name, at, timed := strings.Cut(text, "@")
	s, err := marketsim.ParseScenario(name)
	if err != nil {
		return marketsim.Cue{}, err
	}
	c := marketsim.Cue{Scenario: s}
	switch {
	case timed:
		d, err := time.ParseDuration(at)
		if err != nil || d < 0 {
			return marketsim.Cue{}, fmt.Errorf("scenario %.64q: want NAME@TIME, for example %s@90s", text, name)
		}
		c.At = int64(d)
	case s > marketsim.ScenarioOpen:
		c.At = int64(scenarioDelay)
	}
	return c, nil
}

// timelineEntry is an entry of the YAML list.
type timelineEntry struct {
	At       *time.Duration `yaml:"at"`
	Scenario string         `yaml:"scenario"`
	Symbols  []string       `yaml:"symbols"`
	Duration time.Duration  `yaml:"duration"`
	Size     float64        `yaml:"size"`
}

// parseTimeline reads a timeline. Its errors name the entry.
func parseTimeline(r io.Reader) ([]marketsim.Cue, error) {
	d := yaml.NewDecoder(r)
	d.KnownFields(true)
	var entries []timelineEntry
	if err := d.Decode(&entries); err != nil && !errors.Is(err, io.EOF) {
		return nil, err
	}
	var cues []marketsim.Cue
	for i := range entries {
		more, err := entries[i].cues()
		if err != nil {
			return nil, fmt.Errorf("entry %d: %w", i+1, err)
		}
		cues = append(cues, more...)
	}
	return cues, nil
}

func (t *timelineEntry) cues() ([]marketsim.Cue, error) {
	s, err := marketsim.ParseScenario(t.Scenario)
	if err != nil {
		return nil, err
	}
	if t.At == nil {
		return nil, errors.New("no time: at is missing")
	}
	perMille := math.Round(t.Size * 1000)
	if math.IsNaN(perMille) || math.Abs(perMille) > marketsim.SizeMax || t.Size != 0 && perMille == 0 {
		return nil, fmt.Errorf("size %g: want a share of the price from 0.001 to %g", t.Size, marketsim.SizeMax/1000.0)
	}
	c := marketsim.Cue{At: int64(*t.At), Scenario: s, Duration: int64(t.Duration), Size: int(perMille)}
	if len(t.Symbols) == 0 {
		return []marketsim.Cue{c}, nil
	}
	var cues []marketsim.Cue
	for _, name := range t.Symbols {
		if c.Symbol, err = wire.ParseSymbol(name); err != nil {
			return nil, err
		}
		cues = append(cues, c)
	}
	return cues, nil
}
