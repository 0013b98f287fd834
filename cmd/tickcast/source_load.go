package main

import (
	"context"
	"sync"
	"time"

	"github.com/rs/zerolog"

	"tickcast/feed"
	"tickcast/feed/server"
	"tickcast/marketsim"
	"tickcast/wire"
)

// loadSource publishes at a constant rate, open loop. It never waits for
// anybody: that is what a benchmark measures.
type loadSource struct {
	changed chan struct{} // wakes a nap when the rate is set

	mu   sync.Mutex // guards load
	load *marketsim.Load
}

func newLoadSource(symbols int) (*loadSource, error) {
	load, err := marketsim.NewLoad(symbols)
	if err != nil {
		return nil, err
	}
	return &loadSource{load: load, changed: make(chan struct{}, 1)}, nil
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
