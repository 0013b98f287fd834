package server

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"tickcast/feed"
	"tickcast/wire"
)

// What a client of Server-Sent Events has not taken is bounded: a read of so
// many frames and bytes, of which so many at a time have a minute to leave.
// Who is slower is cut, and goes on from his last id.
const (
	commentEvery    = 15 * time.Second
	eventsFramesMax = 1000
	eventsBytesMax  = 64 << 10
	eventsWriteMax  = 16 << 10
	eventsUnsentMax = 60 * time.Second
)

// closeAbnormal is the end of a connection without a word (RFC 6455 section
// 7.4.1). It is never sent.
const closeAbnormal wire.CloseCode = 1006

// eventStreams are the clients of Server-Sent Events.
type eventStreams struct {
	server *Server
	bytes  atomic.Uint64 // written
	unsent time.Duration // eventsUnsentMax, but in tests
	quiet  time.Duration // commentEvery, but in tests

	mu     sync.Mutex // guards all below
	open   map[*eventStream]struct{}
	opened int
	down   bool
	wg     sync.WaitGroup
}

func newEventStreams(s *Server) *eventStreams {
	return &eventStreams{server: s, unsent: eventsUnsentMax, quiet: commentEvery, open: make(map[*eventStream]struct{})}
}

// eventStream is one of them. It belongs to the goroutine of its run.
type eventStream struct {
	server *Server
	conn   net.Conn
	reader *feed.Reader
	name   string
	remote string

	buf     []byte // to be written
	written uint64
	err     error // of the write that failed
	drained <-chan time.Time
}

// begin serves a client in a goroutine of its own.
func (s *eventStreams) begin(e *eventStream) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.down {
		e.reader.Close()
		_ = e.conn.Close() // nothing was promised
		return
	}
	s.opened++
	e.name = eventsName + "-" + strconv.FormatInt(int64(s.opened), 36)
	s.open[e] = struct{}{}
	s.wg.Go(func() { s.serve(e) })
}

// serve runs a client from its first to its last line in the log.
func (s *eventStreams) serve(e *eventStream) {
	begun := time.Now()
	log := s.server.log.With().Str("conn", e.name).Str("remote", e.remote).Str("transport", eventsName).Logger()
	log.Info().Msg("connected")
	code, reason := e.guarded()
	e.reader.Close()
	if code == wire.CloseTooSlow {
		abort(e.conn)
	} else {
		_ = e.conn.Close() // what there was to say is said
	}
	s.mu.Lock()
	delete(s.open, e)
	s.mu.Unlock()
	s.server.metrics.disconnected(code, eventsName)
	log.Info().Uint16("code", uint16(code)).Bytes("reason", shown([]byte(reason))).Dur("lived", time.Since(begun)).
		Uint64("bytes_out", e.written).Msg("disconnected")
}

// guarded is run, whose panic ends this client only.
func (e *eventStream) guarded() (code wire.CloseCode, reason string) {
	defer func() {
		if r := recover(); r != nil {
			e.server.metrics.panics.Inc()
			code, reason = wire.CloseInternal, fmt.Sprintf("panic: %v", r)
		}
	}()
	return e.run()
}

// abort closes a connection and throws away what the kernel has not sent.
func abort(conn net.Conn) {
	if a, ok := conn.(interface{ Abort() error }); ok {
		_ = a.Abort() // it is over either way
		return
	}
	if l, ok := conn.(interface{ SetLinger(int) error }); ok {
		_ = l.SetLinger(0) // closing without it is only slower
	}
	_ = conn.Close()
}

// count returns how many are connected.
func (s *eventStreams) count() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.open)
}

// shutdown waits until all have ended, as they do when the server drains, and
// cuts those who have not when ctx ends.
func (s *eventStreams) shutdown(ctx context.Context) {
	s.mu.Lock()
	s.down = true
	s.mu.Unlock()
	stop := context.AfterFunc(ctx, func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		for e := range s.open {
			abort(e.conn)
		}
	})
	defer stop()
	s.wg.Wait()
}

// run serves the client until it goes, does not read, or the server drains.
func (e *eventStream) run() (code wire.CloseCode, reason string) {
	gone, stop := watch(e.conn)
	defer stop()
	e.buf = appendRetry(e.buf, retry())
	drain := e.server.drain
	quiet := time.NewTicker(e.server.events.quiet)
	defer quiet.Stop()
	pace := pacer{server: e.server}
	for first := true; ; first = false {
		news := e.server.hub.News()
		before := e.written
		again := e.read(first)
		if e.written > before {
			quiet.Reset(e.server.events.quiet)
		}
		if e.err != nil {
			return e.broken(gone)
		}
		ready := news
		if again {
			ready = closed
		}
		select {
		case <-gone:
			return wire.CloseGoingAway, "the client is gone"
		case <-drain:
			drain, e.drained = nil, time.After(e.server.drainShare())
		case <-e.drained:
			e.farewell()
			return wire.CloseShutdown, "shutting down"
		case <-ready:
			if !again {
				pace.rest()
			}
		case <-quiet.C:
			e.buf = append(e.buf, ":\n\n"...)
		}
	}
}

// closed is a channel that is ready.
var closed = func() chan struct{} {
	c := make(chan struct{})
	close(c)
	return c
}()

// broken says how the client was when a write failed.
func (e *eventStream) broken(gone <-chan struct{}) (wire.CloseCode, string) {
	select {
	case <-gone:
		return wire.CloseGoingAway, "the client is gone"
	default:
	}
	if errors.Is(e.err, os.ErrDeadlineExceeded) {
		return wire.CloseTooSlow, "the client does not read"
	}
	return closeAbnormal, e.err.Error()
}

// read sends what is new, and reports whether there is more at once. The first
// read tells where the client stands even if there is nothing: a browser keeps
// an id without data, and comes back with it.
func (e *eventStream) read(first bool) (more bool) {
	out := e.reader.Read(eventsFramesMax, eventsBytesMax, e.server.shards.Now())
	epoch := e.server.hub.Epoch()
	for i := range out.Frames {
		f := &out.Frames[i]
		if f.Pos != 0 {
			e.buf = append(e.buf, "id: "...)
			e.buf = append(wire.AppendCursor(e.buf, epoch, f.Pos), '\n')
		}
		e.buf = append(e.buf, "data: "...)
		e.buf = append(e.buf, f.Payload...)
		e.buf = append(e.buf, "\n\n"...)
		if len(e.buf) >= eventsWriteMax {
			e.flush()
		}
	}
	if first && len(out.Frames) == 0 {
		e.buf = append(e.buf, "id: "...)
		e.buf = append(e.buf, out.Cursor...)
		e.buf = append(e.buf, "\n\n"...)
	}
	e.flush()
	return out.More
}

// farewell tells what a session is told too, and when to come back.
func (e *eventStream) farewell() {
	ms := retry()
	e.buf = append(e.buf, "retry: "...)
	e.buf = strconv.AppendInt(e.buf, int64(ms), 10)
	e.buf = append(e.buf, "\ndata: "...)
	e.buf = wire.AppendNoticeShutdown(e.buf, int64(ms))
	e.buf = append(e.buf, "\n\n"...)
	e.flush()
}

// flush writes what is to be written, each piece with a deadline of its own.
func (e *eventStream) flush() {
	for b := e.buf; len(b) > 0 && e.err == nil; {
		piece := b[:min(len(b), eventsWriteMax)]
		if e.err = e.conn.SetWriteDeadline(time.Now().Add(e.server.events.unsent)); e.err != nil {
			break
		}
		var n int
		n, e.err = e.conn.Write(piece)
		e.written += uint64(n)
		e.server.events.bytes.Add(uint64(n))
		b = b[len(piece):]
	}
	if e.buf = e.buf[:0]; cap(e.buf) > 4*eventsWriteMax {
		e.buf = nil
	}
}

// drainShare is how long a client stays after the drain has begun.
func (s *Server) drainShare() time.Duration {
	if drain := s.drainFor.Load(); drain > 0 {
		return time.Duration(rand.Int64N(drain))
	}
	return 0
}
