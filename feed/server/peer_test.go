package server

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"tickcast/wire"
)

const (
	sampleKey    = "dGhlIHNhbXBsZSBub25jZQ==" // RFC 6455 section 1.3
	sampleAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

// handshake is the request of a well-behaved client, with further header
// lines.
func handshake(path string, lines ...string) string {
	head := "GET " + path + " HTTP/1.1\r\nHost: feed.test\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + sampleKey + "\r\n"
	for _, l := range lines {
		head += l + "\r\n"
	}
	return head + "\r\n"
}

// peer is the raw end of a connection: what it sends is made by hand, what it
// receives is checked to be unmasked, whole frames.
type peer struct {
	t    testing.TB
	conn net.Conn
	r    *bufio.Reader
}

// dial opens a connection, with TLS if the server speaks it.
func (g *rig) dial(t testing.TB) *peer {
	t.Helper()
	conn, err := net.Dial("tcp", g.main)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return newPeer(t, g.secured(conn))
}

func newPeer(t testing.TB, conn net.Conn) *peer {
	t.Helper()
	if err := conn.SetDeadline(time.Now().Add(patience)); err != nil {
		t.Fatal(err)
	}
	return &peer{t: t, conn: conn, r: bufio.NewReader(conn)}
}

// connect opens a WebSocket and reads its hello.
func (g *rig) connect(t testing.TB, query string) *peer {
	t.Helper()
	p := g.dial(t)
	p.write([]byte(handshake("/v1/stream" + query)))
	p.upgraded()
	p.expect(`{"op":"hello",`)
	return p
}

// answer reads an HTTP response and its body.
func (p *peer) answer() (*http.Response, string) {
	p.t.Helper()
	res, err := http.ReadResponse(p.r, &http.Request{Method: http.MethodGet})
	if err != nil {
		p.t.Fatal(err)
	}
	if res.StatusCode == http.StatusSwitchingProtocols {
		return res, ""
	}
	body, err := io.ReadAll(res.Body)
	if err != nil {
		p.t.Fatal(err)
	}
	return res, string(body)
}

func (p *peer) upgraded() {
	p.t.Helper()
	res, body := p.answer()
	if res.StatusCode != http.StatusSwitchingProtocols || res.Header.Get("Sec-WebSocket-Accept") != sampleAccept {
		p.t.Fatalf("handshake: %s %v %s", res.Status, res.Header, body)
	}
}

func (p *peer) write(b []byte) {
	p.t.Helper()
	if _, err := p.conn.Write(b); err != nil {
		p.t.Fatal(err)
	}
}

var testMask = [4]byte{0x12, 0xf4, 0x00, 0x9b}

// text is a client's whole text message.
func text(s string) []byte {
	return wire.AppendClientFrame(nil, wire.OpcodeText, testMask, []byte(s))
}

func (p *peer) send(messages ...string) {
	p.t.Helper()
	var b []byte
	for _, m := range messages {
		b = append(b, text(m)...)
	}
	p.write(b)
}

// frame reads one frame of the server.
func (p *peer) frame() (wire.Opcode, []byte, error) {
	var h [10]byte
	if _, err := io.ReadFull(p.r, h[:2]); err != nil {
		return 0, nil, err
	}
	size, rest := uint64(h[1]), 0
	switch {
	case h[0]&0xf0 != 0x80:
		return 0, nil, fmt.Errorf("first byte %#x of a frame", h[0])
	case h[1] > 127:
		return 0, nil, fmt.Errorf("masked frame of the server")
	case size == 126:
		rest = 2
	case size == 127:
		rest = 8
	}
	if rest > 0 {
		if _, err := io.ReadFull(p.r, h[2:2+rest]); err != nil {
			return 0, nil, err
		}
		if size = binary.BigEndian.Uint64(h[2:]); rest == 2 {
			size = uint64(binary.BigEndian.Uint16(h[2:]))
		}
	}
	if size > 512<<10 {
		return 0, nil, fmt.Errorf("frame of %d bytes", size)
	}
	payload := make([]byte, size)
	_, err := io.ReadFull(p.r, payload)
	return wire.Opcode(h[0] & 15), payload, err
}

// next returns the next text message.
func (p *peer) next() string {
	p.t.Helper()
	for {
		op, payload, err := p.frame()
		switch {
		case err != nil:
			p.t.Fatal(err)
		case op == wire.OpcodeText:
			return string(payload)
		case op != wire.OpcodePing:
			p.t.Fatalf("got %v %q; want a text", op, payload)
		}
	}
}

// expect wants the next text to begin so.
func (p *peer) expect(prefix string) string {
	p.t.Helper()
	m := p.next()
	if !strings.HasPrefix(m, prefix) {
		p.t.Fatalf("got  %s\nwant %s…", m, prefix)
	}
	return m
}

// closing skips to the close frame, answers it, and waits for the end of the
// connection.
func (p *peer) closing() (wire.CloseCode, string) {
	p.t.Helper()
	code, reason := p.closeFrame()
	_, _ = p.conn.Write(wire.AppendClientFrame(nil, wire.OpcodeClose, testMask, binary.BigEndian.AppendUint16(nil, uint16(code))))
	p.gone()
	return code, reason
}

// closeFrame skips to the close frame.
func (p *peer) closeFrame() (wire.CloseCode, string) {
	p.t.Helper()
	for {
		op, payload, err := p.frame()
		if err != nil {
			p.t.Fatalf("no close frame: %v", err)
		}
		if op == wire.OpcodeClose {
			if len(payload) < 2 {
				return 0, ""
			}
			return wire.CloseCode(binary.BigEndian.Uint16(payload)), string(payload[2:])
		}
	}
}

// gone waits for the server to end the TCP connection.
func (p *peer) gone() {
	p.t.Helper()
	for {
		_, err := p.r.ReadByte()
		if errors.Is(err, os.ErrDeadlineExceeded) {
			p.t.Fatal("the connection was not ended")
		}
		if err != nil {
			return
		}
	}
}
