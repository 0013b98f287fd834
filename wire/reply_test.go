package wire

import (
	"bytes"
	"encoding/json"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

var someClock = Clock{Base: 1_700_000_000_000_000_000, Speed: 1, Market: someTime, Wall: someTime + 1_000_000}

func someHello() Hello {
	return Hello{
		Conn: "c9f2", Epoch: "k7", TS: someTime, Heartbeat: 15,
		Limits:  Limits{Entries: 1024, RequestStreams: 200, MessageBytes: 65536, RequestsPerSecond: 50, RequestsBurst: 200},
		Formats: []string{"json"}, Clock: someClock, Server: "tickcast/1.0",
	}
}

// controlMessages returns one or more of each control message of the server.
func controlMessages() map[string][][]byte {
	id := RequestID("7")
	name := func(s string) []byte { return []byte(s) }
	hello, busy := someHello(), someHello()
	busy.Features, busy.Formats = []string{"controls", "trading"}, []string{"json", "sbe"}
	busy.Clock.Speed = 0.5

	ack := AppendSubscribed(nil, id, 1, 1)
	ack = AppendSubscribedStream(ack, true, name("bbo.BTCUSDT"), "k7", 1041, false, "")
	ack = AppendSubscribedStream(ack, false, name("trade.ETHUSDT"), "k7", 88, true, "trade.ETH*")
	ack = AppendSubscribedEnd(ack, []StreamError{
		{Stream: name("bbo.FOO"), Code: CodeUnknownSymbol, Message: `no symbol "FOO"`, Near: []string{"FOOUSDT", "FOXUSDT"}},
		{Stream: name("bbo.X\"\xff"), Code: CodeUnknownSymbol, Message: "no such symbol"},
		{Stream: name("foo.BTCUSDT"), Code: CodeUnknownChannel, Message: "no such channel"},
	})

	part := AppendSubscribed(nil, RequestID(`"a"`), 3, 3)
	part = AppendSubscribedStream(part, true, name("bbo.BTCUSDT"), "k7", 0, false, "")
	part = AppendSubscribedEnd(part, nil)

	listing := AppendSubscribed(nil, nil, 1, 1)
	listing = AppendSubscribedStream(listing, true, name("bbo.NEWUSDT"), "k7", 0, false, "bbo.*")
	listing = AppendSubscribedBy(listing, "bbo.*")

	beat := AppendHeartbeat(nil, someTime)
	beat = AppendHeartbeatCursor(beat, true, name("bbo.BTCUSDT"), 1042)
	beat = AppendHeartbeatCursor(beat, false, name("trade.BTCUSDT"), 0)

	return map[string][][]byte{
		"hello":      {AppendHello(nil, &hello), AppendHello(nil, &busy)},
		"subscribed": {ack, part, listing, AppendSubscribedEnd(AppendSubscribed(nil, nil, 0, 0), nil)},
		"unsubscribed": {
			AppendUnsubscribed(nil, RequestID("8"), [][]byte{name("trade.ETH*")}, nil),
			AppendUnsubscribed(nil, nil, nil, []StreamError{
				{Stream: name("trade.*"), Code: CodeNotSubscribed, Message: "no such entry"},
				{Stream: name("bbo.*"), Code: CodeNotSubscribed, Message: "no such entry"},
			}),
		},
		"list":      {AppendList(nil, RequestID("9"), []string{"bbo.BTCUSDT", "trade.ETH*"}), AppendList(nil, nil, nil)},
		"error":     {AppendErrorReply(nil, id, CodeBadRequest, "why"), AppendErrorReply(nil, nil, CodeBadJSON, "malformed at byte 3")},
		"pong":      {AppendPong(nil, RequestID("10"), someTime, Lag{}), AppendPong(nil, nil, someTime, Lag{1, 2, 3, 4})},
		"heartbeat": {AppendHeartbeatEnd(beat), AppendHeartbeatEnd(AppendHeartbeat(nil, someTime))},
		"gap": {
			AppendGap(nil, name("trade.BTCUSDT"), 89, 140, GapSlow),
			AppendGap(nil, name("book.BTCUSDT"), 0, 140, GapEpoch),
		},
		"conflated": {AppendConflated(nil, 412, 37, GapOverload)},
		"notice":    {AppendNoticeShutdown(nil, 1500), AppendNoticeClock(nil, someClock)},
	}
}

func TestGoldenControl(t *testing.T) {
	for kind, lines := range controlMessages() {
		checkGolden(t, "json/"+kind, lines...)
		for _, line := range lines {
			if !json.Valid(line) || !bytes.HasPrefix(line, []byte(`{"op":"`+kind+`"`)) {
				t.Errorf("%s: %s", kind, line)
			}
		}
	}
}

// An acknowledgement is closed rightly whether or not its errors were opened,
// whatever stands in its names and messages.
func TestSubscribedEnd(t *testing.T) {
	names := []string{"a", `],"errors":[`, `{"stream":"x","code":"y"}`, `}`, ""}
	for _, name := range names {
		for streams := range 3 {
			for errs := range 3 {
				a := AppendSubscribed(nil, nil, 1, 1)
				for i := range streams {
					a = AppendSubscribedStream(a, i == 0, []byte(name), "k7", 1, true, name)
				}
				var wrong []StreamError
				for i := range errs {
					wrong = append(wrong, StreamError{
						Stream: []byte(name), Code: CodeUnknownSymbol, Message: name, Near: []string{name}[:i%2],
					})
				}
				a = AppendSubscribedEnd(a, wrong)
				var got struct {
					Streams, Errors []struct{ Stream string }
				}
				if err := json.Unmarshal(a, &got); err != nil || len(got.Streams) != streams || len(got.Errors) != errs {
					t.Errorf("%v: %s", err, a)
				}
			}
		}
	}
}

func TestAppendString(t *testing.T) {
	f := func(s, want string) {
		t.Helper()
		if got := string(appendString(nil, s)); got != want {
			t.Errorf("%q: got %s; want %s", s, got, want)
		}
	}
	f("", `""`)
	f("a/b<>&", `"a/b<>&"`)
	f("\"\\\b\f\n\r\t\x00\x1f\x7f", `"\"\\\b\f\n\r\t\u0000\u001f`+"\x7f\"")
	f("é😀\u2028\u2029", `"é😀\u2028\u2029"`)
	f("a\xffb\xe2\x82", `"a\ufffdb\ufffd\ufffd"`)
	f("\xed\xa0\x80�", `"\ufffd\ufffd\ufffd�"`)
}

func TestAppendStringRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b := rapid.SliceOf(rapid.OneOf(rapid.Byte(), rapid.SampledFrom([]byte("\"\\u \n\xe2\x80\xa8")))).Draw(t, "bytes")
		text := appendString(nil, b)
		var got string
		if err := json.Unmarshal(text, &got); err != nil || !utf8.Valid(text) {
			t.Fatalf("%q: %v", text, err)
		}
		equal(t, string([]rune(string(b))), got)
	})
}

func TestAppendFloat(t *testing.T) {
	f := func(v float64, want string) {
		t.Helper()
		if got := string(appendFloat(nil, v)); got != want {
			t.Errorf("%v: got %s; want %s", v, got, want)
		}
	}
	f(0, "0")
	f(1, "1")
	f(0.1, "0.1")
	f(-100.25, "-100.25")
	f(1e21, "1e+21")
	f(1e-7, "1e-07")
	f(math.Inf(1), "null")
	f(math.NaN(), "null")
}

func TestCursor(t *testing.T) {
	f := func(s string, want Cursor, wantOK bool) {
		t.Helper()
		epoch, seq, ok := ParseCursor([]byte(s))
		if got := (Cursor{string(epoch), seq}); got != want || ok != wantOK {
			t.Errorf("%q: got %v, %v; want %v, %v", s, got, ok, want, wantOK)
		}
		if wantOK && want.String() != s {
			t.Errorf("%v: got %s; want %s", want, want, s)
		}
	}
	f("k7:88", Cursor{"k7", 88}, true)
	f("k7:0", Cursor{"k7", 0}, true)
	f("k7:18446744073709551615", Cursor{"k7", math.MaxUint64}, true)
	f(strings.Repeat("k", 32)+":1", Cursor{strings.Repeat("k", 32), 1}, true)
	for _, s := range []string{
		"", ":", "k7", "k7:", ":88", "k7:-1", "k7:+1", "k7:088", "k7: 1", "k7:1 ", "k7:a", "a:b:1",
		"k7:18446744073709551616", "k7:99999999999999999999", "k7:" + strings.Repeat("9", 40), strings.Repeat("k", 33) + ":1",
	} {
		f(s, Cursor{}, false)
	}
}

func FuzzParseCursor(f *testing.F) {
	for _, seed := range []string{"k7:88", ":", "k7:18446744073709551616", "a:b:1", "k7:00"} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, s []byte) {
		epoch, seq, ok := ParseCursor(s)
		if !ok {
			return
		}
		if got := AppendCursor(nil, string(epoch), seq); !bytes.Equal(got, s) {
			t.Fatalf("%q became %q", s, got)
		}
	})
}
