package server

import (
	"net"
	"time"

	"github.com/valyala/fasthttp"

	"tickcast/feed"
)

// Bounds of waiting for news.
const (
	waitDefault = 25 * time.Second
	waitMax     = 60 * time.Second

	// readEvery is how often somebody who reads by position does so at most:
	// at once when it was quiet, then at this pace. With many readers it is
	// slower, so that they take a bounded share of the hub.
	readEvery       = 5 * time.Millisecond
	readersUnslowed = 100

	// touchEvery is how often a reader reads without news, so that the derived
	// streams that it reads live on: they end after a minute.
	touchEvery = 15 * time.Second
)

// poll answers what is new, as soon as there is something. The goroutine that
// waits is the one that fasthttp has for each open connection anyway; a second
// one listens whether the client goes meanwhile.
func (s *Server) poll(ctx *fasthttp.RequestCtx) {
	if s.refuseGuest(ctx) {
		return
	}
	if s.draining.Load() {
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retrySeconds)
		s.refuse(ctx, &refused{fasthttp.StatusServiceUnavailable, "shutdown", "the server is shutting down"})
		return
	}
	r, q := s.reader(ctx)
	if r == nil {
		return
	}
	defer r.Close()
	if !q.resumes() && !s.allowRequest(ctx) {
		return // it is a snapshot; one that goes on is paced by what there is
	}
	news := s.hub.News()
	out := r.Read(q.limit, readBytesMax, s.shards.Now())
	if len(out.Frames) == 0 && q.resumes() && q.wait > 0 && !ctx.IsHead() {
		out = s.await(ctx.Conn(), r, q, news)
	}
	answerReading(ctx, out)
}

// refuseGuest answers a page of an origin that is not allowed, and reports
// that: it could not read the answer, but would make us wait for it.
func (s *Server) refuseGuest(ctx *fasthttp.RequestCtx) bool {
	allowed := s.originAllowed(ctx)
	if !allowed {
		s.refuse(ctx, &refused{fasthttp.StatusForbidden, "not_authorized", "this origin is not allowed"})
	}
	return !allowed
}

// await reads until there is something, the time is over, the client is gone
// or the server drains.
func (s *Server) await(conn net.Conn, r *feed.Reader, q *readQuery, news <-chan struct{}) *feed.Reading {
	gone, stop := watch(conn)
	defer stop()
	s.waiting.Add(1)
	defer s.waiting.Add(-1)
	end := time.NewTimer(q.wait)
	defer end.Stop()
	touch := time.NewTicker(touchEvery)
	defer touch.Stop()
	pace := pacer{server: s, last: time.Now()}
	for over := false; ; {
		select {
		case <-news:
			pace.rest()
		case <-touch.C:
		case <-end.C:
			over = true
		case <-gone:
			over = true
		case <-s.drain:
			over = true
		}
		news = s.hub.News()
		out := r.Read(q.limit, readBytesMax, s.shards.Now())
		if over || len(out.Frames) > 0 {
			return out
		}
	}
}

// pacer paces the reads of one reader. It belongs to one goroutine.
type pacer struct {
	server *Server
	last   time.Time // of the last read
}

// rest waits until the next read is due, and notes it.
func (p *pacer) rest() {
	readers := p.server.waiting.Load() + int64(p.server.events.count())
	every := readEvery * time.Duration(1+readers/readersUnslowed)
	time.Sleep(every - time.Since(p.last))
	p.last = time.Now()
}
