package bench

import (
	"fmt"
	"net"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/fasthttp/websocket"
	"go.uber.org/goleak"
)

// fakeServerEnv makes the test binary a server, as StartServer wants one.
const fakeServerEnv = "TICKCAST_TEST_SERVER"

func TestMain(m *testing.M) {
	if mode := os.Getenv(fakeServerEnv); mode != "" {
		os.Exit(fakeServe(mode, os.Args[1:]))
	}
	goleak.VerifyTestMain(m)
}

// fakeServe is `serve --addr A --admin B --source load --symbols N --log-level L`.
func fakeServe(mode string, args []string) int {
	if len(args) != 11 || args[0] != "serve" || mode == "exit" {
		fmt.Fprintln(os.Stderr, "bad arguments:", args)
		return 3
	}
	n, _ := strconv.Atoi(args[8])
	f := &fake{symbols: n}
	term := make(chan os.Signal, 1)
	signal.Notify(term, syscall.SIGTERM)
	for _, addr := range []string{args[2], args[4]} {
		ln, err := net.Listen("tcp", addr)
		if err != nil {
			return 1
		}
		go func() { _ = http.Serve(ln, f) }()
	}
	<-term
	if mode == "deaf" {
		select {}
	}
	return 0
}

// fake is the part of a feed that the generator meets. Its publisher is a
// schedule of ticks, stamped with their instants; the fields before mu make it
// misbehave.
type fake struct {
	symbols  int
	dropNth  int           // leaves out each n-th delivery
	twiceNth int           // sends each n-th delivery twice
	stallAt  int           // before this tick the publisher stops for stallFor
	stallFor time.Duration // of the schedule, not of the wall clock

	mu        sync.Mutex
	clients   []*fakeClient
	seq       []uint64
	delivery  int
	published int64
	stop      chan struct{}
	done      chan struct{}
	pongs     int
	queries   []string
}

type fakeClient struct {
	ws   *websocket.Conn
	want map[string]bool // nil: everything
}

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/v1/stream":
		f.stream(w, r)
	case "/v1/load":
		rate, err := strconv.ParseFloat(r.URL.Query().Get("rate"), 64)
		if err != nil {
			http.Error(w, "rate", http.StatusBadRequest)
			return
		}
		_, _ = fmt.Fprintf(w, `{"rate":%v,"published":%d}`, rate, f.setRate(rate))
	case "/readyz", "/livez":
	default:
		http.NotFound(w, r)
	}
}

func (f *fake) stream(w http.ResponseWriter, r *http.Request) {
	var upgrader websocket.Upgrader
	ws, err := upgrader.Upgrade(w, r, nil)
	if err != nil {
		return
	}
	defer ws.Close()
	c := &fakeClient{ws: ws}
	ws.SetPongHandler(func(string) error { f.mu.Lock(); f.pongs++; f.mu.Unlock(); return nil })
	f.send(c, `{"op":"hello","conn":"c1","epoch":"k7","ts":1}`)
	for {
		_, msg, err := ws.ReadMessage()
		if err != nil {
			return
		}
		f.subscribe(c, string(msg), r.URL.RawQuery)
	}
}

func (f *fake) send(c *fakeClient, text string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.write(c, text)
}

func (f *fake) write(c *fakeClient, text string) {
	_ = c.ws.SetWriteDeadline(time.Now().Add(time.Second))
	_ = c.ws.WriteMessage(websocket.TextMessage, []byte(text))
}

func (f *fake) subscribe(c *fakeClient, msg, query string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !strings.Contains(msg, `"bbo.*"`) {
		c.want = map[string]bool{}
		for s := range strings.SplitSeq(msg, `"`) {
			if name, ok := strings.CutPrefix(s, "bbo."); ok {
				c.want[name] = true
			}
			if s == "bbo.SYM00666" {
				f.write(c, `{"op":"subscribed","streams":[],"errors":[{"stream":"bbo.SYM00666","code":"unknown_symbol","message":"no such symbol"}]}`)
				return
			}
		}
	}
	f.queries = append(f.queries, query)
	f.clients = append(f.clients, c)
	f.write(c, `{"op":"subscribed","part":[1,2],"streams":[],"errors":[]}`)
	f.write(c, `{"op":"subscribed","part":[2,2],"streams":[],"errors":[]}`)
	_ = c.ws.WriteControl(websocket.PingMessage, []byte("?"), time.Now().Add(time.Second))
}

func (f *fake) setRate(rate float64) int64 {
	f.mu.Lock()
	stop, done := f.stop, f.done
	f.stop, f.done = nil, nil
	f.mu.Unlock()
	if stop != nil {
		close(stop)
		<-done
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	n := f.published
	f.published = 0
	if rate > 0 {
		f.stop, f.done = make(chan struct{}), make(chan struct{})
		go f.publish(rate, f.stop, f.done)
	}
	return n
}

// publish sends tick i at begin + i / rate, stamped with that instant.
func (f *fake) publish(rate float64, stop, done chan struct{}) {
	defer close(done)
	begin := time.Now()
	for i := 0; ; i++ {
		due := begin.Add(time.Duration(float64(i) / rate * float64(time.Second)))
		late := time.Duration(0)
		if f.stallAt > 0 && i >= f.stallAt {
			// Held until the schedule is stallFor further; then all at once.
			late = max(f.stallFor-time.Duration(float64(i-f.stallAt)/rate*float64(time.Second)), 0)
		}
		select {
		case <-stop:
			return
		case <-time.After(time.Until(due.Add(late))):
		}
		f.tick(i%f.symbols, due)
	}
}

func (f *fake) tick(symbol int, due time.Time) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.seq == nil {
		f.seq = make([]uint64, f.symbols)
	}
	f.seq[symbol]++
	f.published++
	name := fmt.Sprintf("SYM%05d", symbol)
	frame := fmt.Sprintf(`{"stream":"bbo.%s","seq":%d,"upd":1,"bid":["25351.90","0.31200"],"ask":["25365.20","1.40660"],"ts":%d,"tp":%d}`,
		name, f.seq[symbol], due.UnixMicro(), time.Now().UnixMicro())
	for _, c := range f.clients {
		if c.want != nil && !c.want[name] {
			continue
		}
		f.delivery++
		if f.dropNth > 0 && f.delivery%f.dropNth == 0 {
			continue
		}
		f.write(c, frame)
		if f.twiceNth > 0 && f.delivery%f.twiceNth == 0 {
			f.write(c, frame)
		}
	}
}

// start serves f and returns a configuration that measures it with p.
func (f *fake) start(t *testing.T, p Profile) Config {
	t.Helper()
	f.symbols = p.Symbols
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	srv := &http.Server{Handler: f}
	served := make(chan struct{})
	go func() { defer close(served); _ = srv.Serve(ln) }()
	t.Cleanup(func() {
		f.setRate(0)
		_ = srv.Close()
		f.mu.Lock()
		for _, c := range f.clients {
			_ = c.ws.Close()
		}
		f.mu.Unlock()
		<-served
	})
	addr := ln.Addr().String()
	return Config{Profile: p, URL: "ws://" + addr, Admin: "http://" + addr}
}
