package wire

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// describe draws a request on one line.
func describe(r *Request) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%v", r.Op)
	if r.ID != nil {
		fmt.Fprintf(&b, " id=%s", r.ID)
	}
	for _, s := range r.Streams {
		fmt.Fprintf(&b, " %q", s)
	}
	for _, s := range r.Since {
		fmt.Fprintf(&b, " %q>%q", s.Stream, s.Cursor)
	}
	if !r.Snapshot {
		b.WriteString(" bare")
	}
	if r.Token != nil {
		fmt.Fprintf(&b, " token=%q", r.Token)
	}
	return b.String()
}

func TestRequestParse(t *testing.T) {
	var r Request // reused: nothing may stay from the last one
	f := func(msg, want string) {
		t.Helper()
		if err := r.Parse([]byte(msg)); err != nil {
			t.Errorf("%s: %v", msg, err)
		} else if got := describe(&r); got != want {
			t.Errorf("%s:\ngot  %s\nwant %s", msg, got, want)
		}
	}
	f(`{"op":"subscribe","id":7,"streams":["bbo.BTCUSDT","trade.ETH*"],"since":{"trade.ETHUSDT":"k7:88"},"snapshot":true}`,
		`subscribe id=7 "bbo.BTCUSDT" "trade.ETH*" "trade.ETHUSDT">"k7:88"`)
	f(`{"op":"unsubscribe","id":8,"streams":["trade.ETH*"]}`, `unsubscribe id=8 "trade.ETH*"`)
	f(`{"op":"list","id":9}`, `list id=9`)
	f(`{"op":"ping","id":"a"}`, `ping id="a"`)
	f(`{"op":"auth","id":11,"token":"t"}`, `auth id=11 token="t"`)
	f(`{"op":"subscribe","streams":["bbo.A"],"snapshot":false}`, `subscribe "bbo.A" bare`)
	f(" {\t\"op\" :\n\"ping\" , \"id\" : -0 }\r\n", `ping id=-0`)
	f(`{"id":1,"op":"ping","id":2}`, `ping id=2`)
	f(`{"op":"auth","op":"ping"}`, `ping`)
	f(`{"op":"subscribe","streams":["a","b"],"streams":["c"]}`, `subscribe "c"`)
	f(`{"op":"ping","id":1,"id":null,"since":null,"snapshot":null,"token":null,"streams":null}`, `ping`)
	f(`{"op":"ping","new":{"a":[1,{"b":null}],"c":true},"x":[],"y":{},"z":-1.5e+3}`, `ping`)
	f(`{"\u006fp":"\u0070ing","id":"\u00e9\"\\"}`, `ping id="\u00e9\"\\"`)
	f(`{"op":"subscribe","streams":["bbo\u002e\ud83d\ude00","\ud800\/\b\f\n\r\t"],"since":{"\u0061":"\u0062"}}`,
		`subscribe "bbo.😀" "�/\b\f\n\r\t" "a">"b"`)
	f("{\"op\":\"ping\",\"id\":\"a\xffb\"}", `ping id="a\ufffdb"`)
	f(`{"op":"ping","id":"`+strings.Repeat("é", 32)+`"}`, `ping id="`+strings.Repeat("é", 32)+`"`)
	f(`{"op":"ping","x":`+strings.Repeat("[", 32)+strings.Repeat("]", 32)+`}`, `ping`)
}

func TestRequestFaults(t *testing.T) {
	names := func(n int) string { return `["a"` + strings.Repeat(`,"a"`, n-1) + `]` }
	f := func(msg string, code Code, id string) {
		t.Helper()
		var r Request
		err := r.Parse([]byte(msg))
		if e, ok := errors.AsType[*Error](err); !ok {
			t.Errorf("%s: got %v; want %s", msg, err, code)
		} else if e.Code != code || string(r.ID) != id {
			t.Errorf("%s: got id %q, %v; want id %q, %s", msg, r.ID, e, id, code)
		}
	}
	for _, msg := range []string{
		``, ` `, `1`, `[]`, `"ping"`, `{`, `}`, `{"op"}`, `{"op":}`, `{"op":"ping"`, `{"op":"ping",}`, `{,}`,
		`{"op":"ping"}x`, `{"op":"ping"}{}`, `{op:"ping"}`, `{'op':'ping'}`, `{"op":"ping"x}`, `{"op":"p`,
		`{"op":"\x"}`, `{"op":"\u12"}`, `{"op":"\u12g4"}`, `{"op":"\`, "{\"op\":\"a\nb\"}", "{\"op\":\"ping\"}\x00",
		`{"x":01}`, `{"x":1.}`, `{"x":.1}`, `{"x":-}`, `{"x":+1}`, `{"x":1e}`, `{"x":tru}`, `{"x":nul}`, `{"x":[1,]}`, `{"x":[1 2]}`, `{"x":{"a"}}`,
		`{"op":"ping","x":` + strings.Repeat("[", 33) + strings.Repeat("]", 33) + `}`,
		`{"op":"ping","x":` + strings.Repeat(`{"a":`, 50_000),
	} {
		f(msg, CodeBadJSON, "")
	}
	f(`{"id":7,"op":"ping"`, CodeBadJSON, "7")
	f(`{}`, CodeBadRequest, "")
	f(`{"op":1,"id":7}`, CodeBadRequest, "7")
	f(`{"op":null,"id":7}`, CodeBadRequest, "7")
	f(`{"op":"Subscribe","id":7}`, CodeUnknownOp, "7")
	f(`{"op":"","id":7}`, CodeUnknownOp, "7")
	f(`{"op":"invalid","streams":5,"id":7}`, CodeUnknownOp, "7")
	f(`{"op":"ping","id":1.5}`, CodeBadRequest, "")
	f(`{"op":"ping","id":1e3}`, CodeBadRequest, "")
	f(`{"op":"ping","id":true}`, CodeBadRequest, "")
	f(`{"op":"ping","id":[7]}`, CodeBadRequest, "")
	f(`{"op":"ping","id":123456789012345678901}`, CodeBadRequest, "")
	f(`{"op":"ping","id":"`+strings.Repeat("a", 65)+`"}`, CodeBadRequest, "")
	f(`{"op":"subscribe","id":7}`, CodeBadRequest, "7")
	f(`{"op":"unsubscribe","id":7,"streams":[]}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":"a","id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":["a",{"b":[]}],"id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":["`+strings.Repeat("a", 65)+`"],"id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":`+names(201)+`,"id":7}`, CodeLimitStreams, "7")
	f(`{"op":"subscribe","streams":["a"],"since":["a"],"id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":["a"],"since":{"a":5},"id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":["a"],"since":{"`+strings.Repeat("a", 65)+`":"x"},"id":7}`, CodeBadRequest, "7")
	f(`{"op":"subscribe","streams":["a"],"snapshot":0,"id":7}`, CodeBadRequest, "7")
	f(`{"op":"auth","id":7}`, CodeBadRequest, "7")
	f(`{"op":"auth","token":{},"id":7}`, CodeBadRequest, "7")
	f(`{"op":"auth","token":"`+strings.Repeat("a", 8193)+`","id":7}`, CodeBadRequest, "7")

	var r Request
	if err := r.Parse([]byte(`{"op":"subscribe","streams":` + names(200) + `}`)); err != nil || len(r.Streams) != 200 {
		t.Errorf("200 names: got %d, %v", len(r.Streams), err)
	}
}

func TestRequestFaultRepeatsBoundedText(t *testing.T) {
	var r Request
	for _, op := range []string{strings.Repeat("é", 5000), strings.Repeat("\xff", 70), "a\\u0000\\\"", strings.Repeat("a", 63) + "😀"} {
		err := r.Parse([]byte(`{"op":"` + op + `"}`))
		var e *Error
		if !errors.As(err, &e) || e.Code != CodeUnknownOp {
			t.Fatalf("got %v", err)
		}
		if len(e.Message) > 400 || !utf8.ValidString(e.Message) {
			t.Errorf("%d bytes: %s", len(e.Message), e.Message)
		}
	}
}

func TestRequestRoundTrip(t *testing.T) {
	var r Request
	rapid.Check(t, func(t *rapid.T) {
		short := rapid.StringN(0, 16, StreamBytesMax)
		want := struct {
			Op       string            `json:"op"`
			ID       any               `json:"id,omitempty"`
			Streams  []string          `json:"streams"`
			Since    map[string]string `json:"since,omitempty"`
			Snapshot bool              `json:"snapshot"`
			Token    string            `json:"token"`
		}{
			Op:       rapid.SampledFrom(opNames[1:]).Draw(t, "op"),
			ID:       rapid.OneOf(short.AsAny(), rapid.Int64().AsAny()).Draw(t, "id"),
			Streams:  rapid.SliceOfN(short, 1, RequestStreamsMax).Draw(t, "streams"),
			Since:    rapid.MapOf(short, short).Draw(t, "since"),
			Snapshot: rapid.Bool().Draw(t, "snapshot"),
			Token:    rapid.StringN(1, 9, 99).Draw(t, "token"),
		}
		msg, err := json.Marshal(want)
		if err != nil {
			t.Fatal(err)
		}
		if err := r.Parse(msg); err != nil {
			t.Fatalf("%s: %v", msg, err)
		}
		equal(t, want.Op, r.Op.String())
		id, _ := json.Marshal(want.ID)
		equal(t, string(id), string(r.ID))
		equal(t, want.Snapshot, r.Snapshot)
		equal(t, want.Token, string(r.Token))
		var streams []string
		for _, s := range r.Streams {
			streams = append(streams, string(s))
		}
		equal(t, want.Streams, streams)
		for _, s := range r.Since {
			if cursor, ok := want.Since[string(s.Stream)]; !ok || cursor != string(s.Cursor) {
				t.Fatalf("since %q: got %q; want %q", s.Stream, s.Cursor, cursor)
			}
		}
		equal(t, len(want.Since), len(r.Since))
	})
}

// tooDeep reports whether JSON nests deeper than Parse follows.
func tooDeep(msg []byte) bool {
	depth, deepest, quoted := 0, 0, false
	for i := 0; i < len(msg); i++ {
		switch c := msg[i]; {
		case quoted && c == '\\':
			i++
		case c == '"':
			quoted = !quoted
		case quoted:
		case c == '{' || c == '[':
			depth++
			deepest = max(deepest, depth)
		case c == '}' || c == ']':
			depth--
		}
	}
	return deepest > scanDepthMax
}

func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		`{"op":"subscribe","id":7,"streams":["bbo.BTCUSDT","trade.ETH*"],"since":{"trade.ETHUSDT":"k7:88"},"snapshot":true}`,
		`{"op":"unsubscribe","id":"a\u00e9\ud83d\ude00","streams":["\ud800"]}`,
		`{"op":"auth","id":-11,"token":"\"\\\/\b\f\n\r\t"}`,
		`{"op":"ping","x":[{"y":[1,-2.5e+3,true,false,null]},{}],"id":null}`,
		"{\"op\":\"li\xffst\",\"id\":\"\xf0\x9f\"}", `{"op":"ping"`, `[]`, ``,
	} {
		f.Add([]byte(seed))
	}
	var r Request
	f.Fuzz(func(t *testing.T, msg []byte) {
		before := string(msg)
		err := r.Parse(msg)
		if string(msg) != before {
			t.Fatal("Parse changed its input")
		}
		if r.ID != nil && (!json.Valid(r.ID) || !utf8.Valid(r.ID)) {
			t.Fatalf("id %q cannot be echoed", r.ID)
		}
		var e *Error
		if err != nil && !errors.As(err, &e) {
			t.Fatalf("got %T", err)
		}
		if e != nil && !json.Valid(AppendErrorReply(nil, r.ID, e.Code, e.Message)) {
			t.Fatalf("no JSON: %v", e)
		}
		var naive map[string]json.RawMessage
		naiveErr := json.Unmarshal(msg, &naive)
		if naive == nil && naiveErr == nil {
			naiveErr = errors.New("null")
		}
		if malformed := e != nil && e.Code == CodeBadJSON; malformed != (naiveErr != nil) && !tooDeep(msg) {
			t.Fatalf("got %v; encoding/json says %v", err, naiveErr)
		}
		if err == nil && utf8.Valid(msg) {
			compareNaive(t, &r, naive)
		}
	})
}

// compareNaive compares an accepted request with what encoding/json reads.
func compareNaive(t *testing.T, r *Request, naive map[string]json.RawMessage) {
	t.Helper()
	read := func(name string, into any) {
		t.Helper()
		if raw, ok := naive[name]; ok {
			if err := json.Unmarshal(raw, into); err != nil {
				t.Fatalf("%s: %v", name, err)
			}
		}
	}
	var op, token string
	var streams []string
	since, snapshot := map[string]string{}, true
	read("op", &op)
	read("token", &token)
	read("streams", &streams)
	read("since", &since)
	read("snapshot", &snapshot)
	equal(t, op, r.Op.String())
	equal(t, token, string(r.Token))
	equal(t, snapshot, r.Snapshot)
	if !slices.EqualFunc(streams, r.Streams, func(a string, b []byte) bool { return a == string(b) }) {
		t.Fatalf("streams: got %q; want %q", r.Streams, streams)
	}
	for _, s := range slices.Backward(r.Since) { // the last of a name counts
		if since[string(s.Stream)] == string(s.Cursor) {
			delete(since, string(s.Stream))
		}
	}
	if len(since) > 0 {
		t.Fatalf("since: %q are missing", since)
	}
	if id := naive["id"]; string(id) != string(r.ID) && string(id) != "null" {
		t.Fatalf("id: got %q; want %q", r.ID, id)
	}
}

func BenchmarkRequestParse(b *testing.B) {
	msg := []byte(`{"op":"subscribe","id":7,"streams":["bbo.BTCUSDT","trade.ETHUSDT","book.SOLUSDT"],"since":{"trade.ETHUSDT":"k7:88"}}`)
	var r Request
	b.ReportAllocs()
	b.SetBytes(int64(len(msg)))
	for b.Loop() {
		if err := r.Parse(msg); err != nil {
			b.Fatal(err)
		}
	}
}
