package server

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"tickcast/wire"
)

func (g *rig) get(t *testing.T, path string) (*http.Response, string) {
	t.Helper()
	p := g.dial(t)
	p.write([]byte("GET " + path + " HTTP/1.1\r\nHost: feed.test\r\n\r\n"))
	return p.answer()
}

// TestShutdownUnderLoad wants every client told, then closed with 1012 spread
// over the drain; no readiness and no new clients meanwhile; and nothing left.
func TestShutdownUnderLoad(t *testing.T) { eachKind(t, testShutdownUnderLoad) }

func testShutdownUnderLoad(t *testing.T, newRig maker) {
	g := newRig(t)
	const clients = 40
	stop := g.market.run(2)
	var wg sync.WaitGroup
	var mu sync.Mutex
	reconnects := make(map[int64]bool)
	for range clients {
		p := g.connect(t, "?streams=book.*,trade.*,bbo.*")
		wg.Go(func() {
			reconnect, err := p.drained()
			if err != nil {
				t.Error(err)
			}
			mu.Lock()
			defer mu.Unlock()
			reconnects[reconnect] = true
		})
	}
	res, body := g.get(t, "/readyz")
	if res.StatusCode != 200 {
		t.Errorf("readyz before: %s %s", res.Status, body)
	}
	var done sync.WaitGroup
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	for range 2 { // the second waits for the first
		done.Go(func() { g.server.Shutdown(ctx, 1500*time.Millisecond) })
	}
	g.eventually("draining", func() bool { return g.server.draining.Load() })
	if res, body := g.get(t, "/readyz"); res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("readyz: %s %s", res.Status, body)
	}
	if res, _ := g.get(t, "/livez"); res.StatusCode != 200 {
		t.Errorf("livez: %s", res.Status)
	}
	p := g.dial(t)
	p.write([]byte(handshake("/v1/stream")))
	res, body = p.answer()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") == "" {
		t.Errorf("handshake: %s", res.Status)
	}
	checkRefusal(t, res, body, "shutdown")
	wg.Wait()
	p.conn.Close()
	done.Wait()
	stop()
	if len(reconnects) < clients/4 {
		t.Errorf("only %d different times to come back for %d clients", len(reconnects), clients)
	}
	if n := len(g.logs.lines(`"disconnected"`, `"code":1012`)); n != clients {
		t.Errorf("%d lines of 1012; want %d", n, clients)
	}
	if _, err := net.Dial("tcp", g.main); err == nil {
		t.Error("the listener is open")
	}
	g.stop()
}

// drained reads up to the close frame, which it answers; a notice has to come
// before, and every stream without a hole.
func (p *peer) drained() (reconnect int64, err error) {
	f := newFollower()
	for {
		op, payload, err := p.frame()
		switch {
		case err != nil:
			return 0, err
		case op == wire.OpcodeClose:
			if code := int(payload[0])<<8 | int(payload[1]); code != 1012 || reconnect == 0 {
				return 0, fmt.Errorf("code %d, reconnect_ms %d", code, reconnect)
			}
			_, err := p.conn.Write(clientFrame(0x88, closePayload(1012)))
			return reconnect, err
		case op != wire.OpcodeText:
		case strings.HasPrefix(string(payload), `{"op":"notice","code":"shutdown",`):
			m, err := parse(string(payload))
			if err != nil || reconnect != 0 {
				return 0, fmt.Errorf("%s: %w", payload, err)
			}
			reconnect = m.Reconnect
		default:
			if err := f.take(string(payload)); err != nil {
				return 0, err
			}
		}
	}
}

// TestShutdownCuts wants the end of ctx to cut what is left: a session that
// would have a long time yet, and a request that is not complete.
func TestShutdownCuts(t *testing.T) { eachKind(t, testShutdownCuts) }

func testShutdownCuts(t *testing.T, newRig maker) {
	g := newRig(t)
	var peers []*peer
	for range 6 { // those that are first in their shard end at once
		peers = append(peers, g.connect(t, ""))
	}
	half := g.dial(t)
	half.write([]byte("GET / HT"))
	g.eventually("all", func() bool { return g.server.clients.count() == 7 })
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() {
		g.server.Shutdown(ctx, time.Hour)
		close(done)
	}()
	for _, p := range peers {
		p.expect(`{"op":"notice","code":"shutdown",`)
	}
	select {
	case <-done:
		t.Error("it did not wait")
	default:
	}
	cancel()
	<-done
	for _, c := range append(peers, half) {
		c.gone()
	}
	if n := g.server.clients.count(); n != 0 {
		t.Errorf("%d connections", n)
	}
	g.stop()
}

// TestServeAfterShutdown wants a server that was shut down to serve nobody.
func TestServeAfterShutdown(t *testing.T) {
	g := newRig(t)
	g.stop()
	for _, serve := range []func(net.Listener) error{g.server.Serve, g.server.ServeAdmin} {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		if err := serve(l); err != nil {
			t.Error(err)
		}
		if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
			t.Error("the listener is open")
		}
	}
	g.server.Shutdown(t.Context(), 0)
}
