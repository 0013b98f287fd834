package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/rs/zerolog"

	"tickcast/feed"
	"tickcast/feed/server"
	"tickcast/marketsim"
	"tickcast/wire"
)

// source publishes into the hub.
type source interface {
	instruments() []wire.Instrument
	base() int64 // wall time of market time 0
	// control offers what operators may do with the source.
	control(cfg *server.Config)
	// open publishes the opening books, so that whoever comes finds them.
	open(ctx context.Context, hub *feed.Hub) error
	// run publishes until ctx ends, or the hub refuses a transaction.
	run(ctx context.Context, hub *feed.Hub, congested func() bool, log zerolog.Logger) error
}

// Bounds of a source's step.
const (
	stepTxnsMax = 512
	// A market that is this far behind the wall clock gives up catching up:
	// its clock slips, and clients are told.
	slipNanos = int64(250e6)
	// A market that slips all the time says so this often.
	slipWarnNanos = int64(10e9)
	// A source looks at least this often whether it was told something.
	sleepMax = 20 * time.Millisecond
)

// source returns the source of --source; market time 0 of a market is now.
func (c *serveCmd) source(e *env) (source, error) {
	switch {
	case c.Source != "sim" && (len(c.Scenario) > 0 || c.Timeline != ""):
		return nil, errors.New("serve: --scenario and --timeline belong to --source sim")
	case c.Source != "replay" && c.Replay+c.SeedBook != "": // the environment may have a format for sim
		return nil, errors.New("serve: --replay and --seed-book belong to --source replay")
	case c.Source == "load":
		return newLoadSource(c.Symbols)
	}
	speed, err := parseSpeed(c.Speed)
	if err != nil {
		return nil, err
	}
	s := &pacedSource{}
	if c.Source == "replay" {
		err = c.openRecording(e, s)
	} else {
		s.market, err = c.sim()
	}
	if err != nil {
		return nil, err
	}
	s.pacer, err = marketsim.NewPacer(wallNanos(), speed)
	return s, err
}

// sim returns the simulated market.
func (c *serveCmd) sim() (*marketsim.Sim, error) {
	cfg := marketsim.Config{Seed: c.Seed, Symbols: c.Symbols}
	var err error
	if c.Preset != "" {
		if cfg.Preset, err = marketsim.ParsePreset(c.Preset); err != nil {
			return nil, err
		}
	}
	if cfg.Timeline, err = c.cues(); err != nil {
		return nil, err
	}
	return marketsim.New(cfg)
}

func parseSpeed(s string) (float64, error) {
	if s == "max" {
		return marketsim.SpeedMax(), nil
	}
	v, err := strconv.ParseFloat(s, 64)
	if err != nil || math.IsNaN(v) || v <= 0 || v > marketsim.SpeedLimit {
		return 0, fmt.Errorf("speed %q: want a number above 0, at most %g, or max", s, marketsim.SpeedLimit)
	}
	return v, nil
}

// pacedSource steps a market in the time of its pacer.
type pacedSource struct {
	market marketsim.Source
	pacer  *marketsim.Pacer
	batch  wire.Batch
	warned int64 // when a slip was last logged

	// Of a market that is read from a file; nil otherwise.
	file   *input
	broken func() error // why it could not be read to its end
}

func (s *pacedSource) instruments() []wire.Instrument { return s.market.Instruments() }
func (s *pacedSource) base() int64                    { return s.pacer.Clock().Base }
func (s *pacedSource) control(*server.Config)         {}

func (s *pacedSource) open(ctx context.Context, hub *feed.Hub) error {
	for s.market.Next() == 0 && ctx.Err() == nil {
		if _, err := s.publish(hub, 0); err != nil {
			return err
		}
	}
	hub.Advance(0, wallNanos())
	return nil
}

func (s *pacedSource) run(ctx context.Context, hub *feed.Hub, congested func() bool, log zerolog.Logger) error {
	// Time begins now, however long the opening books took. A small delay is
	// made up for, so that market time is wall time.
	if wall := wallNanos(); wall-s.pacer.WallAt(0) > slipNanos {
		s.pacer.Slip(wall, 0)
	}
	hub.SetClock(clock(s.pacer))
	if s.file != nil {
		defer s.file.Close()
	}
	for ctx.Err() == nil {
		due := s.pacer.Due(wallNanos())
		reached, err := s.publish(hub, due)
		if err != nil {
			return err
		}
		if congested() {
			time.Sleep(time.Millisecond) // a busy machine slows the market
		}
		hub.Advance(reached, wallNanos())
		if reached < due {
			if s.market.Next() == math.MaxInt64 {
				return s.rest(ctx, hub, reached, log)
			}
			s.slip(hub, reached, log)
			continue
		}
		time.Sleep(min(time.Duration(s.pacer.WallAt(s.market.Next())-wallNanos()), sleepMax))
	}
	return nil
}

// rest is what follows the end of a market: its time stands still there, and
// the feed keeps its last state.
func (s *pacedSource) rest(ctx context.Context, hub *feed.Hub, reached int64, log zerolog.Logger) error {
	if s.broken != nil {
		if err := s.broken(); err != nil {
			return fmt.Errorf("replay %s: %w", s.file.name, err)
		}
	}
	wall := wallNanos()
	s.pacer.Slip(wall, reached)
	s.pacer.Pause(wall)
	hub.SetClock(clock(s.pacer))
	log.Info().Stringer("market_time", time.Duration(reached)).Msg("the market has ended: its last state stays")
	<-ctx.Done()
	return nil
}

// publish steps the market towards until, and returns how far it came.
func (s *pacedSource) publish(hub *feed.Hub, until int64) (reached int64, err error) {
	s.batch.Reset()
	reached = s.market.Step(&s.batch, until, stepTxnsMax)
	if len(s.batch.Txns) == 0 {
		return reached, nil
	}
	s.batch.Matched = wallNanos()
	return reached, hub.Publish(&s.batch, wallNanos())
}

// slip lets the clock fall back when the market cannot keep up.
func (s *pacedSource) slip(hub *feed.Hub, reached int64, log zerolog.Logger) {
	wall := wallNanos()
	if wall-s.pacer.WallAt(reached) < slipNanos || math.IsInf(s.pacer.Clock().Speed, 1) {
		return
	}
	s.pacer.Slip(wall, reached)
	hub.SetClock(clock(s.pacer))
	if wall-s.warned > slipWarnNanos {
		s.warned = wall
		log.Warn().Dur("slipped_ms_in_all", time.Duration(s.pacer.Slipped())).Msg("the market cannot keep up: its clock slips")
	}
}

func clock(p *marketsim.Pacer) wire.Clock {
	c := p.Clock()
	return wire.Clock{Base: c.Base, Speed: c.Speed, Market: c.Market, Wall: c.Wall}
}
