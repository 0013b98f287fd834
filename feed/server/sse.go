package server

import (
	"math/rand/v2"
	"net"
	"strconv"

	"github.com/valyala/fasthttp"
)

// Server-Sent Events.
const (
	eventsName = "sse" // of the transport, in logs and metrics

	// A client that comes back waits so many ms, chosen at random for each, so
	// that not all come at once.
	retryMin = 1000
	retryMax = 4000
)

// sse answers with a stream of events. It takes the connection from fasthttp,
// whose WriteTimeout bounds the whole of an answer.
func (s *Server) sse(ctx *fasthttp.RequestCtx) {
	if s.refuseGuest(ctx) {
		return
	}
	r, _ := s.reader(ctx)
	if r == nil {
		return
	}
	h := &ctx.Response.Header
	h.SetContentType("text/event-stream")
	h.Set("X-Accel-Buffering", "no")
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.SetConnectionClose()
	if ctx.IsHead() {
		return
	}
	if s.draining.Load() {
		// An EventSource gives up for ever if it is refused.
		ctx.SetBody(appendRetry(nil, retry()))
		return
	}
	h.SetServer("tickcast")
	e := &eventStream{server: s, reader: r, remote: ctx.RemoteAddr().String(), buf: h.AppendBytes(nil)}
	ctx.HijackSetNoResponse(true)
	ctx.Hijack(func(conn net.Conn) {
		if u, ok := conn.(interface{ UnsafeConn() net.Conn }); ok {
			conn = u.UnsafeConn()
		}
		e.conn = conn
		s.events.begin(e)
	})
}

func retry() int { return retryMin + rand.IntN(retryMax-retryMin) }

// appendRetry says after how many ms to come back.
func appendRetry(b []byte, ms int) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, int64(ms), 10)
	return append(b, "\n\n"...)
}
