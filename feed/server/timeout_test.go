package server

import (
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/rs/zerolog"
	"github.com/valyala/fasthttp/fasthttputil"

	"tickcast/feed"
)

// TestSlowloris sends a handshake in crumbs, in virtual time: it is cut when
// ReadTimeout is over, however steadily the crumbs come.
func TestSlowloris(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(t)
		l := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		conn, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		cut := make(chan time.Duration)
		go func() {
			_, _ = io.Copy(io.Discard, conn) // until it is closed
			cut <- time.Since(start)
		}()
		go func() {
			for _, b := range []byte(handshake("/v1/stream")) {
				if _, err := conn.Write([]byte{b}); err != nil {
					return
				}
				time.Sleep(time.Second)
			}
		}()
		if got := <-cut; got < readTimeout || got > 2*readTimeout {
			t.Errorf("cut after %v; want %v", got, readTimeout)
		}
		stopVirtual(t, s, l, served)
	})
}

// TestSilence opens a connection and says nothing.
func TestSilence(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(t)
		l := fasthttputil.NewInmemoryListener()
		served := make(chan error, 1)
		go func() { served <- s.Serve(l) }()
		conn, err := l.Dial()
		if err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		_, _ = io.Copy(io.Discard, conn)
		if got := time.Since(start); got < readTimeout || got > 2*readTimeout {
			t.Errorf("cut after %v; want %v", got, readTimeout)
		}
		stopVirtual(t, s, l, served)
	})
}

// TestAnswerUnread asks for a file that no buffer holds, and does not read it:
// the connection is cut when WriteTimeout is over.
func TestAnswerUnread(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := virtualServer(t)
		s.page["/large"] = asset{kind: "text/plain", body: make([]byte, 1<<20)}
		conn, theirs := net.Pipe() // without a buffer
		l := single{conns: make(chan net.Conn, 1), closed: make(chan struct{})}
		l.conns <- theirs
		served := make(chan error, 1)
		go func() { served <- s.Serve(&l) }()
		if _, err := conn.Write([]byte("GET /large HTTP/1.1\r\nHost: feed.test\r\n\r\n")); err != nil {
			t.Fatal(err)
		}
		start := time.Now()
		time.Sleep(writeTimeout - time.Second)
		if _, err := io.CopyN(io.Discard, conn, 10_000); err != nil {
			t.Errorf("after %v: %v", time.Since(start), err)
		}
		time.Sleep(2 * time.Second)
		if n, _ := io.Copy(io.Discard, conn); n >= 1<<20-10_000 {
			t.Errorf("after %v the rest came: %d bytes", time.Since(start), n)
		}
		stopVirtual(t, s, &l, served)
	})
}

// single is a listener of the connections that it was given.
type single struct {
	conns  chan net.Conn
	closed chan struct{}
	once   sync.Once
}

func (s *single) Accept() (net.Conn, error) {
	select {
	case c := <-s.conns:
		return c, nil
	case <-s.closed:
		return nil, net.ErrClosed
	}
}

func (s *single) Close() error {
	s.once.Do(func() { close(s.closed) })
	return nil
}

func (s *single) Addr() net.Addr { return &net.UnixAddr{Name: "single"} }

// virtualServer returns a server whose time is the bubble's: it has no shards,
// which wait in system calls.
func virtualServer(t *testing.T) *Server {
	t.Helper()
	hub, err := feed.NewHub(feed.Config{Epoch: "k7"})
	if err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{Hub: hub, Shards: &feed.Shards{}, Log: zerolog.Nop()})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func stopVirtual(t *testing.T, s *Server, l net.Listener, served <-chan error) {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	s.Shutdown(ctx, 0)
	_ = l.Close()
	if err := <-served; err != nil {
		t.Error(err)
	}
	time.Sleep(time.Minute) // the worker pool's cleaner looks up that rarely
}
