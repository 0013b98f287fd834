package server

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"testing"
	"time"

	"tickcast/feed"
)

// TestSubscribeStorm lets clients subscribe and unsubscribe as much as a
// message holds, as fast as they may, and read every state that they get for
// it. What they can ask for is bounded, and a client beside them is not hurt.
func TestSubscribeStorm(t *testing.T) {
	eachKind(t, func(t *testing.T, newRig maker) { storm(t, newRig(t)) })
}

func storm(t *testing.T, g *rig) {
	t.Helper()
	const (
		clients  = 4
		duration = 2 * time.Second
	)
	g.market.publish(2000)
	stop := g.market.run(1)
	healthy := g.watch(t)
	names := []string{`"book.*"`, `"trade.*"`, `"bbo.*"`}
	for len(names) < 200 {
		names = append(names, fmt.Sprintf(`"bbo.%s%d*"`, strings.Repeat("X", 40), len(names)))
	}
	list := strings.Join(names, ",")
	round := append(text(`{"op":"subscribe","streams":[`+list+`]}`), text(`{"op":"unsubscribe","streams":[`+list+`]}`)...)
	var wg sync.WaitGroup
	var peers []*peer
	for range clients {
		p := g.connect(t, "?ping=0&heartbeat=0")
		wg.Go(func() { _, _ = io.Copy(io.Discard, p.conn) })
		wg.Go(func() {
			for {
				if _, err := p.conn.Write(round); err != nil {
					return
				}
			}
		})
		peers = append(peers, p)
	}
	start := time.Now()
	before := g.shards.Stats()
	for time.Since(start) < duration {
		for _, i := range g.shards.Sessions() {
			if i.Entries > 1024 || i.UnsentBytes > 4<<20 {
				t.Errorf("%d entries, %d bytes unsent", i.Entries, i.UnsentBytes)
			}
		}
		time.Sleep(20 * time.Millisecond)
	}
	elapsed := time.Since(start)
	after := g.shards.Stats()
	stop()
	healthy.settled()
	most := uint64(clients * (256<<10 + 64<<10 + int(elapsed.Seconds()*(64<<10))))
	if read := after.BytesIn - before.BytesIn; read > most {
		t.Errorf("%d bytes read in %v; want at most %d", read, elapsed, most)
	}
	if after.Limits[feed.LimitInbound] == 0 || after.Panics != 0 {
		t.Errorf("%d pauses, %d panics", after.Limits[feed.LimitInbound], after.Panics)
	}
	for _, p := range peers {
		p.conn.Close()
	}
	wg.Wait()
	g.eventually("one left", func() bool { return g.shards.Stats().Sessions <= 1 })
}
