package client

import (
	"crypto/tls"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"time"
)

// Config says where to connect and how. Only URL is required.
type Config struct {
	// URL is ws://host:port or wss://host:port. An empty path becomes
	// /v1/stream; a query is kept.
	URL string
	// Streams are names or patterns to subscribe to at once. To resume, leave
	// it empty and call Subscribe.
	Streams []string
	// Slow is what the server shall do when this client falls behind:
	// "conflate" or "close". Empty leaves the choice to the server (conflate).
	Slow string
	// Flush asks for one write per that time instead of a write per change,
	// 0 to 1 s, whole milliseconds. 0: at once.
	Flush time.Duration
	// Header goes with the upgrade request, for example Authorization.
	Header http.Header
	// TLS is for wss. Nil means the system's roots.
	TLS *tls.Config
	// DialTimeout bounds everything until the Hello. 0: 10 s.
	DialTimeout time.Duration
	// SilenceTimeout ends a connection on which nothing arrives, neither
	// frame nor ping. 0: 60 s, three of the server's pings.
	SilenceTimeout time.Duration
	// OnWait, if set, is called by Next, on its goroutine, before it waits for
	// the network: the moment to flush what was gathered from earlier frames.
	// Its error ends the connection and is what Next returns.
	OnWait func() error
}

const (
	dialTimeoutDefault    = 10 * time.Second
	silenceTimeoutDefault = 60 * time.Second
	flushMax              = time.Second
)

// normalize validates the configuration, fills in the defaults and returns the
// URL to dial.
func (cfg *Config) normalize() (*url.URL, error) {
	if cfg.DialTimeout == 0 {
		cfg.DialTimeout = dialTimeoutDefault
	}
	if cfg.SilenceTimeout == 0 {
		cfg.SilenceTimeout = silenceTimeoutDefault
	}
	if cfg.OnWait == nil {
		cfg.OnWait = func() error { return nil }
	}
	u, err := url.Parse(cfg.URL)
	if err != nil {
		return nil, fmt.Errorf("client: %w", err)
	}
	if u.Scheme != "ws" && u.Scheme != "wss" || u.Host == "" {
		return nil, fmt.Errorf("client: URL %q must be ws://host:port or wss://host:port", cfg.URL)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/stream"
	}
	q := u.Query()
	if cfg.Slow != "" {
		q.Set("slow", cfg.Slow)
	}
	if cfg.Flush < 0 || cfg.Flush > flushMax || cfg.Flush%time.Millisecond != 0 {
		return nil, fmt.Errorf("client: flush %v must be whole milliseconds, at most %v", cfg.Flush, flushMax)
	}
	if cfg.Flush > 0 {
		q.Set("flush", strconv.FormatInt(cfg.Flush.Milliseconds(), 10)+"ms")
	}
	u.RawQuery = q.Encode()
	return u, nil
}
