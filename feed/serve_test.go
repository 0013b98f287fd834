package feed

import (
	"context"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"tickcast/wire"
)

// guardTime ends a test that would wait for ever; no test waits for it.
const guardTime = 30 * time.Second

// netClient is a simClient at the other end of a real connection.
type netClient struct {
	*simClient
	t     *testing.T
	conn  net.Conn
	ended chan End
	done  chan struct{}

	mu   sync.Mutex // guards all below
	cond sync.Cond
	buf  []byte
	eof  bool
}

// dial connects a client to shards over TCP on this machine, with kernel
// buffers of about that many bytes.
func dial(t *testing.T, w *world, shards *Shards, slow Slow, buffer int) *netClient {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	conn, err := net.Dial("tcp", ln.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	served, err := ln.Accept()
	if err != nil {
		t.Fatal(err)
	}
	for _, err := range []error{conn.(*net.TCPConn).SetReadBuffer(buffer), served.(*net.TCPConn).SetWriteBuffer(buffer)} {
		if err != nil {
			t.Fatal(err)
		}
	}
	c := &netClient{
		simClient: newSimClient(w), t: t, conn: conn, ended: make(chan End, 1), done: make(chan struct{}),
	}
	c.cond.L = &c.mu
	if !shards.Serve(served, nil, Options{Slow: slow, Closed: func(e End) { c.ended <- e }}) {
		t.Fatal("not served")
	}
	t.Cleanup(func() { conn.Close() })
	c.say(`{"op":"subscribe","id":0,"streams":["book.*","trade.*","bbo.*"]}`)
	c.asked[0] = []string{"book.*", "trade.*", "bbo.*"}
	return c
}

func (c *netClient) say(text string) {
	c.t.Helper()
	if _, err := c.conn.Write(wire.AppendClientFrame(nil, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(text))); err != nil {
		c.t.Fatal(err)
	}
}

// reads begins reading all that comes.
func (c *netClient) reads() {
	go func() {
		defer close(c.done)
		piece := make([]byte, 64<<10)
		for {
			n, err := c.conn.Read(piece)
			c.mu.Lock()
			c.buf, c.eof = append(c.buf, piece[:n]...), err != nil
			c.cond.Signal()
			c.mu.Unlock()
			if err != nil {
				return
			}
		}
	}()
}

// await handles what comes until until holds.
func (c *netClient) await(what string, until func() bool) {
	c.t.Helper()
	guard := time.AfterFunc(guardTime, func() { c.conn.Close() })
	defer guard.Stop()
	for {
		c.mu.Lock()
		for len(c.buf) == 0 && !c.eof {
			c.cond.Wait()
		}
		c.inbuf, c.buf = append(c.inbuf, c.buf...), c.buf[:0]
		eof := c.eof
		c.mu.Unlock()
		if err := c.receive(); err != nil {
			c.t.Fatal(err)
		}
		if until() {
			return
		}
		if eof {
			c.t.Fatalf("the connection ended before %s", what)
		}
	}
}

// current reports whether the client has all that was published.
func (c *netClient) current() bool {
	c.world.hub.mu.Lock()
	defer c.world.hub.mu.Unlock()
	for _, s := range c.world.hub.symbols {
		for _, ch := range []wire.Slot{slotTrade, slotBook, slotBBO} {
			f := c.streams[string(c.world.hub.listings.Load().name(nil, ch.Stream(s.id)))]
			if f == nil || f.state || f.next-1 != s.seq(ch) {
				return false
			}
		}
	}
	return true
}

func (c *netClient) heard(what string) int {
	return len(slices.DeleteFunc(slices.Clone(c.trace), func(s string) bool { return !strings.HasPrefix(s, what) }))
}

func TestServe(t *testing.T) {
	for name, cfg := range map[string]ShardsConfig{"descriptors": {}, "ordinary": {Ordinary: true}, "connections": {Connections: true}} {
		t.Run(name, func(t *testing.T) { testServe(t, cfg) })
	}
}

func testServe(t *testing.T, cfg ShardsConfig) {
	w := newWorld(1, 0, 0)
	w.tracing = true
	cfg.Now = func() int64 { return time.Now().UnixNano() }
	shards, err := NewShards(w.hub, cfg)
	if err != nil {
		t.Fatal(err)
	}
	const large, small = 1 << 20, 32 << 10
	steady := dial(t, w, shards, SlowConflate, large)
	stops := dial(t, w, shards, SlowConflate, small)
	closes := dial(t, w, shards, SlowClose, small)
	steady.reads()
	publish := func(txns int) {
		t.Helper()
		if err := w.publish(txns); err != nil {
			t.Fatal(err)
		}
		steady.await("all was published", steady.current)
	}
	// Two clients read nothing while more is published than kernel and log hold.
	var evicted End
	for n := 0; evicted.Code == 0; n++ {
		publish(400)
		select {
		case evicted = <-closes.ended:
		default:
		}
		if n == 2000 {
			t.Fatal("slow=close was not closed")
		}
	}
	if evicted.Code != wire.CloseTooSlow {
		t.Fatalf("slow=close ended with %+v", evicted)
	}
	for range 20 {
		publish(400) // beyond what the kernel may have made of its buffers
	}
	stops.reads()
	publish(50)
	stops.await("it was told what it missed", stops.current)
	if stops.heard(`{"op":"gap"`) == 0 || stops.heard(`{"op":"conflated"`) == 0 || stops.credit != 0 {
		t.Fatalf("%d gaps, %d times conflated, %d frames announced too many",
			stops.heard(`{"op":"gap"`), stops.heard(`{"op":"conflated"`), stops.credit)
	}
	if steady.heard(`{"op":"gap"`)+steady.heard(`{"op":"conflated"`) > 0 {
		t.Fatal("a client that reads was disturbed by one that does not")
	}
	w.hub.mu.Lock()
	for name, s := range stops.streams {
		if id, ok := w.hub.listings.Load().stream(name); ok && id.Channel() == wire.ChannelBook && s.crc() != w.hub.symbols[id.Instrument()].crc() {
			t.Errorf("%s differs from the image", name)
		}
	}
	w.hub.mu.Unlock()
	if st := shards.Stats(); st.Sessions != 2 || st.Evictions != 1 || st.Resyncs == 0 || st.Panics != 0 {
		t.Fatalf("%+v", st)
	}
	shutdown(t, w, shards, steady, stops)
}

// shutdown ends the shards while one client reads nothing, and one that was
// served too late is refused.
func shutdown(t *testing.T, w *world, shards *Shards, clients ...*netClient) {
	frozen := dial(t, w, shards, SlowConflate, 4<<10)
	if err := w.publish(2000); err != nil {
		t.Fatal(err)
	}
	for _, c := range clients { // a close frame behind much else may miss its deadline
		c.await("all was published", c.current)
	}
	ctx, cut := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		shards.Shutdown(ctx, 0)
	}()
	for _, c := range clients {
		c.await("its close frame", func() bool { return c.closeFrames > 0 })
		if c.heard(`{"op":"notice","code":"shutdown"`) != 1 {
			t.Fatal("no notice of the shutdown")
		}
		c.conn.Close()
		<-c.done
		if e := <-c.ended; e.Code != wire.CloseShutdown {
			t.Fatalf("ended with %+v", e)
		}
	}
	cut()
	<-done
	if e := <-frozen.ended; e.Code != wire.CloseShutdown {
		t.Fatalf("the frozen client ended with %+v", e)
	}
	if err := goleak.Find(); err != nil {
		t.Fatal(err) // and the frozen client's connection is open still
	}
	a, b := net.Pipe()
	defer b.Close()
	if shards.Serve(a, nil, Options{}) {
		t.Fatal("served after the end")
	}
	if st := shards.Stats(); st.Sessions != 0 || st.Groups != 0 || st.LogBytes != 0 {
		t.Fatalf("left: %+v", st)
	}
}
