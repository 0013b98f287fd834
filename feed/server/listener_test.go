package server

import (
	"bufio"
	"errors"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rs/zerolog"
)

// moody is a listener that fails for a while.
type moody struct {
	net.Listener
	mu    sync.Mutex
	moods []error
}

func (m *moody) Accept() (net.Conn, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if len(m.moods) > 0 {
		err := m.moods[0]
		m.moods = m.moods[1:]
		return nil, &net.OpError{Op: "accept", Err: os.NewSyscallError("accept4", err)}
	}
	return m.Listener.Accept()
}

func TestAcceptSurvives(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(&moody{Listener: inner, moods: []error{
		syscall.EMFILE, syscall.ENFILE, syscall.ENOBUFS, syscall.ENOMEM, syscall.ECONNABORTED,
	}}, newLimiter(10, 10), nil, zerolog.Nop())
	defer l.Close()
	client, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	conn, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	if n := l.limits.errs.Load(); n != 5 {
		t.Errorf("%d errors counted; want 5", n)
	}
	if n := l.limits.count(); n != 1 {
		t.Errorf("%d open", n)
	}
	for range 2 {
		_ = conn.Close()
	}
	if n := l.limits.count(); n != 0 {
		t.Errorf("%d open after close", n)
	}
}

// TestAcceptEnds wants an error that does not pass, and a Close while waiting,
// to end it.
func TestAcceptEnds(t *testing.T) {
	inner, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	l := newListener(&moody{Listener: inner, moods: []error{syscall.EINVAL}}, newLimiter(1, 1), nil, zerolog.Nop())
	if _, err := l.Accept(); !errors.Is(err, syscall.EINVAL) {
		t.Error(err)
	}
	always := make([]error, 1000)
	for i := range always {
		always[i] = syscall.EMFILE
	}
	l = newListener(&moody{Listener: inner, moods: always}, newLimiter(1, 1), nil, zerolog.Nop())
	done := make(chan error)
	go func() {
		_, err := l.Accept()
		done <- err
	}()
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if err := <-done; !errors.Is(err, net.ErrClosed) {
		t.Error(err)
	}
}

// TestConnectionsCap wants 503 with Retry-After above the cap, and a place to
// be free again when somebody leaves.
func TestConnectionsCap(t *testing.T) {
	g := newRig(t, func(c *Config) { c.Connections = 3 })
	a, b := g.connect(t, ""), g.connect(t, "")
	g.connect(t, "")
	over := g.dial(t)
	res, err := http.ReadResponse(over.r, nil)
	if err != nil {
		t.Fatal(err)
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err) // Content-Length is wrong
	}
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" || !res.Close {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	if n, err := over.r.ReadByte(); err != io.EOF {
		t.Errorf("%d %v behind the body", n, err)
	}
	checkRefusal(t, res, string(body), "limit_connections")
	if n := g.scrape(t)["limit_total{limit=connections}"]; n != 1 {
		t.Errorf("%v counted", n)
	}
	eager := g.dial(t) // its request is never read
	_, _ = eager.conn.Write([]byte(handshake("/v1/stream")))
	g.eventually("refusal", func() bool { return g.server.clients.exceeded[limitConnections].Load() == 2 })
	if res, _ := eager.answer(); res.StatusCode != 503 {
		t.Errorf("%s", res.Status)
	}
	a.write(clientFrame(0x88, closePayload(1000)))
	a.gone()
	g.eventually("a place", func() bool { return g.server.clients.count() == 2 })
	g.connect(t, "")
	b.conn.Close()
	g.eventually("another", func() bool { return g.server.clients.count() == 2 })
}

func TestLimiter(t *testing.T) {
	l := newLimiter(1000, 3)
	now := time.Unix(1, 0)
	a, b := netip.MustParseAddr("203.0.113.1"), netip.MustParseAddr("203.0.113.2")
	enter := func(address netip.Addr, want limit) {
		t.Helper()
		if got := l.enter(address, now); got != want {
			t.Errorf("%s: %v; want %v", address, got, want)
		}
	}
	for range 3 {
		enter(a, 0)
	}
	enter(a, limitAddress)
	enter(b, 0)
	l.leave(a)
	enter(a, 0)
	for range 3 {
		l.leave(a)
	}
	for range 46 { // of 50, 4 were used
		enter(a, 0)
		l.leave(a)
	}
	enter(a, limitHandshakes)
	now = now.Add(handshakeCost)
	enter(a, 0)
	enter(a, limitHandshakes)
	l.leave(a)
	l.leave(b)
	v6 := []netip.Addr{netip.MustParseAddr("2001:db8::1"), netip.MustParseAddr("2001:db8::2"), netip.MustParseAddr("2001:db8::ffff:3")}
	for _, address := range v6 { // one customer
		enter(address, 0)
	}
	enter(netip.MustParseAddr("2001:db8::4"), limitAddress)
	enter(netip.MustParseAddr("2001:db8:0:1::4"), 0)
	l.leave(netip.MustParseAddr("2001:db8:0:1::4"))
	for _, address := range v6 {
		l.leave(address)
	}
	loopback := netip.MustParseAddr("127.0.0.1")
	for range 200 {
		enter(loopback, 0)
	}
	for range 200 {
		l.leave(loopback)
	}
	if l.count() != 0 {
		t.Errorf("%d open", l.count())
	}
	now = now.Add(2 * time.Second)
	enter(b, 0)
	if n := len(l.guests); n != 1 {
		t.Errorf("%d addresses are remembered", n)
	}
}

// TestProxy wants an address that may have all connections to have no limits.
func TestProxy(t *testing.T) {
	l := newLimiter(100, 100)
	proxy := netip.MustParseAddr("203.0.113.1")
	for range 100 {
		if got := l.enter(proxy, time.Unix(1, 0)); got != 0 {
			t.Fatal(got)
		}
	}
	if got := l.enter(proxy, time.Unix(1, 0)); got != limitConnections {
		t.Error(got)
	}
	l.leave(proxy)
	if got := l.enter(proxy, time.Unix(1, 0)); got != 0 {
		t.Error(got)
	}
}

// TestNonLoopback connects through an address of the machine that is not
// loopback, if there is one.
func TestNonLoopback(t *testing.T) {
	address := outsideAddress(t)
	inner, err := net.Listen("tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Skip("cannot listen on ", address)
	}
	l := newListener(inner, newLimiter(100, 2), nil, zerolog.Nop())
	defer l.Close()
	accepted := make(chan net.Conn, 10)
	var wg sync.WaitGroup
	defer wg.Wait()
	defer l.Close()
	wg.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			accepted <- c
		}
	})
	for range 2 {
		c, err := net.Dial("tcp", inner.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		defer (<-accepted).Close()
	}
	over, err := net.Dial("tcp", inner.Addr().String())
	if err != nil {
		t.Fatal(err)
	}
	defer over.Close()
	res, err := http.ReadResponse(bufio.NewReader(over), nil)
	if err != nil || res.StatusCode != 503 {
		t.Errorf("%v %v", res, err)
	}
	if n := l.limits.exceeded[limitAddress].Load(); n != 1 {
		t.Errorf("%d counted", n)
	}
}

func outsideAddress(t *testing.T) string {
	t.Helper()
	list, err := net.InterfaceAddrs()
	if err != nil {
		t.Skip("no list of addresses: ", err)
	}
	for _, a := range list {
		if n, ok := a.(*net.IPNet); ok && !n.IP.IsLoopback() && n.IP.To4() != nil {
			return n.IP.String()
		}
	}
	t.Skip("this machine has only loopback addresses")
	return ""
}
