package server

import (
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/valyala/fasthttp"

	"tickcast/wire"
)

// clientsVariable asks TestHostileClients for more than a test run has time
// for.
const (
	clientsVariable = "TICKCAST_FUZZ_CLIENTS"
	hostileClients  = 3000
	hostileWorkers  = 16
)

// TestHostileClients lets clients send random bytes, and valid handshakes,
// frames and messages with random faults, each the same in every run, a quarter
// of them on each kind of socket. A client
// beside them that behaves gets everything, and nothing of them stays.
func TestHostileClients(t *testing.T) {
	clients := hostileClients
	if text := os.Getenv(clientsVariable); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil {
			t.Fatalf("%s: %v", clientsVariable, err)
		}
		clients = n
	} else if testing.Short() {
		clients = 300
	}
	eachKind(t, func(t *testing.T, newRig maker) { testHostile(t, newRig(t), clients/4) })
}

func testHostile(t *testing.T, g *rig, clients int) {
	t.Helper()
	stop := g.market.run(1)
	healthy := g.watch(t)
	var wg sync.WaitGroup
	jobs := make(chan uint64)
	for range hostileWorkers {
		wg.Go(func() {
			for i := range jobs {
				if err := g.attack(i); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			}
		})
	}
	for i := range clients {
		jobs <- uint64(i)
	}
	close(jobs)
	wg.Wait()
	stop()
	healthy.settled()
	g.eventually("nothing left of them", func() bool {
		return g.server.clients.count() == 1 && g.shards.Stats().Sessions == 1
	})
	m := g.scrape(t)
	if m["panics_total"] != 0 || m["session_panics_total"] != 0 {
		t.Errorf("%v panics of handlers, %v of sessions: %s", m["panics_total"], m["session_panics_total"], g.logs.lines("panic"))
	}
	t.Logf("%d clients; the healthy one got %d frames and compared %d checksums", clients, healthy.f.frames, healthy.f.checked)
}

// watcher is a client that behaves: it reads at once and checks everything.
type watcher struct {
	*peer
	f     *follower
	texts chan string
	ended chan error
}

// watch connects a watcher of everything.
func (g *rig) watch(t *testing.T) *watcher {
	t.Helper()
	w := &watcher{
		peer: g.connect(t, "?ping=0&streams=book.*,trade.*,bbo.*"), f: newFollower(),
		texts: make(chan string, 1<<16), ended: make(chan error, 1),
	}
	if err := w.conn.SetDeadline(time.Time{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(w.texts)
		for {
			op, payload, err := w.frame()
			if err != nil || op != wire.OpcodeText {
				return
			}
			w.texts <- string(payload)
			if strings.HasPrefix(string(payload), `{"op":"subscribed","id":"end"`) {
				return
			}
		}
	}()
	go func() { w.ended <- w.check() }()
	return w
}

func (w *watcher) check() error {
	last := ""
	for text := range w.texts {
		if err := w.f.take(text); err != nil {
			return err
		}
		last = text
	}
	switch {
	case !strings.HasPrefix(last, `{"op":"subscribed","id":"end"`):
		return fmt.Errorf("it ended with %s", last)
	case w.f.gaps > 0 || w.f.credit > 0 || w.f.checked == 0:
		return fmt.Errorf("%d gaps, %d frames conflated, %d checksums", w.f.gaps, w.f.credit, w.f.checked)
	}
	return nil
}

// settled wants the watcher to have got everything up to now.
func (w *watcher) settled() {
	w.t.Helper()
	w.send(`{"op":"subscribe","id":"end","streams":["bbo.NOTHING*"]}`)
	if err := <-w.ended; err != nil {
		w.t.Error("the healthy client: ", err)
	}
}

// attack is the life of hostile client i.
func (g *rig) attack(i uint64) error {
	r := rand.New(rand.NewPCG(7, i))
	// Many addresses, for one has few ports.
	from := net.Dialer{LocalAddr: &net.TCPAddr{IP: net.IPv4(127, 0, byte(i>>8), byte(1+i%250))}}
	conn, err := from.Dial("tcp", g.main)
	if err != nil {
		return err
	}
	raw := conn.(*net.TCPConn)
	if err := raw.SetLinger(0); err != nil {
		return err
	}
	defer raw.Close() // before TLS says goodbye
	conn = g.secured(conn)
	h := hostile{r}
	for from, b := 0, h.bytes(); from < len(b); {
		n := min(1+r.IntN(4096), len(b)-from)
		if _, err := conn.Write(b[from : from+n]); err != nil {
			return nil //nolint:nilerr // the server has had enough
		}
		from += n
	}
	// Some vanish at once, some read a little, some close their half.
	switch r.IntN(3) {
	case 0:
		return conn.SetReadDeadline(time.Now().Add(time.Duration(r.IntN(5)) * time.Millisecond))
	case 1:
		_ = raw.CloseWrite() // it may be closed already
	}
	_ = conn.SetReadDeadline(time.Now().Add(20 * time.Millisecond))
	_, _ = io.Copy(io.Discard, conn) // whatever the server has to say
	return nil
}

// hostile makes the bytes of a client with a fault.
type hostile struct{ r *rand.Rand }

func (h hostile) bytes() []byte {
	good := []byte(handshake("/v1/stream" + h.pick("", "?streams=book.*", "?flush=5ms&slow=close", "?streams=bbo.BTCUSDT,x,trade.*&heartbeat=1")))
	switch h.r.IntN(6) {
	case 0:
		return h.noise(1 + h.r.IntN(3000))
	case 1:
		return append(h.mutate(good), h.frames(3)...)
	case 2:
		return append(good, h.noise(1+h.r.IntN(3000))...)
	case 3:
		return append(good, h.mutate(h.frames(1+h.r.IntN(30)))...)
	case 4:
		return append(good, h.frames(1+h.r.IntN(100))...)
	default:
		b := append(good, h.frames(3)...)
		return append(b, wire.AppendClientFrame(nil, wire.OpcodeText, h.mask(), h.noise(h.r.IntN(70_000)))...)
	}
}

func (h hostile) pick(from ...string) string { return from[h.r.IntN(len(from))] }

func (h hostile) mask() (m [4]byte) {
	copy(m[:], h.noise(4))
	return m
}

func (h hostile) noise(n int) []byte {
	b := make([]byte, n)
	for i := range b {
		b[i] = byte(h.r.Uint32())
	}
	return b
}

// mutate flips, drops, repeats and cuts.
func (h hostile) mutate(b []byte) []byte {
	b = append([]byte(nil), b...)
	for range 1 + h.r.IntN(5) {
		if len(b) == 0 {
			return b
		}
		i := h.r.IntN(len(b))
		j := i + h.r.IntN(min(len(b)-i, 40))
		switch h.r.IntN(5) {
		case 0:
			b[i] ^= 1 << h.r.IntN(8)
		case 1:
			b[i] = byte(h.r.Uint32())
		case 2:
			b = append(b[:i:i], b[j:]...)
		case 3:
			b = append(b[:j:j], b[i:]...)
		case 4:
			b = b[:j]
		}
	}
	return b
}

// frames returns n frames that are well made, with messages that may be not.
func (h hostile) frames(n int) []byte {
	var b []byte
	for range n {
		switch h.r.IntN(12) {
		case 0:
			b = wire.AppendClientFrame(b, wire.OpcodePing, h.mask(), h.noise(h.r.IntN(126)))
		case 1:
			b = wire.AppendClientFrame(b, wire.OpcodePong, h.mask(), h.noise(h.r.IntN(126)))
		case 2:
			first := len(b)
			b = wire.AppendClientFrame(b, wire.OpcodeText, h.mask(), []byte(h.message()))
			b[first] &^= 0x80 // a fragment, and its end
			first = len(b)
			b = wire.AppendClientFrame(b, wire.OpcodeText, h.mask(), []byte(" "))
			b[first] = 0x80
		case 3:
			b = wire.AppendClientFrame(b, wire.OpcodeText, h.mask(), h.mutate([]byte(h.message())))
		default:
			b = wire.AppendClientFrame(b, wire.OpcodeText, h.mask(), []byte(h.message()))
		}
	}
	return b
}

func (h hostile) message() string {
	stream := func() string {
		return h.pick("bbo", "book", "trade", "x", "") + "." + h.pick("BTCUSDT", "ETHUSDT", "*", "ETH*", "NO", "", "**", "BTCUSDT.20ms", "\\u0000", "é")
	}
	switch h.r.IntN(8) {
	case 0:
		return `{"op":"list","id":` + h.pick("1", "-0", `"x"`, "1e3", "null", "[[[[]]]]", strings.Repeat("9", 30)) + `}`
	case 1:
		return `{"op":"ping","id":"` + strings.Repeat("x", h.r.IntN(100)) + `"}`
	case 2:
		return `{"op":"unsubscribe","streams":["` + stream() + `"]}`
	case 3:
		return `{"op":"` + h.pick("auth", "dance", "", "\\ud800") + `","token":"t"}`
	case 4:
		return strings.Repeat(h.pick("[", "{", `{"a":`), h.r.IntN(2000))
	default:
		return `{"op":"subscribe","streams":["` + stream() + `","` + stream() + `"],"since":{"` + stream() + `":"` +
			h.pick("k7:1", "k7:18446744073709551615", "k6:3", ":", "k7:-1", "k7:"+strings.Repeat("1", 60)) + `"},"snapshot":` + h.pick("true", "false", "0") + `}`
	}
}

// FuzzReading wants any query to be read within its bounds, or refused.
func FuzzReading(f *testing.F) {
	for _, query := range []string{
		"streams=bbo.*,trade.BTCUSDT&cursor=k7:3&limit=5&wait=1", "streams=a&since=k7:trade.BTCUSDT=88,book.BTCUSDT=501",
		"streams=&since=%3a%3d", "streams=a&since=k7:a=18446744073709551616", "limit=+1&wait=%31&format=json&lastEventId=",
	} {
		f.Add(query)
	}
	f.Fuzz(func(t *testing.T, query string) {
		var args fasthttp.Args
		args.Parse(query)
		q, bad := parseReading(&args)
		switch {
		case bad != nil:
			if q != nil || bad.status != 400 || bad.code == "" || bad.message == "" {
				t.Fatalf("%+v", bad)
			}
		case len(q.streams) == 0 || len(q.streams) > wire.RequestStreamsMax || len(q.since) > sinceMax ||
			q.limit < 1 || q.limit > limitMax || q.wait < 0 || q.wait > waitMax:
			t.Fatalf("%+v", q)
		}
	})
}
