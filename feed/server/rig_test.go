package server

import (
	"bytes"
	"context"
	"crypto/tls"
	"math/rand/v2"
	"net"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/rs/zerolog"

	"tickcast/feed"
	"tickcast/feed/web"
	"tickcast/orderbook"
	"tickcast/wire"
)

// patience bounds what has to happen: it is never what a test measures.
const patience = 20 * time.Second

// rig is a server on loopback sockets, with a market that a test moves by
// hand and a clock of the shards that it can turn forward.
type rig struct {
	t      testing.TB
	hub    *feed.Hub
	shards *feed.Shards
	server *Server
	clock  *clock
	market *market
	logs   *logBuffer
	main   string // host:port
	admin  string
	secure *tls.Config // of clients; nil: plain TCP
	stop   func()      // idempotent: Shutdown, and both Serve returned
}

func newRig(t testing.TB, adjust ...func(*Config)) *rig {
	t.Helper()
	return newRigOn(t, feed.ShardsConfig{Ordinary: true}, adjust...)
}

// newRigOn returns a rig whose shards are of another kind.
func newRigOn(t testing.TB, kind feed.ShardsConfig, adjust ...func(*Config)) *rig {
	t.Helper()
	g := &rig{t: t, clock: &clock{}, logs: &logBuffer{}}
	hub, err := feed.NewHub(feed.Config{Epoch: "k7", Base: g.clock.now(), HistoryBytes: 8 << 20})
	if err != nil {
		t.Fatal(err)
	}
	g.hub, g.market = hub, newMarket(t, hub, g.clock)
	kind.Count, kind.Now = 2, g.clock.now
	if g.shards, err = feed.NewShards(hub, kind); err != nil {
		t.Fatal(err)
	}
	cfg := Config{
		Hub: hub, Shards: g.shards, Web: web.Files(), Policy: web.ContentSecurityPolicy,
		Log: zerolog.New(g.logs), Version: "test",
	}
	for _, f := range adjust {
		f(&cfg)
	}
	if g.server, err = New(cfg); err != nil {
		t.Fatal(err)
	}
	g.serve()
	return g
}

func (g *rig) serve() {
	g.t.Helper()
	var wg sync.WaitGroup
	for _, face := range []struct {
		address *string
		serve   func(net.Listener) error
	}{{&g.main, g.server.Serve}, {&g.admin, g.server.ServeAdmin}} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			g.t.Fatal(err)
		}
		*face.address = l.Addr().String()
		wg.Go(func() {
			if err := face.serve(l); err != nil {
				g.t.Error(err)
			}
		})
	}
	g.stop = sync.OnceFunc(func() {
		ctx, cancel := context.WithTimeout(context.Background(), patience)
		defer cancel()
		g.server.Shutdown(ctx, 0)
		wg.Wait()
	})
	g.t.Cleanup(g.stop)
}

// eventually waits until a condition holds.
func (g *rig) eventually(what string, condition func() bool) {
	g.t.Helper()
	for end := time.Now().Add(patience); !condition(); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			g.t.Fatalf("never: %s", what)
		}
	}
}

// quiet waits until nobody is connected any more.
func (g *rig) quiet() {
	g.t.Helper()
	g.eventually("no sessions", func() bool { return g.shards.Stats().Sessions == 0 })
	g.eventually("no connections", func() bool { return g.server.clients.count() == 0 })
}

// leap turns the shards' clock forward and lets them see it.
func (g *rig) leap(d time.Duration) {
	g.clock.leap(d)
	g.shards.Stats()
}

// clock is the wall clock, which can be turned forward.
type clock struct{ ahead atomic.Int64 }

func (c *clock) now() int64           { return time.Now().UnixNano() + c.ahead.Load() }
func (c *clock) leap(d time.Duration) { c.ahead.Add(int64(d)) }

// market is a hand-driven publisher of three symbols.
type market struct {
	t     testing.TB
	hub   *feed.Hub
	clock *clock

	mu     sync.Mutex // guards all below
	r      *rand.Rand
	books  []*orderbook.Book
	orders [][]uint64
	batch  wire.Batch
	txns   int64
}

func newMarket(t testing.TB, hub *feed.Hub, c *clock) *market {
	t.Helper()
	m := &market{t: t, hub: hub, clock: c, r: rand.New(rand.NewPCG(1, 2))}
	for _, symbol := range []string{"BTCUSDT", "ETHUSDT", "ETHBTC"} {
		m.list(symbol)
	}
	return m
}

// list adds a symbol.
func (m *market) list(symbol string) {
	m.t.Helper()
	m.mu.Lock()
	defer m.mu.Unlock()
	in := wire.MustInstrument(symbol, symbol[:3], symbol[3:], "0.01", "0.001")
	if err := m.hub.List(in); err != nil {
		m.t.Fatal(err)
	}
	book, err := orderbook.New(orderbook.Config{Tick: in.Tick})
	if err != nil {
		m.t.Fatal(err)
	}
	m.books, m.orders = append(m.books, book), append(m.orders, nil)
}

// publish lets n random orders and cancels into the books of the symbols with
// these indices, all if there are none: some trade, most change a level.
func (m *market) publish(n int, only ...int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batch.Reset()
	for range n {
		i := m.r.IntN(len(m.books))
		if len(only) > 0 {
			i = only[m.r.IntN(len(only))]
		}
		m.step(i)
	}
	if err := m.hub.Publish(&m.batch, m.clock.now()); err != nil {
		m.t.Error(err)
	}
}

func (m *market) step(i int) {
	b, from := m.books[i], len(m.batch.Events)
	if n := len(m.orders[i]); n > 0 && m.r.IntN(100) < 40 {
		k := m.r.IntN(n)
		m.batch.Events = b.Cancel(m.batch.Events, m.orders[i][k])
		m.orders[i] = slices.Delete(m.orders[i], k, k+1)
	} else {
		m.batch.Events = b.Enter(m.batch.Events, &orderbook.Order{
			Side: wire.Buy + wire.Side(m.r.IntN(2)), Type: orderbook.Limit,
			Qty: wire.Qty(1 + m.r.IntN(300)), Price: wire.Price(1000 + m.r.IntN(30)),
		})
		m.orders[i] = append(m.orders[i], m.batch.Events[from].ID)
	}
	m.txns++
	m.batch.Commit(uint32(i), m.txns*1e6)
}

// halt lets the symbol with this index halt.
func (m *market) halt(i int) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.batch.Reset()
	m.batch.Events = append(m.batch.Events, wire.Event{Kind: wire.EventStateSet, State: wire.StateHalt})
	m.txns++
	m.batch.Commit(uint32(i), m.txns*1e6)
	if err := m.hub.Publish(&m.batch, m.clock.now()); err != nil {
		m.t.Error(err)
	}
}

// run publishes bursts until the test, or stop, ends it.
func (m *market) run(burst int) (stop func()) {
	done := make(chan struct{})
	var wg sync.WaitGroup
	wg.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-done:
				return
			case <-tick.C:
				m.publish(burst)
			}
		}
	})
	stop = sync.OnceFunc(func() { close(done); wg.Wait() })
	m.t.Cleanup(stop)
	return stop
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu sync.Mutex
	b  bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

// lines returns the lines that contain all of the words.
func (l *logBuffer) lines(words ...string) []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	var out []string
	for line := range strings.Lines(l.b.String()) {
		if !slices.ContainsFunc(words, func(w string) bool { return !strings.Contains(line, w) }) {
			out = append(out, line)
		}
	}
	return out
}
