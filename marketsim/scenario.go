package marketsim

import (
	"cmp"
	"fmt"
	"slices"

	"tickcast/wire"
)

// Scenario is something that happens to a market at a time. The zero Scenario
// is invalid.
type Scenario uint8

// The scenarios. Modes last until the next mode, or for the cue's duration; the
// others have an end of their own and do not overlap on a symbol. Rates are
// those of events; a size is a share of the price.
const (
	ScenarioCalm          Scenario = iota + 1 // mode: half the rate, half the volatility
	ScenarioNormal                            // mode: as listed
	ScenarioBusy                              // mode: three times the rate, more trades
	ScenarioIlliquid                          // mode: a quarter of the rate and of the orders, three times the spread
	ScenarioOpen                              // an auction of 30 s, then a busy start
	ScenarioClose                             // a busy end, an auction of 30 s, then nothing more
	ScenarioTrend                             // the price drifts by its size, up or down
	ScenarioNews                              // the price jumps by its size, then a busy time
	ScenarioFlashCrash                        // the price falls by its size within a fifth of the duration and comes back
	ScenarioHalt                              // no trades for the duration, then an auction of 30 s
	ScenarioLimitBand                         // the price runs into a band of its size: limit state, pause, auction
	ScenarioMicroburst                        // 200 times the rate for 50 ms
	ScenarioQuoteStuffing                     // 50 times the rate in orders that are cancelled at once
)

var scenarioNames = [...]string{
	"invalid", "calm", "normal", "busy", "illiquid", "open", "close", "trend", "news", "flash-crash",
	"halt", "limit-band", "microburst", "quote-stuffing",
}

// String returns the scenario's name as it stands on command lines.
func (s Scenario) String() string {
	if int(s) < len(scenarioNames) {
		return scenarioNames[s]
	}
	return scenarioNames[0]
}

// ParseScenario returns the scenario of a name, or an error that wraps
// ErrConfig.
func ParseScenario(name string) (Scenario, error) {
	if i := slices.Index(scenarioNames[1:], name); i >= 0 {
		return Scenario(i + 1), nil
	}
	return 0, fmt.Errorf("%w: no scenario %.32q", ErrConfig, name)
}

// Auctions reports whether the scenario holds a call auction, in which the book
// is crossed until it ends.
func (s Scenario) Auctions() bool {
	return s == ScenarioOpen || s == ScenarioClose || s == ScenarioHalt || s == ScenarioLimitBand
}

// mode reports whether the scenario has no end of its own.
func (s Scenario) mode() bool { return s >= ScenarioCalm && s <= ScenarioIlliquid }

// erupts reports whether the scenario has many times the usual events.
func (s Scenario) erupts() bool { return s == ScenarioMicroburst || s == ScenarioQuoteStuffing }

// Cue is an entry of a timeline: a scenario at a market time.
type Cue struct {
	At       int64 // market time, ns
	Scenario Scenario
	Symbol   wire.Symbol // "" for all
	Duration int64       // ns; 0 for the scenario's own, of a mode for ever
	// Size is a share of the price in per mille, at most SizeMax; 0 for the
	// scenario's own. Negative ones lead down, where a scenario has a direction.
	Size int
}

// SizeMax bounds the size of a cue, per mille: beyond it the price would leave
// the neighbourhood of its opening, to which it is bound.
const SizeMax = 150

const (
	secondNanos = int64(1e9)
	minuteNanos = 60 * secondNanos

	auctionNanos = 30 * secondNanos // of every call auction

	limitNanos = 15 * secondNanos // in a limit state before trading pauses
	pauseNanos = 5 * minuteNanos  // of trading after a limit state, its auction included
)

// defaults of durations and sizes, by scenario.
var defaults = [len(scenarioNames)]struct {
	duration int64
	size     int
}{
	ScenarioOpen:          {duration: 5 * minuteNanos},
	ScenarioClose:         {duration: 5 * minuteNanos},
	ScenarioTrend:         {duration: 5 * minuteNanos, size: 20},
	ScenarioNews:          {duration: 2 * minuteNanos, size: 10},
	ScenarioFlashCrash:    {duration: 5 * minuteNanos, size: 90},
	ScenarioHalt:          {duration: minuteNanos},
	ScenarioLimitBand:     {duration: 20 * minuteNanos, size: 50},
	ScenarioMicroburst:    {duration: 50e6},
	ScenarioQuoteStuffing: {duration: 5 * secondNanos},
}

// length returns how long the scenario keeps others out; 0 for modes.
func (c *Cue) length() int64 {
	switch c.Scenario {
	case ScenarioHalt, ScenarioOpen, ScenarioClose:
		return c.Duration + auctionNanos
	case ScenarioCalm, ScenarioNormal, ScenarioBusy, ScenarioIlliquid:
		return 0
	default:
		return c.Duration
	}
}

// check fills in what the cue leaves to the scenario.
func (c *Cue) check() error {
	if c.Scenario == 0 || int(c.Scenario) >= len(scenarioNames) {
		return fmt.Errorf("%w: cue at %d: scenario %d", ErrConfig, c.At, c.Scenario)
	}
	d := defaults[c.Scenario]
	switch {
	case c.At < 0 || c.Duration < 0:
		return fmt.Errorf("%w: %s at %d ns for %d ns", ErrConfig, c.Scenario, c.At, c.Duration)
	case c.Size != 0 && d.size == 0:
		return fmt.Errorf("%w: %s has no size", ErrConfig, c.Scenario)
	case c.Size < -SizeMax || c.Size > SizeMax:
		return fmt.Errorf("%w: %s of %d/1000; want at most %d/1000", ErrConfig, c.Scenario, c.Size, SizeMax)
	}
	if c.Duration == 0 {
		c.Duration = d.duration
	}
	return nil
}

// cuesOf returns the cues of a symbol in order, checked.
func cuesOf(timeline []Cue, symbol wire.Symbol) ([]Cue, error) {
	var cues []Cue
	for _, c := range timeline {
		if c.Symbol != "" && c.Symbol != symbol {
			continue
		}
		if err := c.check(); err != nil {
			return nil, err
		}
		cues = append(cues, c)
	}
	slices.SortStableFunc(cues, func(a, b Cue) int { return cmp.Compare(a.At, b.At) })
	var last *Cue
	for i := range cues {
		c := &cues[i]
		if c.Scenario.mode() {
			continue
		}
		if last != nil && c.At < last.At+last.length() {
			return nil, fmt.Errorf("%w: %s: %s begins before %s has ended", ErrConfig, symbol, c.Scenario, last.Scenario)
		}
		last = c
	}
	return cues, nil
}

// checkTimeline finds cues of symbols that are not there.
func checkTimeline(timeline []Cue, instruments []wire.Instrument) error {
	for i := range timeline {
		c := &timeline[i]
		known := func(in wire.Instrument) bool { return in.Symbol == c.Symbol }
		if c.Symbol != "" && !slices.ContainsFunc(instruments, known) {
			return fmt.Errorf("%w: %s: no symbol %.32q", ErrConfig, c.Scenario, c.Symbol)
		}
	}
	return nil
}
