package server

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"tickcast/feed"
)

// Limits of the HTTP face.
const (
	readTimeout      = 5 * time.Second // the only bound of a slow handshake
	idleTimeout      = 60 * time.Second
	requestBytesMax  = 16 << 10 // heads; bodies of requests are not used
	connectionsMax   = 16_000   // unless descriptors are fewer: Config.Connections
	perAddressMax    = 100
	upgradeBufBytes  = 1024
	clientBytesShown = 128 // of what a client sent, in a log
)

// Config of a Server.
type Config struct {
	Hub    *feed.Hub    // required
	Shards *feed.Shards // required
	Web    fs.FS        // the page at /; nil: none
	Policy string       // Content-Security-Policy of the page
	Log    zerolog.Logger

	Version string
	// Origins are the origins of pages, beside our own, that may connect:
	// scheme://host[:port], or * for all.
	Origins []string
	// Connections caps the main listener. 0 means 16,000.
	Connections int
	// Load and Stall drive the benchmark's source; nil: there is none.
	Load  func(rate float64) (published int64)
	Stall func(time.Duration)
	// Profiling adds /debug/pprof/ to the admin listener.
	Profiling bool
}

// Server serves a Hub over HTTP and WebSockets. Create it with New.
type Server struct {
	cfg      Config
	hub      *feed.Hub
	shards   *feed.Shards
	log      zerolog.Logger
	origins  map[string]bool
	upgrader websocket.FastHTTPUpgrader
	page     map[string]asset
	metrics  *metrics
	registry *prometheus.Registry

	main, admin *fasthttp.Server
	listeners   atomic.Pointer[listener] // the main one
	draining    atomic.Bool
}

// New returns a server, or an error that names what is wrong with cfg.
func New(cfg Config) (*Server, error) {
	if cfg.Hub == nil || cfg.Shards == nil {
		return nil, errors.New("server: no hub or no shards")
	}
	if cfg.Connections == 0 {
		cfg.Connections = connectionsMax
	}
	s := &Server{cfg: cfg, hub: cfg.Hub, shards: cfg.Shards, log: cfg.Log, origins: make(map[string]bool)}
	for _, o := range cfg.Origins {
		s.origins[o] = true
	}
	var err error
	if s.page, err = loadPage(cfg.Web); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.upgrader = websocket.FastHTTPUpgrader{
		ReadBufferSize: upgradeBufBytes, WriteBufferSize: upgradeBufBytes,
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }, // originAllowed has
	}
	s.registry = prometheus.NewRegistry()
	s.metrics = newMetrics(s)
	s.registry.MustRegister(s.metrics)
	s.main = s.fasthttp(s.route)
	s.admin = s.fasthttp(s.routeAdmin())
	return s, nil
}

// fasthttp returns a server with the settings that RELIABILITY.md section 1
// asks for.
func (s *Server) fasthttp(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               s.recovering(handler),
		Name:                  "tickcast",
		NoDefaultDate:         true,
		KeepHijackedConns:     true,
		SecureErrorLogMessage: true,
		ReadTimeout:           readTimeout,
		IdleTimeout:           idleTimeout,
		ReadBufferSize:        requestBytesMax,
		MaxRequestBodySize:    requestBytesMax,
		Concurrency:           s.cfg.Connections,
		Logger:                quietLogger{s.log},
		CloseOnShutdown:       true,
	}
}

// recovering turns a handler's panic into a 500 for that request.
func (s *Server) recovering(handler fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		defer func() {
			if r := recover(); r != nil {
				s.metrics.panics.Inc()
				s.log.Error().Interface("panic", r).Bytes("path", shown(ctx.Path())).Msg("handler panicked")
				ctx.Response.Reset()
				s.refuse(ctx, &refused{fasthttp.StatusInternalServerError, "internal", "internal error"})
			}
		}()
		handler(ctx)
	}
}

// shown bounds what a log shows of a client's bytes.
func shown(b []byte) []byte { return b[:min(len(b), clientBytesShown)] }

// quietLogger takes what fasthttp has to say of its connections.
type quietLogger struct{ log zerolog.Logger }

// Printf implements fasthttp.Logger.
func (q quietLogger) Printf(format string, args ...any) {
	q.log.Debug().Str("from", "fasthttp").Msgf(format, args...)
}

// Serve serves clients on l until Shutdown. It owns l.
func (s *Server) Serve(l net.Listener) error {
	wrapped := newListener(l, s.cfg.Connections, perAddressMax, s.log)
	s.listeners.Store(wrapped)
	if err := s.main.Serve(wrapped); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// ServeAdmin serves operators on l until Shutdown. It owns l.
func (s *Server) ServeAdmin(l net.Listener) error {
	if err := s.admin.Serve(l); err != nil && !errors.Is(err, net.ErrClosed) {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}

// Shutdown takes readiness off, tells the clients, closes them spread over
// drain, then closes the listeners. What is left when ctx ends is cut.
func (s *Server) Shutdown(ctx context.Context, drain time.Duration) {
	s.draining.Store(true)
	s.shards.Shutdown(ctx, drain)
	for _, server := range []*fasthttp.Server{s.main, s.admin} {
		if err := server.ShutdownWithContext(ctx); err != nil {
			s.log.Warn().Err(err).Msg("listener did not close cleanly")
		}
	}
}

// ended counts and logs the end of a session. It is called by shards.
func (s *Server) ended(e feed.End) {
	s.metrics.disconnected(e.Code)
	s.log.Debug().Str("conn", e.Conn).Str("remote", e.Remote).Uint16("code", uint16(e.Code)).
		Str("reason", e.Reason).Dur("lived", time.Duration(e.Nanos)).
		Uint64("bytes_in", e.BytesIn).Uint64("bytes_out", e.BytesOut).Msg("disconnected")
}
