package server

import (
	"encoding/binary"
	"strings"
	"testing"
	"time"

	"tickcast/feed"
	"tickcast/wire"
)

// clientFrame makes a frame whose first byte, and mask bit, are what the test
// wants.
func clientFrame(first byte, payload string) []byte {
	b := wire.AppendClientFrame(nil, wire.OpcodeText, testMask, []byte(payload))
	b[0] = first
	return b
}

func closePayload(code uint16) string { return string(binary.BigEndian.AppendUint16(nil, code)) }

// framingCase is what a client sends and the code that closes it.
type framingCase struct {
	name  string
	bytes []byte
	code  wire.CloseCode
}

// framingCases are the frames that RELIABILITY.md section 3 names.
func framingCases() []framingCase {
	unmasked := wire.AppendFrameHeader(nil, wire.OpcodeText, 2)
	announced := []byte{0x81, 0xff, 0, 0, 0, 0, 0, 1, 0, 1, 1, 2, 3, 4} // 64 KiB + 1, and nothing of it
	return []framingCase{
		{"rsv1", clientFrame(0xc1, "{}"), wire.CloseProtocol},
		{"rsv2", clientFrame(0xa1, "{}"), wire.CloseProtocol},
		{"rsv3", clientFrame(0x91, "{}"), wire.CloseProtocol},
		{"opcode 3", clientFrame(0x83, "{}"), wire.CloseProtocol},
		{"opcode 11", clientFrame(0x8b, "{}"), wire.CloseProtocol},
		{"unmasked", append(unmasked, "{}"...), wire.CloseProtocol},
		{"continuation of nothing", clientFrame(0x80, "{}"), wire.CloseProtocol},
		{"message inside a message", append(clientFrame(0x01, "{"), clientFrame(0x81, "}")...), wire.CloseProtocol},
		{"fragmented ping", clientFrame(0x09, "x"), wire.CloseProtocol},
		{"long ping", clientFrame(0x89, strings.Repeat("x", 126)), wire.CloseProtocol},
		{"length not shortest", []byte{0x81, 0xfe, 0, 2, 1, 2, 3, 4, 0, 0}, wire.CloseProtocol},
		{"close of one byte", clientFrame(0x88, "x"), wire.CloseProtocol},
		{"close code 999", clientFrame(0x88, closePayload(999)), wire.CloseProtocol},
		{"close code 1005", clientFrame(0x88, closePayload(1005)), wire.CloseProtocol},
		{"close code 1006", clientFrame(0x88, closePayload(1006)), wire.CloseProtocol},
		{"close code 1015", clientFrame(0x88, closePayload(1015)), wire.CloseProtocol},
		{"close code 5000", clientFrame(0x88, closePayload(5000)), wire.CloseProtocol},
		{"close reason that is no text", clientFrame(0x88, closePayload(1000)+"\xff"), wire.CloseBadText},
		{"not UTF-8", clientFrame(0x81, "{\"op\":\"\xff\"}"), wire.CloseBadText},
		{"overlong UTF-8", clientFrame(0x81, "\xc0\xaf"), wire.CloseBadText},
		{"surrogate", clientFrame(0x81, "\xed\xa0\x80"), wire.CloseBadText},
		{"not UTF-8 over fragments", append(clientFrame(0x01, "{\"\xe2\x82"), clientFrame(0x80, "\"}")...), wire.CloseBadText},
		{"not UTF-8 in a fragment, early", clientFrame(0x01, "\xf8"), wire.CloseBadText},
		{"binary", clientFrame(0x82, "{}"), wire.CloseUnsupported},
		{"64 KiB + 1 announced", announced, wire.CloseTooBig},
		{"64 KiB + 1 in fragments", append(clientFrame(0x01, strings.Repeat(" ", 64<<10)), 0x80, 0x81, 1, 2, 3, 4), wire.CloseTooBig},
	}
}

// checkFraming wants the frames closed with code that should be. The TCP
// connection ends within 3 s though the client never answers: with the shards'
// clock turned forward, for it is theirs.
func checkFraming(t *testing.T, g *rig, code wire.CloseCode) {
	t.Helper()
	n := 0
	for _, c := range framingCases() {
		if c.code != code {
			continue
		}
		n++
		p := g.connect(t, "")
		p.write(c.bytes)
		if got, reason := p.closeFrame(); got != c.code || reason == "" {
			t.Errorf("%s: got %d %q; want %d", c.name, got, reason, c.code)
		}
		g.leap(3 * time.Second)
		p.gone()
	}
	if n == 0 {
		t.Error("no case")
	}
	g.quiet()
}

// checkPing wants a pong with the same payload, before and between fragments.
func checkPing(t *testing.T, g *rig) {
	t.Helper()
	p := g.connect(t, "")
	for _, payload := range []string{"", "hello", strings.Repeat("\xff", 125)} {
		p.write(clientFrame(0x01, `{"op":`))
		p.write(clientFrame(0x89, payload))
		op, got, err := p.frame()
		if err != nil || op != wire.OpcodePong || string(got) != payload {
			t.Fatalf("got %v %q %v; want a pong with %q", op, got, err, payload)
		}
		p.write(clientFrame(0x8a, "a pong that nobody asked for"))
		p.write(clientFrame(0x80, `"list","id":1}`))
		p.expect(`{"op":"list","id":1,`)
	}
}

// TestPings wants pongs, as many as there is room for, when pings come faster
// than they are allowed, and a policy that ends it when that goes on.
func TestPings(t *testing.T) {
	g := newRig(t)
	p := g.connect(t, "")
	var b []byte
	for range 200 { // 50 are answered, 150 ignored
		b = append(b, clientFrame(0x89, "0123456789")...)
	}
	p.write(append(b, text(`{"op":"list","id":"end"}`)...))
	pongs := 0
	for {
		op, payload, err := p.frame()
		if err != nil {
			t.Fatal(err)
		}
		if op == wire.OpcodePong {
			pongs++
			continue
		}
		if pongs == 0 || pongs > 51 || string(payload) != `{"op":"list","id":"end","streams":[]}` {
			t.Errorf("%d pongs, then %s", pongs, payload)
		}
		break
	}
	p.write(b)
	if code, reason := p.closing(); code != wire.ClosePolicy || reason == "" {
		t.Errorf("%d %s", code, reason)
	}
	if n := g.shards.Stats().Limits[feed.LimitPings]; n < 200 {
		t.Errorf("%d counted", n)
	}
}

// TestClientCloses wants the client's code back, and an orderly end.
func TestClientCloses(t *testing.T) { eachKind(t, testClientCloses) }

func testClientCloses(t *testing.T, newRig maker) {
	g := newRig(t)
	for _, c := range []struct{ payload, want string }{
		{"", closePayload(1000)},
		{closePayload(1000) + "bye", closePayload(1000)},
		{closePayload(1001), closePayload(1001)},
		{closePayload(3999), closePayload(3999)},
		{closePayload(4999) + strings.Repeat("x", 123), closePayload(4999)},
	} {
		p := g.connect(t, "")
		p.write(clientFrame(0x88, c.payload))
		op, got, err := p.frame()
		if err != nil || op != wire.OpcodeClose || string(got) != c.want {
			t.Errorf("%q: got %v %q %v", c.payload, op, got, err)
		}
		p.gone()
	}
	g.quiet()
	if n := len(g.logs.lines(`"connected"`)); n != 5 {
		t.Errorf("%d lines of connects", n)
	}
	if n := len(g.logs.lines(`"disconnected"`, `"code":3999`, `"conn":"`, `"remote":"127.0.0.1:`, `"transport":"websocket"`, `"level":"info"`)); n != 1 {
		t.Errorf("%d lines of disconnects: %s", n, g.logs.lines(`"disconnected"`))
	}
}

// TestSegments sends a handshake and what follows it in one TCP segment, in
// segments of ten bytes, and of one.
func TestSegments(t *testing.T) { eachKind(t, testSegments) }

func testSegments(t *testing.T, newRig maker) {
	g := newRig(t)
	g.market.publish(50)
	conversation := append([]byte(handshake("/v1/stream")), text(`{"op":"subscribe","id":1,"streams":["bbo.BTCUSDT"]}`)...)
	conversation = append(conversation, clientFrame(0x01, `{"op":"list",`)...)
	conversation = append(conversation, clientFrame(0x80, `"id":"two"}`)...)
	for _, size := range []int{len(conversation), 10, 1} {
		p := g.dial(t)
		for from := 0; from < len(conversation); from += size {
			p.write(conversation[from:min(from+size, len(conversation))])
		}
		p.upgraded()
		p.expect(`{"op":"hello",`)
		p.expect(`{"op":"subscribed","id":1,"streams":[{"stream":"bbo.BTCUSDT",`)
		p.expect(`{"stream":"bbo.BTCUSDT",`)
		p.expect(`{"op":"list","id":"two","streams":["bbo.BTCUSDT"]}`)
		p.write(clientFrame(0x88, closePayload(1000)))
		if code, _ := p.closeFrame(); code != 1000 {
			t.Errorf("segments of %d: code %d", size, code)
		}
		p.gone()
	}
	g.quiet()
}

// TestFrozenViolator wants the connection to end of somebody who breaks the
// protocol and reads nothing, not even the close frame.
func TestFrozenViolator(t *testing.T) { eachKind(t, testFrozenViolator) }

func testFrozenViolator(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "?streams=book.*,bbo.*,trade.*")
	g.stuff()
	p.write(clientFrame(0xc1, "{}"))
	g.eventually("closing", func() bool { g.leap(time.Second); return g.shards.Stats().Sessions == 0 })
	g.quiet()
}

// TestAfterTheEnd goes on sending behind the fault that ended it: a reader of
// frames is of no use after a fault.
func TestAfterTheEnd(t *testing.T) { eachKind(t, testAfterTheEnd) }

func testAfterTheEnd(t *testing.T, newRig maker) {
	g := newRig(t)
	p := g.connect(t, "")
	fragment := clientFrame(0x01, strings.Repeat("a", 99)+"\xff")
	sent := g.shards.Stats().BytesIn
	for _, piece := range [][]byte{fragment, clientFrame(0x81, "{}"), clientFrame(0x88, closePayload(1007))} {
		p.write(piece)
		sent += uint64(len(piece))
		g.eventually("read", func() bool { return g.shards.Stats().BytesIn >= sent })
	}
	if code, _ := p.closeFrame(); code != wire.CloseBadText {
		t.Errorf("code %d", code)
	}
	p.gone()
	g.quiet()
	if n := g.shards.Stats().Panics; n != 0 {
		t.Errorf("%d panics", n)
	}
}
