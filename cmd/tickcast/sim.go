package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"strings"
	"time"

	"tickcast/marketsim"
	"tickcast/marketsim/export"
	"tickcast/marketsim/report"
	"tickcast/wire"
)

type simCmd struct {
	Seed     uint64        `default:"1" help:"Seed of the market: the same seed, the same tape (${env})." placeholder:"N"`
	Symbols  int           `default:"10" help:"Number of symbols, the busiest first (${env})." placeholder:"N"`
	Duration time.Duration `xor:"length" help:"Market time to simulate; 1h unless there is a number of events (${env})." placeholder:"D"`
	Events   uint64        `xor:"length" help:"Number of events to simulate: commands to the books with what they set off (${env})." placeholder:"N"`
	Preset   string        `default:"crypto" enum:"crypto,small-tick,large-tick,illiquid" help:"How the market trades: crypto, small-tick, large-tick or illiquid (${env})."`

	timelineFlags

	Branching float64 `default:"0.88" help:"Events that an event sets off in the mean, below 1 (${env})." placeholder:"X"`
	Liquidity float64 `default:"1" help:"Resting orders, as a multiple of the preset's (${env})." placeholder:"X"`
	Tick      string  `help:"Tick of every symbol, instead of the preset's (${env})." placeholder:"X"`

	Out      string `short:"o" help:"Write the tape here; - for standard output (${env})." placeholder:"FILE"`
	Format   string `default:"ndjson" enum:"ndjson,tape,lobster,parquet,csv" help:"ndjson, tape, lobster, parquet or csv (${env})."`
	Report   string `default:"" enum:",text,json,html" help:"Print the stylised facts: text, json or html (${env})."`
	Validate bool   `help:"Print what the configuration implies instead of simulating it (${env})."`
}

// Help is shown by sim --help.
func (simCmd) Help() string {
	return `Simulates a market as fast as possible. The last line is the hash of its tape:

  tape <SHA-256> <number> events

  tickcast sim --duration 24h             how fast, and which tape
  tickcast sim --events 1000000 --out tape.parquet --format parquet
  tickcast sim --preset small-tick --report html > facts.html
  tickcast sim --preset large-tick --validate

LOBSTER's files are named after --out: with --out day they are
day_BTCUSDT_message_10.csv, day_BTCUSDT_orderbook_10.csv and so on.
--report and --out - have standard output for themselves; the tape's line is
the last on standard error then.

` + timelineHelp
}

const durationDefault = time.Hour

// Run simulates, writes and reports.
func (c *simCmd) Run(e *env) error {
	cfg, err := c.config()
	if err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	if c.Validate {
		if err := c.validate(e.stdout, cfg); err != nil {
			return fmt.Errorf("sim: %w", err)
		}
		return nil
	}
	if err := c.simulate(e, cfg); err != nil {
		return fmt.Errorf("sim: %w", err)
	}
	return nil
}

func (c *simCmd) config() (marketsim.Config, error) {
	preset, err := marketsim.ParsePreset(c.Preset)
	if err != nil {
		return marketsim.Config{}, err
	}
	switch {
	case c.Symbols < 1:
		return marketsim.Config{}, fmt.Errorf("%d symbols; want at least 1", c.Symbols)
	case c.Duration < 0:
		return marketsim.Config{}, fmt.Errorf("a duration of %s", c.Duration)
	case c.Out == "-" && c.Report != "":
		return marketsim.Config{}, errors.New("--report and --out - both want standard output")
	case c.Out == "-" && c.Format == export.LOBSTER.String():
		return marketsim.Config{}, errors.New("--format lobster makes two files a symbol: want --out NAME, not -")
	}
	timeline, err := c.cues()
	if err != nil {
		return marketsim.Config{}, err
	}
	cfg := marketsim.Config{
		Timeline: timeline, Seed: c.Seed, Symbols: c.Symbols, Preset: preset, Tick: c.Tick,
		Branching: perMille(c.Branching), Liquidity: perMille(c.Liquidity),
	}
	return cfg, nil
}

// perMille keeps 0, which stands for a default in a Config, apart: it is -1.
func perMille(x float64) int {
	n := math.Round(x * 1000)
	if !(n >= 1) {
		return -1
	}
	return int(min(n, math.MaxInt32))
}

// validate prints what cfg implies.
func (c *simCmd) validate(w io.Writer, cfg marketsim.Config) error {
	implied, err := marketsim.Imply(cfg)
	if err != nil {
		return err
	}
	var b strings.Builder
	fmt.Fprintf(&b, "branching ratio %.3f: stable, an event sets off %.1f others in the end\n\n",
		implied[0].Branching, implied[0].Branching/(1-implied[0].Branching))
	fmt.Fprintf(&b, "%-10s %12s %12s %12s %10s %8s %14s %12s\n",
		"symbol", "events/s", "trades/s", "spread", "bp", "orders", "price", "tick")
	changes, trades := 0.0, 0.0
	for _, i := range implied {
		changes, trades = changes+i.Changes, trades+i.Trades
		fmt.Fprintf(&b, "%-10s %12.1f %12.2f %6.0f ticks %10.2f %8d %14s %12s\n",
			i.Symbol, i.Changes, i.Trades, i.SpreadTicks, i.SpreadShare*1e4, i.Orders, i.Price, i.Tick)
	}
	if len(implied) > 1 {
		fmt.Fprintf(&b, "%-10s %12.1f %12.2f\n", "all", changes, trades)
	}
	_, err = io.WriteString(w, b.String())
	return err
}

// tapeRun is a simulation in progress: what becomes of its transactions.
type tapeRun struct {
	market   *marketsim.Parallel
	out      *tapeFile // nil without --out
	observer *marketsim.Observer
	hash     *marketsim.TapeHash
	events   uint64
	now      int64
}

func (c *simCmd) simulate(e *env, cfg marketsim.Config) error {
	until := int64(durationDefault)
	switch {
	case c.Events > 0:
		until = math.MaxInt64
	case c.Duration > 0:
		until = int64(c.Duration)
	}
	market, err := marketsim.NewParallel(cfg, until, 0)
	if err != nil {
		return err
	}
	defer market.Close()
	r := &tapeRun{market: market, hash: marketsim.NewTapeHash()}
	if c.Report != "" {
		if r.observer, err = marketsim.Observe(cfg); err != nil {
			return err
		}
	}
	if r.out, err = c.open(e, market.Instruments()); err != nil {
		return err
	}
	started := time.Now()
	err = errors.Join(c.run(e, r, until), r.out.close())
	market.Close()
	if err != nil {
		return err
	}
	took := time.Since(started)
	fmt.Fprintf(e.stderr, "%d events in %.1f s, %.2f M events/s\n", r.events, took.Seconds(), float64(r.events)/took.Seconds()/1e6)
	line := e.stdout
	if c.Report != "" {
		line = e.stderr
		if err := c.report(e, cfg, r); err != nil {
			return err
		}
	} else if c.Out == "-" {
		line = e.stderr
	}
	if _, err := fmt.Fprintf(line, "tape %x %d events\n", r.hash.Sum(), r.events); err != nil {
		return err
	}
	switch {
	case e.ctx.Err() != nil:
		return fmt.Errorf("interrupted after %s of market time: the tape is shorter than it should be", time.Duration(r.now))
	case r.events < c.Events:
		return fmt.Errorf("the market closed before it had %d events: the tape is shorter than it should be", c.Events)
	}
	return nil
}

// run takes the market through to its end, or until ctx ends.
func (c *simCmd) run(e *env, r *tapeRun, until int64) error {
	line := newProgress(e.stderr, "events")
	defer line.end()
	var b wire.Batch
	for e.ctx.Err() == nil {
		now, ok := r.market.Next(&b)
		if !ok {
			return nil
		}
		r.now = now
		if c.Events > 0 {
			b.Truncate(int(min(c.Events-r.events, math.MaxInt)))
		}
		r.events += uint64(len(b.Txns))
		if err := r.take(&b); err != nil {
			return err
		}
		share := float64(now) / float64(until)
		if c.Events > 0 {
			share = float64(r.events) / float64(c.Events)
		}
		line.advance(len(b.Txns), share)
		if c.Events > 0 && r.events == c.Events {
			return nil
		}
	}
	return nil
}

// take hashes, writes and observes a batch.
func (r *tapeRun) take(b *wire.Batch) error {
	r.hash.Add(b)
	if err := r.out.write(b); err != nil {
		return err
	}
	if r.observer != nil {
		return r.observer.Add(b)
	}
	return nil
}

// report prints the facts. A tape with too few events of the first symbol is
// too short for them: that symbol is simulated again, alone, for longer.
func (c *simCmd) report(e *env, cfg marketsim.Config, r *tapeRun) error {
	if e.ctx.Err() != nil {
		return nil // an interrupted tape has no report
	}
	fmt.Fprintln(e.stderr, "measuring what one tape cannot show: a day of eight symbols, metaorders")
	o := r.observer
	if o.Events() < marketsim.FactsEvents {
		var err error
		if o, err = marketsim.ObserveAlone(cfg, marketsim.FactsEvents); err != nil {
			return err
		}
	}
	facts, err := marketsim.Measure(cfg, o)
	if err != nil {
		return err
	}
	rep := report.New(facts, o.Series())
	rep.Seed, rep.Preset, rep.Symbols = c.Seed, c.Preset, c.Symbols
	rep.Tape, rep.Events = fmt.Sprintf("%x", r.hash.Sum()), r.events
	rep.OneTick = o.OneTick()
	switch c.Report {
	case "json":
		return rep.WriteJSON(e.stdout)
	case "html":
		return rep.WriteHTML(e.stdout)
	default:
		return rep.WriteText(e.stdout)
	}
}
