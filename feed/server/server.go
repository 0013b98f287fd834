package server

import (
	"cmp"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/collectors"
	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp"

	"tickcast/feed"
	"tickcast/wire"
)

// Limits of the HTTP face.
const (
	readTimeout      = 5 * time.Second  // the only bound of a slow handshake
	writeTimeout     = 10 * time.Second // of an answer, to somebody who does not read it
	idleTimeout      = 60 * time.Second
	requestBytesMax  = 16 << 10 // heads; bodies of requests are not used
	connectionsMax   = 16_000   // unless descriptors are fewer: Config.Connections
	operatorsMax     = 256      // connections of the admin listener
	perAddressMax    = 100      // unless Config.PerAddress says otherwise
	upgradeBufBytes  = 1024
	clientBytesShown = 128 // of what a client sent, in a log
)

// Unlimited is the value of a limit of Config that there shall not be.
const Unlimited = math.MaxInt32

// transportName is that of the sessions, in logs and metrics.
const transportName = "websocket"

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
	// Certificate is asked at each handshake: clients are served with TLS. nil
	// means plain TCP.
	Certificate func(*tls.ClientHelloInfo) (*tls.Certificate, error)
	// Connections caps the main listener. 0 means 16,000.
	Connections int
	// PerAddress caps the connections of one address that is not loopback, or
	// of one /64 of IPv6. 0 means 100. Behind a proxy all clients have its
	// address: then it should be Unlimited, or no less than Connections, and
	// addresses have no limits at all.
	PerAddress int
	// Requests is how many REST requests a second one address may make,
	// loopback too. 0 means 20.
	Requests int
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
	clients     *limiter // of the main listener
	operators   *limiter // of the admin listener
	requests    *meter   // of REST routes; nil: no limit
	events      *eventStreams
	waiting     atomic.Int64     // polls that wait
	begin       func(feed.Begin) // began and ended, made once for all sessions
	end         func(feed.End)
	draining    atomic.Bool
	drain       chan struct{} // closed when draining
	drainFor    atomic.Int64  // ns, before drain is closed
	shutdown    sync.Once

	mu        sync.Mutex  // guards all below
	listeners []*listener // being served
	down      bool        // no listener is served any more
}

// New returns a server, or an error that names what is wrong with cfg.
func New(cfg Config) (*Server, error) {
	if cfg.Hub == nil || cfg.Shards == nil {
		return nil, errors.New("server: no hub or no shards")
	}
	if cfg.Connections == 0 {
		cfg.Connections = connectionsMax
	}
	if cfg.PerAddress == 0 {
		cfg.PerAddress = perAddressMax
	}
	if cfg.Connections < 0 || cfg.PerAddress < 0 || cfg.Requests < 0 {
		return nil, fmt.Errorf("server: %d connections, %d of an address, %d requests", cfg.Connections, cfg.PerAddress, cfg.Requests)
	}
	s := &Server{
		cfg: cfg, hub: cfg.Hub, shards: cfg.Shards, log: cfg.Log,
		clients:   newLimiter(cfg.Connections, cfg.PerAddress),
		operators: newLimiter(operatorsMax, operatorsMax),
		drain:     make(chan struct{}),
	}
	if s.clients.addressed() && cfg.Requests != Unlimited {
		s.requests = newMeter(cmp.Or(cfg.Requests, requestsPerSecond))
	}
	s.events = newEventStreams(s)
	s.begin, s.end = s.began, s.ended
	var err error
	if s.origins, err = parseOrigins(cfg.Origins); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	if s.page, err = loadPage(cfg.Web); err != nil {
		return nil, fmt.Errorf("server: %w", err)
	}
	s.upgrader = websocket.FastHTTPUpgrader{
		ReadBufferSize: upgradeBufBytes, WriteBufferSize: upgradeBufBytes,
		CheckOrigin: func(*fasthttp.RequestCtx) bool { return true }, // originAllowed has
	}
	s.registry = prometheus.NewRegistry()
	s.metrics = newMetrics(s)
	s.registry.MustRegister(s.metrics, collectors.NewGoCollector(), collectors.NewProcessCollector(collectors.ProcessCollectorOpts{}))
	s.main = s.fasthttp(s.route)
	s.admin = s.fasthttp(s.routeAdmin())
	return s, nil
}

// fasthttp returns a server with the settings that RELIABILITY.md section 1
// asks for.
func (s *Server) fasthttp(handler fasthttp.RequestHandler) *fasthttp.Server {
	return &fasthttp.Server{
		Handler:               s.recovering(handler),
		ErrorHandler:          s.malformed,
		Name:                  "tickcast",
		NoDefaultDate:         true,
		KeepHijackedConns:     true,
		SecureErrorLogMessage: true,
		ReadTimeout:           readTimeout,
		WriteTimeout:          writeTimeout,
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
				s.refuse(ctx, &refused{fasthttp.StatusInternalServerError, string(wire.CodeInternal), "internal error"})
			}
		}()
		handler(ctx)
	}
}

// malformed answers what fasthttp could not read as a request.
func (s *Server) malformed(ctx *fasthttp.RequestCtx, err error) {
	r := &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), "this is no HTTP request"}
	var large *fasthttp.ErrSmallBuffer
	var network net.Error
	switch {
	case errors.As(err, &large):
		r.status, r.message = fasthttp.StatusRequestHeaderFieldsTooLarge, "the head of the request is too large"
	case errors.Is(err, fasthttp.ErrBodyTooLarge):
		r.status, r.message = fasthttp.StatusRequestEntityTooLarge, "the body of the request is too large"
	case errors.As(err, &network) && network.Timeout():
		r.status, r.message = fasthttp.StatusRequestTimeout, "the request did not come in time"
	}
	s.refuse(ctx, r)
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
	if err := s.serve(s.main, l, s.clients, secureConfig(&s.cfg)); err != nil {
		return fmt.Errorf("serve: %w", err)
	}
	return nil
}

// ServeAdmin serves operators on l until Shutdown. It owns l.
func (s *Server) ServeAdmin(l net.Listener) error {
	if err := s.serve(s.admin, l, s.operators, nil); err != nil {
		return fmt.Errorf("serve admin: %w", err)
	}
	return nil
}

func (s *Server) serve(face *fasthttp.Server, l net.Listener, limits *limiter, secure *tls.Config) error {
	wrapped := newListener(l, limits, secure, s.log)
	s.mu.Lock()
	down := s.down
	if !down {
		s.listeners = append(s.listeners, wrapped)
	}
	s.mu.Unlock()
	if down {
		return wrapped.Close()
	}
	if err := face.Serve(wrapped); err != nil && !errors.Is(err, net.ErrClosed) {
		return err
	}
	return nil
}

// Shutdown takes readiness off, tells the clients, closes them spread over
// drain, then closes the listeners, and returns when nothing is served any
// more. What is left when ctx ends is cut. Further calls wait for the first.
func (s *Server) Shutdown(ctx context.Context, drain time.Duration) {
	s.shutdown.Do(func() {
		s.draining.Store(true)
		s.drainFor.Store(int64(drain))
		close(s.drain)
		s.shards.Shutdown(ctx, drain)
		s.events.shutdown(ctx)
		for _, face := range []*fasthttp.Server{s.main, s.admin} {
			if err := face.ShutdownWithContext(ctx); err != nil {
				s.log.Warn().Err(err).Msg("connections are cut")
			}
		}
		s.mu.Lock()
		s.down = true // fasthttp forgets that it was shut down
		listeners := s.listeners
		s.mu.Unlock()
		for _, l := range listeners {
			_ = l.Close() // closed already, unless it was not served yet
			l.cut()
		}
	})
}

// began logs the beginning of a session. It is called by shards.
func (s *Server) began(b feed.Begin) {
	s.log.Info().Str("conn", b.Conn).Str("remote", b.Remote).Str("transport", transportName).Bool("tls", b.TLS).Msg("connected")
}

// ended counts and logs the end of a session. It is called by shards.
func (s *Server) ended(e feed.End) {
	s.metrics.disconnected(e.Code, transportName)
	s.log.Info().Str("conn", e.Conn).Str("remote", e.Remote).Str("transport", transportName).Bool("tls", e.TLS).
		Uint16("code", uint16(e.Code)).Bytes("reason", shown([]byte(e.Reason))).Dur("lived", time.Duration(e.Nanos)).
		Uint64("bytes_in", e.BytesIn).Uint64("bytes_out", e.BytesOut).Msg("disconnected")
}
