package server

import (
	"runtime"
	"testing"
	"time"

	"tickcast/feed"
	"tickcast/wire"
)

// maker makes the rig of a kind of socket.
type maker func(t testing.TB, adjust ...func(*Config)) *rig

// eachKind runs a test on every kind of socket: descriptors with ordinary and
// with raw system calls, those that are a net.Conn with goroutines, and those
// with TLS.
func eachKind(t *testing.T, test func(t *testing.T, newRig maker)) {
	t.Helper()
	for _, kind := range []struct {
		name   string
		config feed.ShardsConfig
		make   func(testing.TB, feed.ShardsConfig, ...func(*Config)) *rig
	}{
		{"descriptors", feed.ShardsConfig{Ordinary: true}, newRigOn},
		{"raw", feed.ShardsConfig{}, newRigOn},
		{"connections", feed.ShardsConfig{Ordinary: true, Connections: true}, newRigOn},
		{"tls", feed.ShardsConfig{Ordinary: true}, newSecureRig},
	} {
		t.Run(kind.name, func(t *testing.T) {
			// As cmd/tickcast does: a thread in a raw call keeps its place.
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2))
			test(t, func(t testing.TB, adjust ...func(*Config)) *rig {
				t.Helper()
				return kind.make(t, kind.config, adjust...)
			})
		})
	}
}

// TestKinds wants the same of all kinds of sockets.
func TestKinds(t *testing.T) {
	eachKind(t, func(t *testing.T, newRig maker) {
		converse(t, newRig(t))
		frozen(t, newRig(t))
		drained(t, newRig(t))
	})
}

// converse subscribes, reads without holes beside somebody hostile, and leaves.
func converse(t *testing.T, g *rig) {
	t.Helper()
	stop := g.market.run(1)
	w := g.watch(t)
	for i := range 100 {
		if err := g.attack(uint64(i)); err != nil {
			t.Fatal(err)
		}
	}
	for _, b := range [][]byte{clientFrame(0xc1, "{}"), clientFrame(0x82, "{}"), clientFrame(0x81, "\xff")} {
		p := g.connect(t, "?streams=bbo.*")
		p.write(b)
		if code, _ := p.closing(); code < 1002 {
			t.Errorf("code %d", code)
		}
	}
	p := g.connect(t, "")
	p.write(clientFrame(0x88, closePayload(1000)))
	if code, _ := p.closeFrame(); code != wire.CloseNormal {
		t.Errorf("code %d", code)
	}
	p.gone()
	stop()
	w.settled()
	w.conn.Close()
	g.quiet()
	if n := g.shards.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}

// frozen wants somebody who reads nothing to be gone in the end, whether he
// breaks the protocol or not.
func frozen(t *testing.T, g *rig) {
	t.Helper()
	g.connect(t, "?ping=0&slow=close&streams=book.*,trade.*")
	violator := g.connect(t, "?ping=0&streams=book.*,trade.*")
	g.stuff()
	violator.write(clientFrame(0xc1, "{}"))
	g.eventually("nobody left", func() bool { g.leap(time.Second); return g.shards.Stats().Sessions == 0 })
	g.quiet()
	if n := len(g.logs.lines(`"disconnected"`)); n != 2 || len(g.logs.lines(`"disconnected"`, `"code":4008`)) == 0 {
		t.Errorf("%d lines: %s", n, g.logs.lines("disconnected"))
	}
}

func drained(t *testing.T, g *rig) {
	t.Helper()
	p := g.connect(t, "?streams=bbo.*")
	done := make(chan error, 1)
	go func() {
		_, err := p.drained()
		done <- err
	}()
	g.stop()
	if err := <-done; err != nil {
		t.Error(err)
	}
}
