package server

import (
	"bytes"
	"crypto/tls"
	"io"
	"net"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// pair is the two ends of a counted connection.
func pair(t *testing.T) (server, client net.Conn) {
	t.Helper()
	tcp, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(tcp, newLimiter(10, 10), nil, zerolog.Nop())
	defer l.Close()
	if client, err = net.Dial("tcp", tcp.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if server, err = l.Accept(); err != nil {
		t.Fatal(err)
	}
	for _, c := range []net.Conn{server, client} {
		t.Cleanup(func() { c.Close() })
		if err := c.SetDeadline(time.Now().Add(patience)); err != nil {
			t.Fatal(err)
		}
	}
	return server, client
}

// TestWatch wants what a client says while it is watched to be read later, all
// of it, then the end.
func TestWatch(t *testing.T) {
	for _, size := range []int{0, 1, 700, aheadBytesMax, 3 * aheadBytesMax} {
		server, client := pair(t)
		said := bytes.Repeat([]byte("tick"), size)[:size]
		gone, stop := watch(server)
		if _, err := client.Write(said[:size/2]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		stop()
		_, stop = watch(server)
		if _, err := client.Write(said[size/2:]); err != nil {
			t.Fatal(err)
		}
		time.Sleep(5 * time.Millisecond)
		stop()
		client.Close()
		if isClosed(gone) {
			t.Error("it is gone too early")
		}
		got, err := io.ReadAll(server)
		if err != nil || !bytes.Equal(got, said) {
			t.Errorf("%d bytes of %d: %v", len(got), size, err)
		}
	}
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}

// TestWatchGone wants the end to be noticed, also behind something said, and
// also through TLS, which says goodbye.
func TestWatchGone(t *testing.T) {
	certified := httptest.NewTLSServer(nil)
	defer certified.Close()
	for _, secure := range []bool{false, true} {
		server, client := pair(t)
		if secure {
			s := tls.Server(server, &tls.Config{Certificates: certified.TLS.Certificates})
			c := tls.Client(client, &tls.Config{InsecureSkipVerify: true})
			done := make(chan error, 1)
			go func() { done <- c.Handshake() }()
			if err := s.Handshake(); err != nil {
				t.Fatal(err)
			}
			if err := <-done; err != nil {
				t.Fatal(err)
			}
			server, client = s, c
		}
		gone, stop := watch(server)
		if _, err := client.Write([]byte("hello")); err != nil {
			t.Fatal(err)
		}
		client.Close()
		select {
		case <-gone:
		case <-time.After(patience):
			t.Errorf("TLS %t: nobody noticed", secure)
		}
		stop()
		if got, err := io.ReadAll(server); string(got) != "hello" || err != nil {
			t.Errorf("TLS %t: %q %v", secure, got, err)
		}
	}
}

// TestWatchBlind wants a connection that cannot be watched to be left alone.
func TestWatchBlind(t *testing.T) {
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	gone, stop := watch(a)
	if stop(); gone != nil {
		t.Error("what is not watched is gone")
	}
}
