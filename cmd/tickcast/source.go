package main

import (
	"context"
	"errors"
	"fmt"
	"math"
	"strconv"
	"sync"
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

func (c *serveCmd) source(now int64) (source, error) {
	if c.Source == "load" {
		if len(c.Scenario) > 0 || c.Timeline != "" {
			return nil, errors.New("serve: --scenario and --timeline belong to --source sim")
		}
		load, err := marketsim.NewLoad(c.Symbols)
		if err != nil {
			return nil, err
		}
		return &loadSource{load: load, changed: make(chan struct{}, 1)}, nil
	}
	speed, err := parseSpeed(c.Speed)
	if err != nil {
		return nil, err
	}
	cfg := marketsim.Config{Seed: c.Seed, Symbols: c.Symbols}
	if c.Preset != "" {
		if cfg.Preset, err = marketsim.ParsePreset(c.Preset); err != nil {
			return nil, err
		}
	}
	if cfg.Timeline, err = c.cues(); err != nil {
		return nil, err
	}
	sim, err := marketsim.New(cfg)
	if err != nil {
		return nil, err
	}
	pacer, err := marketsim.NewPacer(now, speed)
	if err != nil {
		return nil, err
	}
	return &simSource{sim: sim, pacer: pacer}, nil
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

// simSource steps the simulated market in the time of its pacer.
type simSource struct {
	sim    *marketsim.Sim
	pacer  *marketsim.Pacer
	batch  wire.Batch
	warned int64 // when a slip was last logged
}

func (s *simSource) instruments() []wire.Instrument { return s.sim.Instruments() }
func (s *simSource) base() int64                    { return s.pacer.Clock().Base }
func (s *simSource) control(*server.Config)         {}

func (s *simSource) open(ctx context.Context, hub *feed.Hub) error {
	for s.sim.Next() == 0 && ctx.Err() == nil {
		if _, err := s.publish(hub, 0); err != nil {
			return err
		}
	}
	hub.Advance(0, wallNanos())
	return nil
}

func (s *simSource) run(ctx context.Context, hub *feed.Hub, congested func() bool, log zerolog.Logger) error {
	// Time begins now, however long the opening books took. A small delay is
	// made up for, so that market time is wall time.
	if wall := wallNanos(); wall-s.pacer.WallAt(0) > slipNanos {
		s.pacer.Slip(wall, 0)
	}
	hub.SetClock(clock(s.pacer))
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
			s.slip(hub, reached, log)
			continue
		}
		time.Sleep(min(time.Duration(s.pacer.WallAt(s.sim.Next())-wallNanos()), sleepMax))
	}
	return nil
}

// publish steps the market towards until, and returns how far it came.
func (s *simSource) publish(hub *feed.Hub, until int64) (reached int64, err error) {
	s.batch.Reset()
	reached = s.sim.Step(&s.batch, until, stepTxnsMax)
	if len(s.batch.Txns) == 0 {
		return reached, nil
	}
	s.batch.Matched = wallNanos()
	return reached, hub.Publish(&s.batch, wallNanos())
}

// slip lets the clock fall back when the market cannot keep up.
func (s *simSource) slip(hub *feed.Hub, reached int64, log zerolog.Logger) {
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

// loadSource publishes at a constant rate, open loop. It never waits for
// anybody: that is what a benchmark measures.
type loadSource struct {
	changed chan struct{} // wakes a nap when the rate is set

	mu   sync.Mutex // guards load
	load *marketsim.Load
}

func (s *loadSource) instruments() []wire.Instrument { return s.load.Instruments() }
func (s *loadSource) base() int64                    { return 0 }

func (s *loadSource) control(cfg *server.Config) {
	cfg.Load = func(rate float64) int64 {
		s.mu.Lock()
		defer s.mu.Unlock()
		published := s.load.SetRate(wallNanos(), rate)
		select {
		case s.changed <- struct{}{}:
		default:
		}
		return published
	}
	cfg.Stall = func(d time.Duration) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.load.Hold(wallNanos() + int64(d))
	}
}

func (s *loadSource) open(ctx context.Context, hub *feed.Hub) error {
	hub.SetClock(wire.Clock{Speed: 1, Market: wallNanos(), Wall: wallNanos()})
	var b wire.Batch
	for s.load.Next() == 0 && ctx.Err() == nil {
		b.Reset()
		now := wallNanos()
		s.load.Step(&b, now, stepTxnsMax)
		if err := hub.Publish(&b, now); err != nil {
			return err
		}
	}
	return nil
}

func (s *loadSource) run(ctx context.Context, hub *feed.Hub, _ func() bool, _ zerolog.Logger) error {
	precise := newNapper()
	defer precise.close()
	var b wire.Batch
	for ctx.Err() == nil {
		b.Reset()
		s.mu.Lock()
		now := wallNanos()
		more := s.load.Step(&b, now, stepTxnsMax)
		next := s.load.Next()
		s.mu.Unlock()
		if len(b.Txns) > 0 {
			b.Matched = now
			if err := hub.Publish(&b, wallNanos()); err != nil {
				return err
			}
		}
		if !more { // else market time has not come to now
			hub.Advance(now, now)
			s.wait(ctx, next, precise)
		}
	}
	return nil
}

// wait sleeps until the wall time at, precisely; a distant one is waited for
// where a change of the rate ends it.
func (s *loadSource) wait(ctx context.Context, at int64, precise napper) {
	d := time.Duration(at - wallNanos())
	switch {
	case d <= 0:
		return
	case d <= 2*napMax:
		precise.nap(d)
		return
	}
	timer := time.NewTimer(min(d-napMax*3/2, time.Second))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-s.changed:
	case <-timer.C:
	}
}
