package server

import (
	"errors"
	"fmt"
	"net"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"

	"tickcast/feed"
	"tickcast/wire"
)

// Bounds of what a URL may ask of a stream.
const (
	flushMax         = time.Second
	heartbeatMax     = 60 * time.Second
	heartbeatDefault = 15 * time.Second
)

// stream upgrades a connection and hands it to a shard.
func (s *Server) stream(ctx *fasthttp.RequestCtx) {
	if r := checkHandshake(ctx); r != nil {
		if r.status == fasthttp.StatusUpgradeRequired {
			ctx.Response.Header.Set(fasthttp.HeaderSecWebSocketVersion, "13")
			ctx.Response.Header.Set(fasthttp.HeaderUpgrade, "websocket")
		}
		if r.status == fasthttp.StatusMethodNotAllowed {
			s.refuseMethod(ctx, r.code, fasthttp.MethodGet)
			return
		}
		s.refuse(ctx, r)
		return
	}
	if !s.originAllowed(ctx) {
		s.refuse(ctx, &refused{fasthttp.StatusForbidden, "not_authorized", "this origin is not allowed"})
		return
	}
	if s.draining.Load() {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retrySeconds)
		s.refuse(ctx, &refused{fasthttp.StatusServiceUnavailable, "shutdown", "the server is shutting down"})
		return
	}
	options, err := streamOptions(ctx.QueryArgs())
	if err != nil {
		code := wire.CodeBadRequest
		if errors.Is(err, errStreamCount) {
			code = wire.CodeLimitStreams
		}
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(code), err.Error()})
		return
	}
	options.Server = "tickcast/" + s.cfg.Version
	options.Remote = ctx.RemoteAddr().String()
	options.TLS = ctx.IsTLS()
	options.Opened, options.Closed = s.begin, s.end
	err = s.upgrader.Upgrade(ctx, func(conn *websocket.Conn) { s.detach(conn, options) })
	if err != nil {
		s.log.Debug().Err(err).Str("remote", options.Remote).Msg("upgrade failed")
	}
}

// errStreamCount is the fault of a URL with too many names.
var errStreamCount = fmt.Errorf("streams: more than %d names", wire.RequestStreamsMax)

// detach takes the connection out of the libraries' hands: what the client
// has pipelined behind its handshake, then the connection itself. The
// websocket.Conn is not used again. It runs outside of the handler, so that a
// panic here would be the end of the process.
func (s *Server) detach(conn *websocket.Conn, options feed.Options) {
	hijacked := conn.NetConn()
	defer func() {
		if r := recover(); r != nil {
			s.metrics.panics.Inc()
			s.log.Error().Interface("panic", r).Str("remote", options.Remote).Msg("hand-over panicked")
			_ = hijacked.Close() // nobody else will
		}
	}()
	early, err := buffered(hijacked)
	if err != nil {
		_ = hijacked.Close() // it broke between handshake and hand-over
		return
	}
	under := hijacked
	if u, ok := hijacked.(interface{ UnsafeConn() net.Conn }); ok {
		under = u.UnsafeConn()
	}
	if !s.shards.Serve(under, early, options) {
		s.ended(feed.End{Remote: options.Remote, TLS: options.TLS, Code: wire.CloseShutdown, Reason: "shut down"})
	}
}

// buffered returns what was read from conn and not consumed. A deadline in
// the past keeps the read from taking anything out of the kernel.
func buffered(conn net.Conn) ([]byte, error) {
	if err := conn.SetReadDeadline(time.Unix(1, 0)); err != nil {
		return nil, fmt.Errorf("set deadline: %w", err)
	}
	var early []byte
	buf := make([]byte, 4096)
	for {
		n, err := conn.Read(buf)
		early = append(early, buf[:n]...)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			break
		}
		if err != nil {
			return nil, fmt.Errorf("read what was buffered: %w", err)
		}
	}
	if err := conn.SetReadDeadline(time.Time{}); err != nil {
		return nil, fmt.Errorf("clear deadline: %w", err)
	}
	return early, nil
}

// streamOptions reads the query of GET /v1/stream. Unknown parameters are
// ignored, unsupported values are not.
func streamOptions(args *fasthttp.Args) (feed.Options, error) {
	o := feed.Options{Dialect: wire.JSON, Slow: feed.SlowConflate, Heartbeat: int64(heartbeatDefault)}
	for key, value := range args.All() {
		if err := streamOption(&o, string(key), string(value)); err != nil {
			return o, err
		}
	}
	return o, nil
}

func streamOption(o *feed.Options, key, value string) error {
	switch key {
	case "streams":
		if value == "" {
			return nil
		}
		return streamNames(o, value)
	case "format":
		d, ok := wire.ParseDialect(value)
		if !ok {
			return fmt.Errorf("format %.32q is not supported; want json", value)
		}
		o.Dialect = d
	case "slow":
		switch value {
		case "conflate":
			o.Slow = feed.SlowConflate
		case "close":
			o.Slow = feed.SlowClose
		default:
			return fmt.Errorf("slow %.32q; want conflate or close", value)
		}
	case "flush":
		d, err := parseMillis(value)
		if err != nil || d < 0 || d > flushMax {
			return fmt.Errorf("flush %.32q; want 0 to 1000ms", value)
		}
		o.Flush = int64(d)
	case "heartbeat":
		n, err := strconv.Atoi(value)
		if err != nil || n < 0 || n > int(heartbeatMax/time.Second) {
			return fmt.Errorf("heartbeat %.32q; want 0 to 60 seconds", value)
		}
		o.Heartbeat = int64(n) * 1e9
	case "ping":
		if value != "0" && value != "1" {
			return fmt.Errorf("ping %.32q; want 0 or 1", value)
		}
		o.Quiet = value == "0"
	}
	return nil
}

// streamNames adds names of the URL, within the bounds of those in a message.
func streamNames(o *feed.Options, list string) error {
	for name := range strings.SplitSeq(list, ",") {
		if len(name) > wire.StreamBytesMax {
			return fmt.Errorf("streams: a name has at most %d bytes", wire.StreamBytesMax)
		}
		if len(o.Streams) == wire.RequestStreamsMax {
			return errStreamCount
		}
		o.Streams = append(o.Streams, name)
	}
	return nil
}

// parseMillis reads "100ms", "1s", or a bare number of milliseconds.
func parseMillis(s string) (time.Duration, error) {
	if n, err := strconv.Atoi(s); err == nil && n >= 0 && n <= int(flushMax/time.Millisecond) {
		return time.Duration(n) * time.Millisecond, nil
	}
	return time.ParseDuration(s)
}
