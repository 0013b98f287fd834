package main

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"tickcast/feed"
	"tickcast/marketsim"
	"tickcast/wire"
)

// cancelling is a log that ends a context with a message.
type cancelling struct {
	message []byte
	cancel  context.CancelFunc
}

func (c *cancelling) Write(p []byte) (int, error) {
	if bytes.Contains(p, c.message) {
		c.cancel()
	}
	return len(p), nil
}

// hashed is a market that hashes what it hands out, up to a number of
// transactions.
type hashed struct {
	marketsim.Source
	hash   *marketsim.TapeHash
	left   int
	cancel context.CancelFunc // at that number
}

func (h *hashed) Step(b *wire.Batch, until int64, most int) int64 {
	reached := h.Source.Step(b, until, most)
	part := *b
	part.Truncate(h.left)
	h.hash.Add(&part)
	if h.left -= len(part.Txns); h.left == 0 {
		h.cancel()
	}
	return reached
}

// TestServedTape holds that what is published depends neither on the speed nor on
// clients that make the market wait.
func TestServedTape(t *testing.T) {
	tapes := map[string]bool{}
	for _, run := range []struct {
		speed     string
		congested bool
	}{{"max", false}, {"max", true}, {"1000", false}, {"5000", true}} {
		c := serveCmd{Source: "sim", Symbols: 3, Seed: 4, Speed: run.speed}
		src, err := c.source(&env{stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		s := src.(*pacedSource)
		h := &hashed{s.market, marketsim.NewTapeHash(), 20_000, cancel}
		s.market = h
		hub, err := feed.NewHub(feed.Config{Epoch: "test", Base: src.base()})
		if err == nil {
			err = hub.List(src.instruments()...)
		}
		if err == nil {
			err = src.open(ctx, hub)
		}
		if err == nil {
			err = src.run(ctx, hub, func() bool { return run.congested }, zerolog.Nop())
		}
		if err != nil || h.left > 0 {
			t.Fatalf("%+v: %v, %d transactions to come", run, err, h.left)
		}
		tapes[fmt.Sprintf("%x", h.hash.Sum())] = true
	}
	code, out, errs := command("", "sim", "--symbols", "3", "--seed", "4", "--events", "20000")
	if code != 0 {
		t.Fatal(errs)
	}
	tapes[strings.Fields(out)[1]] = true
	if len(tapes) != 1 {
		t.Errorf("got %d different tapes", len(tapes))
	}
}

// TestServeUntilTheClose holds that a market which runs as fast as possible comes
// to an end when it closes, and that its clock stands still there.
func TestServeUntilTheClose(t *testing.T) {
	for _, symbols := range []int{1, 2} {
		c := serveCmd{
			Source: "sim", Symbols: symbols, Seed: 1, Speed: "max",
			timelineFlags: timelineFlags{Scenario: []string{"close@0s", "busy@1h"}},
		}
		src, err := c.source(&env{stderr: io.Discard})
		if err != nil {
			t.Fatal(err)
		}
		hub, err := feed.NewHub(feed.Config{Epoch: "test", Base: src.base()})
		if err == nil {
			err = hub.List(src.instruments()...)
		}
		if err == nil {
			err = src.open(t.Context(), hub)
		}
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithCancel(t.Context())
		log := zerolog.New(&cancelling{[]byte("the market has ended"), cancel})
		if err := src.run(ctx, hub, func() bool { return false }, log); err != nil {
			t.Fatal(err)
		}
		clock := hub.Clock()
		if clock.Speed != 0 || clock.Market-clock.Base != 330e9 {
			t.Errorf("%d symbols: got clock %+v; want it to stand still after 330 s", symbols, clock)
		}
		if got := hub.State(symbols - 1); got != wire.StateClosed {
			t.Errorf("%d symbols: got state %s; want closed", symbols, got)
		}
	}
}

// quiet is a market that ends a context when nothing comes any more.
type quiet struct {
	marketsim.Source
	cancel context.CancelFunc
}

func (q *quiet) Step(b *wire.Batch, until int64, most int) int64 {
	reached := q.Source.Step(b, until, most)
	if q.Next() == math.MaxInt64 {
		q.cancel()
	}
	return reached
}

// TestServeStopsAfterTheClose holds that a market which has closed, and whose time
// goes on, can be stopped.
func TestServeStopsAfterTheClose(t *testing.T) {
	c := serveCmd{
		Source: "sim", Symbols: 2, Seed: 1, Speed: "600",
		timelineFlags: timelineFlags{Scenario: []string{"close@0s"}},
	}
	src, err := c.source(&env{stderr: io.Discard})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	s := src.(*pacedSource)
	s.market = &quiet{s.market, cancel}
	hub, err := feed.NewHub(feed.Config{Epoch: "test", Base: src.base()})
	if err == nil {
		err = hub.List(src.instruments()...)
	}
	if err == nil {
		err = src.open(ctx, hub)
	}
	if err != nil {
		t.Fatal(err)
	}
	stopped := make(chan error, 1)
	go func() { stopped <- src.run(ctx, hub, func() bool { return false }, zerolog.Nop()) }()
	select {
	case err := <-stopped:
		if err != nil || ctx.Err() == nil {
			t.Errorf("got %v; want the source to be stopped", err)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("the source goes on")
	}
}
