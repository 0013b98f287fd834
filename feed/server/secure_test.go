package server

import (
	"bytes"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"errors"
	"io"
	"math/big"
	"net"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"tickcast/feed"
	"tickcast/feed/client"
	"tickcast/wire"
)

// newCertificate returns a certificate for feed.test and 127.0.0.1, signed by
// itself, and a pool that trusts it.
func newCertificate(t testing.TB) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: "feed.test"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour), IsCA: true, BasicConstraintsValid: true,
		DNSNames: []string{"feed.test"}, IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	leaf, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(leaf)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key, Leaf: leaf}, pool
}

// newSecureRig returns a rig whose clients speak TLS.
func newSecureRig(t testing.TB, kind feed.ShardsConfig, adjust ...func(*Config)) *rig {
	t.Helper()
	certificate, pool := newCertificate(t)
	g := newRigOn(t, kind, append(adjust, func(c *Config) {
		c.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return &certificate, nil }
	})...)
	g.secure = &tls.Config{RootCAs: pool, ServerName: "feed.test"}
	return g
}

// secured returns conn as the clients of the rig speak.
func (g *rig) secured(conn net.Conn) net.Conn {
	if g.secure == nil {
		return conn
	}
	return tls.Client(conn, g.secure)
}

// TestSecureClient lets the Go client try, and looks at what was agreed on.
func TestSecureClient(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	g.market.publish(50)
	c, err := client.Dial(t.Context(), client.Config{
		URL: "wss://" + g.main, TLS: &tls.Config{RootCAs: g.secure.RootCAs}, Streams: []string{"book.*"},
	})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	for range 4 { // acknowledgement and three snapshots
		if _, err := c.Next(); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := client.Dial(t.Context(), client.Config{URL: "wss://" + g.main}); err == nil {
		t.Error("nobody vouches for this certificate")
	}
	lines := g.logs.lines(`"connected"`, `"tls":true`, `"conn":"`+c.Hello().Conn+`"`)
	if len(lines) != 1 {
		t.Errorf("%d lines: %s", len(lines), g.logs.lines("connected"))
	}
	c.Close()
	g.quiet()
	if n := len(g.logs.lines(`"disconnected"`, `"tls":true`, `"conn":"`+c.Hello().Conn+`"`, `"code":1000`)); n != 1 {
		t.Errorf("%d lines: %s", n, g.logs.lines("disconnected"))
	}
}

func TestSecureProtocols(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	for _, c := range []struct {
		name   string
		change func(*tls.Config)
		ok     bool
		agreed string
	}{
		{"TLS 1.2", func(c *tls.Config) { c.MaxVersion = tls.VersionTLS12 }, true, ""},
		{"TLS 1.3", func(c *tls.Config) { c.MinVersion = tls.VersionTLS13 }, true, ""},
		{"TLS 1.1", func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, false, ""},
		{"h2 or 1.1", func(c *tls.Config) { c.NextProtos = []string{"h2", "http/1.1"} }, true, "http/1.1"},
		{"no TLS", func(c *tls.Config) { c.RootCAs = x509.NewCertPool() }, false, ""},
	} {
		config := g.secure.Clone()
		c.change(config)
		conn, err := tls.Dial("tcp", g.main, config)
		if (err == nil) != c.ok {
			t.Errorf("%s: %v", c.name, err)
		}
		if err != nil {
			continue
		}
		if got := conn.ConnectionState().NegotiatedProtocol; got != c.agreed {
			t.Errorf("%s: %q was agreed on; want %q", c.name, got, c.agreed)
		}
		conn.Close()
	}
	g.quiet()
	if m := g.scrape(t); m["tls_errors_total"] != 2 {
		t.Errorf("%v handshakes failed; want 2", m["tls_errors_total"])
	}
	if res, _ := request(t, "GET", g.admin, "/readyz"); res.StatusCode != 200 {
		t.Errorf("the admin listener is plain: %s", res.Status)
	}
}

// TestSecureOrigin wants our own origin to be https.
func TestSecureOrigin(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	for origin, status := range map[string]int{"https://feed.test": 101, "http://feed.test": 403} {
		p := g.dial(t)
		p.write([]byte(handshake("/v1/stream", "Origin: "+origin)))
		if res, body := p.answer(); res.StatusCode != status {
			t.Errorf("%s: %s %s", origin, res.Status, body)
		}
	}
}

// TestPlaintext speaks HTTP to a port that speaks TLS, and noise.
func TestPlaintext(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	g.secure = nil
	p := g.dial(t)
	p.write([]byte(handshake("/v1/stream")))
	res, body := p.answer()
	if res.StatusCode != 400 {
		t.Error(res.Status)
	}
	checkRefusal(t, res, body, "bad_request")
	p.gone()
	noise := g.dial(t)
	noise.write([]byte(strings.Repeat("\x00noise", 100)))
	noise.gone()
	g.quiet()
	if m := g.scrape(t); m["refused_total{status=400}"] != 0 || m["tls_errors_total"] != 2 {
		t.Errorf("%v requests refused, %v handshakes failed", m["refused_total{status=400}"], m["tls_errors_total"])
	}
}

// TestSlowHandshake wants those who begin TLS and do not go on to be gone, in
// time, and to hold up nobody meanwhile.
func TestSlowHandshake(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	start := time.Now()
	var slow []*peer
	for _, hello := range []string{"", "\x16", "\x16\x03\x01\x02\x00\x01"} {
		conn, err := net.Dial("tcp", g.main)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		if _, err := io.WriteString(conn, hello); err != nil {
			t.Fatal(err)
		}
		slow = append(slow, newPeer(t, conn))
	}
	g.connect(t, "?streams=bbo.*")
	if waited := time.Since(start); waited > readTimeout/2 {
		t.Errorf("somebody had to wait for %v", waited)
	}
	for _, p := range slow {
		p.gone()
	}
	if waited := time.Since(start); waited < readTimeout-time.Second || waited > 2*readTimeout {
		t.Errorf("gone after %v; want %v", waited, readTimeout)
	}
	g.eventually("places", func() bool { return g.server.clients.count() == 1 })
}

// TestSecureSegments sends handshake and frames in one record, in records of
// ten bytes, and in TCP segments that are no records.
func TestSecureSegments(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	g.market.publish(50)
	conversation := []byte(handshake("/v1/stream"))
	conversation = append(conversation, text(`{"op":"subscribe","id":1,"streams":["bbo.BTCUSDT"]}`)...)
	conversation = append(conversation, text(`{"op":"ping","pad":"`+strings.Repeat("x", 20_000)+`"}`)...)
	conversation = append(conversation, text(`{"op":"list","id":"two"}`)...)
	for _, c := range []struct{ record, segment int }{{1 << 20, 1 << 20}, {10, 1 << 20}, {1 << 20, 1000}, {1 << 20, 7}} {
		conn, err := net.Dial("tcp", g.main)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		cut := &segmented{Conn: conn, size: c.segment}
		p := newPeer(t, tls.Client(cut, g.secure))
		if err := p.conn.(*tls.Conn).Handshake(); err != nil {
			t.Fatal(err)
		}
		cut.held.Store(true)
		for from := 0; from < len(conversation); from += c.record {
			p.write(conversation[from:min(from+c.record, len(conversation))])
		}
		cut.flush(t)
		p.upgraded()
		p.expect(`{"op":"hello",`)
		p.expect(`{"op":"subscribed","id":1,"streams":[{"stream":"bbo.BTCUSDT",`)
		p.expect(`{"stream":"bbo.BTCUSDT",`)
		p.expect(`{"op":"pong",`)
		p.expect(`{"op":"list","id":"two","streams":["bbo.BTCUSDT"]}`)
		p.write(clientFrame(0x88, closePayload(1000)))
		if code, _ := p.closeFrame(); code != 1000 {
			t.Errorf("%+v: code %d", c, code)
		}
		p.gone()
	}
	g.quiet()
}

// segmented holds back what is written, and then sends it in small segments.
type segmented struct {
	net.Conn
	size int
	held atomic.Bool
	b    bytes.Buffer
}

func (s *segmented) Write(p []byte) (int, error) {
	if s.held.Load() {
		return s.b.Write(p)
	}
	return s.Conn.Write(p)
}

func (s *segmented) flush(t *testing.T) {
	t.Helper()
	for s.b.Len() > 0 {
		if _, err := s.Conn.Write(s.b.Next(s.size)); err != nil {
			t.Fatal(err)
		}
	}
	s.held.Store(false)
}

// TestSecureCap wants 503 above the cap with TLS too, and places given back.
func TestSecureCap(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true}, func(c *Config) { c.Connections = 2 })
	a, b := g.connect(t, ""), g.connect(t, "")
	over := g.dial(t)
	res, body := over.answer()
	if res.StatusCode != 503 || res.Header.Get("Retry-After") != "1" {
		t.Errorf("%s %v", res.Status, res.Header)
	}
	checkRefusal(t, res, body, "limit_connections")
	a.write(clientFrame(0x88, closePayload(1000)))
	a.gone()
	g.eventually("a place", func() bool { return g.server.clients.count() == 1 })
	g.connect(t, "")
	b.conn.Close()
	g.eventually("another", func() bool { return g.server.clients.count() == 1 })
	g.connect(t, "")
}

// TestSecureRefusals wants the refusals of those who never shake hands to be
// few and short, and others to be accepted meanwhile.
func TestSecureRefusals(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true}, func(c *Config) { c.Connections = 1 })
	g.connect(t, "")
	var silent []*peer
	for range 2 * refusalsMax {
		conn, err := net.Dial("tcp", g.main)
		if err != nil {
			t.Fatal(err)
		}
		defer conn.Close()
		silent = append(silent, newPeer(t, conn))
	}
	start := time.Now()
	for _, p := range silent {
		p.gone()
	}
	if waited := time.Since(start); waited > readTimeout {
		t.Errorf("the last was gone after %v", waited)
	}
}

// TestSecureAbort wants the session of a frozen client over TLS cut at once:
// without TLS's goodbye, for which there is no room.
func TestSecureAbort(t *testing.T) {
	g := newSecureRig(t, feed.ShardsConfig{Ordinary: true})
	p := g.connect(t, "?slow=close&ping=0&streams=book.*,trade.*")
	g.stuff()
	g.eventually("eviction", func() bool { g.leap(time.Second); return g.shards.Stats().Evictions == 1 })
	g.eventually("its place", func() bool { return g.server.clients.count() == 0 })
	for {
		if _, _, err := p.frame(); err != nil {
			if !errors.Is(err, syscall.ECONNRESET) && !errors.Is(err, io.ErrUnexpectedEOF) {
				t.Errorf("%v; want a reset", err)
			}
			break
		}
	}
	if n := len(g.logs.lines(`"disconnected"`, `"code":4008`)); n != 1 || wire.CloseTooSlow != 4008 {
		t.Errorf("%d lines", n)
	}
}

// TestCertificateChanges wants new connections to get the new certificate, and
// old ones to stay.
func TestCertificateChanges(t *testing.T) {
	var current atomic.Pointer[tls.Certificate]
	first, firstPool := newCertificate(t)
	second, secondPool := newCertificate(t)
	current.Store(&first)
	g := newRig(t, func(c *Config) {
		c.Certificate = func(*tls.ClientHelloInfo) (*tls.Certificate, error) { return current.Load(), nil }
	})
	g.secure = &tls.Config{RootCAs: firstPool, ServerName: "feed.test"}
	old := g.connect(t, "")
	current.Store(&second)
	if _, err := tls.Dial("tcp", g.main, g.secure); err == nil {
		t.Error("the old certificate is still shown")
	}
	g.secure = &tls.Config{RootCAs: secondPool, ServerName: "feed.test"}
	g.connect(t, "")
	old.send(`{"op":"ping","id":1}`)
	old.expect(`{"op":"pong","id":1,`)
}
