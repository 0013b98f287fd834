package server

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"tickcast/wire"
)

// everyChannel is what the roaming client reads.
var everyChannel = []string{
	"trade.*", "order.*", "book.*", "book.*.20ms", "book.*.100ms", "depth5.*", "depth10.*", "depth20.*", "depth10.*.20ms",
	"bbo.*", "bbo.*.20ms", "candle1s.*", "candle1m.*", "candle5m.*", "candle15m.*", "candle1h.*", "candle1d.*", "candle1s.*.1s",
	"ticker.*", "ticker.*.1s", "status.*",
}

// frameHead reads stream and seq of a data frame.
func frameHead(payload string) (stream string, seq uint64, ok bool) {
	rest, ok := strings.CutPrefix(payload, `{"stream":"`)
	if !ok {
		return "", 0, false
	}
	stream, rest, _ = strings.Cut(rest, `"`)
	number, _, _ := strings.Cut(strings.TrimPrefix(rest, `,"seq":`), ",")
	seq, err := strconv.ParseUint(number, 10, 64)
	return stream, seq, err == nil
}

func eventStreamed(stream string) bool {
	e, err := wire.ParseEntry(stream)
	return err == nil && !e.Slot.Channel().Stateful()
}

// witness is a WebSocket client that stays: what it has heard, by stream and
// seq.
type witness struct {
	mu     sync.Mutex
	frames map[string]map[uint64]string
	gaps   []string
}

func (g *rig) witness(t *testing.T, entries []string) *witness {
	t.Helper()
	w := &witness{frames: make(map[string]map[uint64]string)}
	p := g.connect(t, "?heartbeat=0&streams="+strings.Join(entries, ","))
	p.expect(`{"op":"subscribed",`)
	go func() {
		for {
			op, payload, err := p.frame()
			if err != nil {
				return
			}
			if op == wire.OpcodeText {
				w.take(string(payload))
			}
		}
	}()
	return w
}

func (w *witness) take(payload string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	stream, seq, ok := frameHead(payload)
	if !ok {
		w.gaps = append(w.gaps, payload)
		return
	}
	if w.frames[stream] == nil {
		w.frames[stream] = make(map[uint64]string)
	}
	w.frames[stream][seq] = payload
}

// at returns the last seq of a stream.
func (w *witness) at(stream string) (last uint64) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for seq := range w.frames[stream] {
		last = max(last, seq)
	}
	return last
}

// roamer goes from one transport to the next, with what it knows.
type roamer struct {
	t       *testing.T
	rig     *rig
	entries string
	last    map[string]uint64            // seq by stream
	heard   map[string]map[uint64]string // all frames
	cursor  string
	hops    map[string]int // frames by transport
}

// take keeps a frame; fresh says that the client has just begun, and may get
// snapshots.
func (r *roamer) take(transport, payload string, fresh bool) error {
	stream, seq, ok := frameHead(payload)
	switch {
	case !ok:
		return fmt.Errorf("%s: %.300s", transport, payload)
	case fresh && r.heard[stream] == nil:
		r.heard[stream] = make(map[uint64]string)
	case eventStreamed(stream) && seq != r.last[stream]+1, seq <= r.last[stream]:
		return fmt.Errorf("%s after %d: %.300s", transport, r.last[stream], payload)
	default:
		if r.heard[stream] == nil {
			r.heard[stream] = make(map[uint64]string)
		}
		r.heard[stream][seq] = payload
	}
	r.last[stream] = seq
	r.hops[transport]++
	return nil
}

// since is the parameter for what the client has of each stream.
func (r *roamer) since() string {
	var parts []string
	for stream, seq := range r.last {
		parts = append(parts, stream+"="+strconv.FormatUint(seq, 10))
	}
	slices.Sort(parts)
	return "&since=k7:" + strings.Join(parts, ",")
}

// webSocket reads some frames over a WebSocket; what it knows is in its since.
func (r *roamer) webSocket(frames int) error {
	p := r.rig.connect(r.t, "?heartbeat=0")
	defer p.conn.Close()
	var since []string
	for stream, seq := range r.last {
		since = append(since, fmt.Sprintf(`%q:"k7:%d"`, stream, seq))
	}
	fresh := len(since) == 0
	p.send(fmt.Sprintf(`{"op":"subscribe","streams":["%s"],"since":{%s}}`, strings.ReplaceAll(r.entries, ",", `","`), strings.Join(since, ",")))
	first := p.expect(`{"op":"subscribed",`)
	for stream, c := range p.cursors(first) {
		_, seq, _ := wire.ParseCursor([]byte(strings.TrimSuffix(c, " recovered")))
		if eventStreamed(stream) {
			if fresh {
				r.last[stream] = seq
			} else if seq != r.last[stream] {
				return fmt.Errorf("%s is resumed at %d; want %d", stream, seq, r.last[stream])
			}
		}
	}
	for range frames {
		if err := r.take("websocket", p.next(), fresh); err != nil {
			return err
		}
	}
	return nil
}

// serverSent reads some events, and those up to the next id.
func (r *roamer) serverSent(query string, frames int) error {
	e := r.rig.events(r.t, "?streams="+r.entries+query)
	defer e.peer.conn.Close()
	for n := 0; ; {
		ev, err := e.read()
		if err != nil {
			return err
		}
		if ev.data != "" {
			if err := r.take("sse", ev.data, false); err != nil {
				return err
			}
			n++
		}
		if ev.id != "" {
			r.cursor = ev.id
			if n >= frames {
				return nil
			}
		}
	}
}

func (r *roamer) poll(query string, polls, limit int) error {
	for range polls {
		a := r.rig.ask(r.t, fmt.Sprintf("/v1/poll?streams=%s&wait=5&limit=%d%s", r.entries, limit, query), 200)
		for _, f := range a.texts() {
			if err := r.take("poll", f, false); err != nil {
				return err
			}
		}
		r.cursor = a.Cursor
		query = "&cursor=" + r.cursor
	}
	return nil
}

// TestRoaming lets a client go from WebSocket to SSE to poll to WebSocket,
// again and again, with nothing but its cursors, while the market moves. It
// must miss nothing, hear nothing twice, and hear the very bytes that a client
// hears who stays.
func TestRoaming(t *testing.T) {
	g := newRig(t)
	g.market.publish(200)
	w := g.witness(t, everyChannel)
	stop := g.market.run(1)
	r := &roamer{
		t: t, rig: g, entries: strings.Join(everyChannel, ","),
		last: make(map[string]uint64), heard: make(map[string]map[uint64]string), hops: make(map[string]int),
	}
	for i := range 4 {
		for _, hop := range []func() error{
			func() error { return r.webSocket(1500) },
			func() error { return r.serverSent(r.since(), 300) },
			func() error { return r.serverSent("&lastEventId="+r.cursor, 1500) },
			func() error { return r.poll("&cursor="+r.cursor, 20, 1+50*i) },
			func() error { return r.webSocket(1500) },
			func() error { return r.poll(r.since(), 20, 1000) },
			func() error { return r.serverSent("&cursor="+r.cursor, 1500) },
		} {
			if err := hop(); err != nil {
				t.Fatal(err)
			}
		}
	}
	stop()
	time.Sleep(50 * time.Millisecond) // tiers have one more beat
	for {
		before := r.cursor
		if err := r.poll("&wait=0&cursor="+r.cursor, 1, 10_000); err != nil {
			t.Fatal(err)
		}
		if r.cursor == before {
			break
		}
	}
	for stream, last := range r.last {
		g.eventually(stream+" is heard", func() bool { return w.at(stream) >= last })
	}
	r.compare(w)
}

// compare wants every frame to be the witness's.
func (r *roamer) compare(w *witness) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.gaps) > 0 {
		r.t.Errorf("the witness missed something itself: %q", w.gaps)
	}
	channels, compared := make(map[string]int), 0
	for stream, frames := range r.heard {
		channel, _, _ := strings.Cut(stream, ".")
		for seq, payload := range frames {
			want, ok := w.frames[stream][seq]
			if ok && want != payload {
				r.t.Fatalf("%s %d: got\n%s\nwant\n%s", stream, seq, payload, want)
			}
			switch {
			case ok:
				compared++
				channels[channel]++
			case eventStreamed(stream):
				r.t.Fatalf("%s %d: the witness has not heard it", stream, seq)
			}
		}
	}
	for _, channel := range []string{"trade", "order", "book", "depth5", "depth10", "depth20", "bbo", "candle1s", "candle1m", "candle5m", "candle15m", "candle1h", "candle1d", "ticker"} {
		if channels[channel] == 0 {
			r.t.Errorf("no frame of %s was compared", channel)
		}
	}
	if compared < 10_000 || min(r.hops["websocket"], r.hops["sse"], r.hops["poll"]) < 1000 {
		r.t.Errorf("%d frames compared, %v: it tested little", compared, r.hops)
	}
	r.t.Logf("%d frames compared, %v", compared, r.hops)
}
