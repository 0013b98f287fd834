package server

import (
	"runtime"
	"testing"
	"time"

	"tickcast/feed"
	"tickcast/wire"
)

// TestKinds wants the same of the other kinds of sockets: those with raw
// system calls, those that are a net.Conn with goroutines, and those with TLS.
func TestKinds(t *testing.T) {
	for _, c := range []struct {
		name string
		kind feed.ShardsConfig
		make func(testing.TB, feed.ShardsConfig, ...func(*Config)) *rig
	}{
		{"raw", feed.ShardsConfig{}, newRigOn},
		{"connections", feed.ShardsConfig{Ordinary: true, Connections: true}, newRigOn},
		{"tls", feed.ShardsConfig{Ordinary: true}, newSecureRig},
	} {
		t.Run(c.name, func(t *testing.T) {
			// As cmd/tickcast does: a thread in a raw call keeps its place.
			defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(runtime.GOMAXPROCS(0) + 2))
			converse(t, c.make(t, c.kind))
			frozen(t, c.make(t, c.kind))
			drained(t, c.make(t, c.kind))
		})
	}
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
