package server

import (
	"strings"
	"testing"
	"time"

	"tickcast/wire"
)

// stuff publishes until the kernel takes no more for a peer that does not
// read: for a while, for a connection's writer may only be slow.
func (g *rig) stuff() {
	g.t.Helper()
	still := 0
	stuck := func() bool {
		before := g.shards.Stats().BytesOut
		for range 20 {
			g.market.publish(200)
		}
		g.shards.Stats() // the round that it waits for has yet to write
		if still++; g.shards.Stats().BytesOut != before {
			still = 0
		}
		return still == 5
	}
	g.eventually("a full socket", stuck)
}

// TestSlowClose wants a frozen client with slow=close evicted by the age of
// what it has not read, with its code in the log, and nobody else hurt.
func TestSlowClose(t *testing.T) { eachKind(t, testSlowClose) }

func testSlowClose(t *testing.T, newRig maker) {
	g := newRig(t)
	g.connect(t, "?slow=close&ping=0&streams=book.*,trade.*")
	g.stuff()
	g.eventually("eviction", func() bool { g.leap(time.Second); return g.shards.Stats().Evictions == 1 })
	g.quiet()
	if n := len(g.logs.lines(`"disconnected"`, `"code":4008`)); n != 1 {
		t.Errorf("%d lines: %s", n, g.logs.lines("disconnected"))
	}
}

// TestSlowConflate wants a client that pauses told exactly what it missed, and
// to go on with a true book.
func TestSlowConflate(t *testing.T) { eachKind(t, testSlowConflate) }

func testSlowConflate(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?ping=0&streams=book.*,trade.*,bbo.*")
	g.stuff()
	g.eventually("falling off", func() bool {
		g.leap(300 * time.Millisecond) // what is older is not kept
		g.market.publish(500)
		return g.wrapped()
	})
	p.send(`{"op":"ping","id":"behind"}`)
	f := newFollower()
	behind := false
	for f.gaps == 0 || !behind {
		m := p.next()
		behind = behind || strings.HasPrefix(m, `{"op":"pong","id":"behind"`)
		if err := f.take(m); err != nil {
			t.Fatal(err)
		}
	}
	p.send(`{"op":"ping","id":"end"}`)
	for ended := false; !ended; {
		m := p.next()
		ended = strings.HasPrefix(m, `{"op":"pong","id":"end"`)
		if err := f.take(m); err != nil {
			t.Fatal(err)
		}
	}
	if f.checked == 0 {
		t.Error("no checksum was compared")
	}
}

// wrapped reports whether more was copied into logs than they hold.
func (g *rig) wrapped() bool { return g.shards.Stats().Frames > 60_000 }

// TestFrozenForever wants a client that conflates but never reads to be gone
// after a minute.
func TestFrozenForever(t *testing.T) { eachKind(t, testFrozenForever) }

func testFrozenForever(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?ping=0&streams=book.*,trade.*")
	g.stuff()
	g.leap(50 * time.Second)
	if n := g.shards.Stats().Sessions; n != 1 {
		t.Errorf("%d sessions before its time", n)
	}
	g.eventually("eviction", func() bool { g.leap(time.Second); return g.shards.Stats().Evictions == 1 })
	g.quiet()
	p.gone()
	if n := len(g.logs.lines(`"disconnected"`, `"code":`+"4008")); n != 1 || wire.CloseTooSlow != 4008 {
		t.Errorf("%d lines", n)
	}
}
