package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"
	"time"

	actors "github.com/oklog/run"
	"github.com/rs/zerolog"

	"tickcast/feed"
	"tickcast/feed/server"
	"tickcast/feed/web"
)

// exitTimeout bounds a shutdown: what has not ended by then is cut.
const exitTimeout = 30 * time.Second

// gcPercent is how much garbage the heap may hold: half of what lives. In
// a steady state the feed makes next to none, so that collections are rare and
// the room that they are given is memory for nothing; less would collect twenty
// times while a feed begins and history fills.
const gcPercent = 50

type serveCmd struct {
	Addr  string `default:"127.0.0.1:8080" help:"Listen here for clients (${env})."`
	Admin string `default:"127.0.0.1:8081" help:"Listen here for operators: metrics, health, load (${env})."`

	Source  string `default:"sim" enum:"sim,replay,load" help:"Who publishes: sim, the market simulator; replay, a recording; or load, the benchmark's source (${env})."`
	Symbols int    `default:"10" help:"Number of symbols of --source sim and load, the busiest first (${env})."`
	Seed    uint64 `default:"1" help:"Seed of --source sim: the same seed, the same tape (${env})."`
	Speed   string `default:"1" help:"Market seconds a second of --source sim and replay, or max (${env})."`

	Preset string `default:"crypto" enum:"crypto,small-tick,large-tick,illiquid" help:"How the market of --source sim trades: crypto, small-tick, large-tick or illiquid (${env})."`
	timelineFlags
	recordingFlags

	certificateFlags
	Origins []string `help:"Origins of web pages that may connect, beside our own; * for all (${env})." placeholder:"URL"`
	limitFlags
	Drain   time.Duration `default:"10s" help:"Spread the closing of clients over this time at shutdown (${env})."`
	Shards  int           `default:"0" help:"Writer shards; 0: as many as cores, or as the cgroup's CPU quota allows (${env})."`
	Raw     string        `default:"on" enum:"on,off" help:"Raw system calls in shards: on or off (${env})."`
	Sockets string        `default:"auto" enum:"auto,connections" help:"What sessions write to: auto, descriptors where there are epoll and no TLS; connections, each with two goroutines, everywhere (${env})."`
	History int           `name:"history-bytes" default:"268435456" help:"Memory for clients that resume (${env})."`
	Pprof   bool          `help:"Serve /debug/pprof/ on the admin listener (${env})."`

	LogLevel  string `default:"info" enum:"debug,info,warn,error" help:"debug, info, warn or error (${env})."`
	LogFormat string `default:"auto" enum:"auto,console,json" help:"console, json, or auto: console on a terminal (${env})."`
}

// Help is shown by serve --help.
func (serveCmd) Help() string {
	return `Starts a simulated market, or a recorded one, and serves it until SIGINT or SIGTERM.

  tickcast serve                          ten symbols in real time
  tickcast serve --speed 10 --seed 7      another market, ten times as fast
  tickcast serve --scenario flash-crash@30s --scenario news@2m
                                          a market in which something happens
  tickcast serve --source replay --format itch --replay day.itch.gz
                                          a recording, at the pace at which it was made;
                                          its last state stays when it is over
  tickcast serve --tls-cert feed.pem --tls-key feed.key
                                          https and wss; SIGHUP reads the files again
  tickcast serve --source load --symbols 500
                                          the benchmark's source; its rate is set with
                                          GET /v1/load?rate=N on the admin listener

` + timelineHelp
}

// Run serves until ctx ends.
func (c *serveCmd) Run(e *env) error {
	if c.Symbols < 1 {
		return fmt.Errorf("symbols: %d; want at least 1", c.Symbols)
	}
	if err := c.check(); err != nil {
		return err
	}
	log := newLogger(e.stderr, c.LogLevel, c.LogFormat)
	shown, err := c.load()
	if err != nil {
		return err
	}
	if os.Getenv("GOGC") == "" {
		debug.SetGCPercent(gcPercent)
	}
	start := time.Now()
	src, err := c.source(e)
	if err != nil {
		return err
	}
	hub, err := feed.NewHub(feed.Config{
		Epoch: "k" + strconv.FormatInt(start.UnixNano(), 36), Base: src.base(), HistoryBytes: c.History,
	})
	if err != nil {
		return err
	}
	if err := hub.List(src.instruments()...); err != nil {
		return err
	}
	if err := src.open(e.ctx, hub); err != nil {
		return err
	}
	fanout, err := feed.NewShards(hub, c.fanout())
	if err != nil {
		return err
	}
	cfg := server.Config{
		Hub: hub, Shards: fanout, Web: web.Files(), Policy: web.ContentSecurityPolicy, Log: log,
		Version: version(), Origins: c.Origins, Profiling: c.Pprof,
	}
	c.limit(&cfg)
	if shown != nil {
		cfg.Certificate = shown.get
	}
	src.control(&cfg)
	srv, err := server.New(cfg)
	if err != nil {
		fanout.Shutdown(e.ctx, 0)
		return err
	}
	return c.serve(e, log, src, shown, hub, fanout, srv)
}

// fanout sets GOMAXPROCS and returns what the shards are to be.
func (c *serveCmd) fanout() feed.ShardsConfig {
	pinned := 0
	if c.Source == "load" {
		pinned = 1 // its naps
	}
	count, procs := processors(runtime.GOMAXPROCS(0), c.Shards, c.Raw == "on", pinned)
	runtime.GOMAXPROCS(procs)
	return feed.ShardsConfig{
		Count: count, Now: wallNanos, Ordinary: c.Raw == "off", Connections: c.Sockets == "connections",
	}
}

// serve opens the listeners and runs source and server until one of them
// fails or ctx ends; then it shuts down in order: source, clients, listeners.
func (c *serveCmd) serve(e *env, log zerolog.Logger, src source, shown *certificate, hub *feed.Hub, fanout *feed.Shards, srv *server.Server) error {
	main, err := net.Listen("tcp", c.Addr)
	if err == nil {
		var admin net.Listener
		if admin, err = net.Listen("tcp", c.Admin); err == nil {
			// Whoever closed stdout does not want to know.
			_ = c.announce(e.stdout, len(src.instruments()), main.Addr().String(), admin.Addr().String())
			return c.runAll(e, log, src, shown, hub, fanout, srv, main, admin)
		}
		err = errors.Join(err, main.Close())
	}
	fanout.Shutdown(e.ctx, 0)
	return err
}

func (c *serveCmd) runAll(e *env, log zerolog.Logger, src source, shown *certificate, hub *feed.Hub, fanout *feed.Shards, srv *server.Server, main, admin net.Listener) error {
	var g actors.Group
	sourceCtx, stopSource := context.WithCancel(context.Background())
	signalCtx, stopWaiting := context.WithCancel(e.ctx)
	g.Add(func() error {
		<-signalCtx.Done()
		return signalCtx.Err()
	}, func(error) { stopWaiting() })
	g.Add(func() error { return src.run(sourceCtx, hub, fanout.Congested, log) }, func(error) { stopSource() })
	g.Add(func() error { return srv.Serve(main) }, func(error) {
		log.Info().Dur("drain", c.Drain).Msg("shutting down")
		ctx, cancel := context.WithTimeout(context.Background(), exitTimeout)
		defer cancel()
		srv.Shutdown(ctx, c.Drain)
	})
	g.Add(func() error { return srv.ServeAdmin(admin) }, func(error) {})
	if shown != nil {
		ctx, cancel := context.WithCancel(context.Background())
		g.Add(func() error { return shown.follow(ctx, log) }, func(error) { cancel() })
	}
	settleCtx, stopSettling := context.WithCancel(context.Background())
	g.Add(func() error { return settle(settleCtx) }, func(error) { stopSettling() })
	err := g.Run()
	stats, totals := hub.Stats(), fanout.Stats()
	log.Info().Uint64("events", stats.Events).Uint64("frames", stats.Frames).Uint64("bytes_out", totals.BytesOut).
		Uint64("gaps", totals.Gaps).Uint64("evictions", totals.Evictions).Msg("stopped")
	if errors.Is(err, context.Canceled) {
		return nil
	}
	return err
}

// announce says where to look.
func (c *serveCmd) announce(w io.Writer, symbols int, main, admin string) error {
	what := fmt.Sprintf("simulated market, %d symbols, seed %d, speed %s", c.Symbols, c.Seed, c.Speed)
	switch c.Source {
	case "load":
		what = fmt.Sprintf("load source, %d symbols", c.Symbols)
	case "replay":
		what = fmt.Sprintf("replay of %s (%s), %d symbols, speed %s", c.Replay, c.Format, symbols, c.Speed)
	}
	s, trust := "", ""
	if c.TLSCert != "" {
		s, trust = "s", " --tls-ca "+c.TLSCert
	}
	_, err := fmt.Fprintf(w, `tickcast %[1]s: %[2]s
  page     http%[5]s://%[3]s/
  stream   ws%[5]s://%[3]s/v1/stream?streams=bbo.*
  symbols  http%[5]s://%[3]s/v1/symbols
  admin    http://%[4]s/metrics
  watch    tickcast tail --url ws%[5]s://%[3]s%[6]s 'bbo.*'
`, version(), what, main, admin, s, trust)
	return err
}

// wallNanos is the clock of the process. It follows the monotonic clock, so
// that deadlines hold when the system's time is set.
func wallNanos() int64 { return started.wall + int64(time.Since(started.at)) }

var started = func() (s struct {
	at   time.Time
	wall int64
},
) {
	s.at = time.Now()
	s.wall = s.at.UnixNano()
	return s
}()

func newLogger(w io.Writer, level, format string) zerolog.Logger {
	l, err := zerolog.ParseLevel(level)
	if err != nil {
		l = zerolog.InfoLevel // kong has checked it
	}
	if format == "console" || format == "auto" && isTerminal(w) {
		w = zerolog.ConsoleWriter{Out: w, TimeFormat: time.TimeOnly, NoColor: !isTerminal(w)}
	}
	return zerolog.New(w).Level(l).With().Timestamp().Logger()
}

func isTerminal(w io.Writer) bool {
	f, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := f.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}
