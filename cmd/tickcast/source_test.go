package main

import (
	"bytes"
	"context"
	"io"
	"testing"

	"github.com/rs/zerolog"

	"tickcast/feed"
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
