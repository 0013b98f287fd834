package client

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScan(t *testing.T) {
	scan := func(in string, want Head) {
		t.Helper()
		got, ok := Scan([]byte(in))
		if !ok {
			t.Fatalf("%.80s: not a frame", in)
		}
		if d := cmp.Diff(want, got); d != "" {
			t.Errorf("%.80s: %s", in, d)
		}
	}
	name := []byte("book.A")
	scan(`{"op":"gap","stream":"trade.A","from":1,"to":2,"reason":"slow"}`, Head{Op: []byte("gap")})
	scan(`{"stream":"book.A","seq":0,"type":"snapshot","bids":[],"ts":17,"tp":18}`, Head{Stream: name, TS: 17, TP: 18})
	scan(`{"stream":"book.A","seq":9007199254740991}`, Head{Stream: name, Seq: 1<<53 - 1})
	scan(`{"stream":"book.A","seq":5,"ts":1,"tp":2,"part":[1,3]}`, Head{Stream: name, Seq: 5, TS: 1, TP: 2})
	scan(`{"stream":"book.A","seq":5,"bids":[["`+strings.Repeat("1", 1<<16)+`"]],"ts":1,"tp":2}`, Head{Stream: name, Seq: 5, TS: 1, TP: 2})
	for _, bad := range []string{
		"", "{", `{"stream":`, `{"stream":"`, `{"stream":"","seq":1}`, `{"stream":"a"}`, `{"stream":"a","seq":}`, `{"stream":"a","seq":-1}`,
		`{"stream":"a","seq":1234567890123456789}`, `{"op":"`, `{"op":""}`, `[]`, ` {"op":"gap"}`,
	} {
		if h, ok := Scan([]byte(bad)); ok {
			t.Errorf("%s is accepted: %+v", bad, h)
		}
	}
}

func FuzzScan(f *testing.F) {
	f.Add([]byte(testTick))
	f.Add([]byte(testHello))
	f.Fuzz(func(t *testing.T, b []byte) {
		h, ok := Scan(b)
		if ok && (h.Op == nil) == (h.Stream == nil) {
			t.Fatalf("%+v: exactly one of Op and Stream", h)
		}
		if h.TS < 0 || h.TP < 0 {
			t.Fatalf("%+v: negative", h)
		}
	})
}

func TestSplit(t *testing.T) {
	const limit = 5
	streams := make([]string, limit+1)
	for i := range streams {
		streams[i] = "bbo.A"
	}
	streams[0], streams[limit] = "trade.A", "trade.E*"
	since := map[string]string{"trade.A": "k:1", "trade.ETH": "k:2"}
	got := split(Request{Streams: streams}, since, limit)
	if len(got) != 2 || len(got[0].Streams) != limit || len(got[1].Streams) != 1 {
		t.Fatalf("%d messages", len(got))
	}
	want := []map[string]string{{"trade.A": "k:1"}, {"trade.ETH": "k:2"}}
	if d := cmp.Diff(want, []map[string]string{got[0].Since, got[1].Since}); d != "" {
		t.Error(d)
	}
}

func TestRetry(t *testing.T) {
	retries := map[CloseCode]bool{
		CloseNormal: true, CloseProtocol: false, ClosePolicy: false, CloseShutdown: true, CloseRestart: true,
		CloseSlow: true, CloseNoPong: true, CloseCredentials: false, CloseAbuse: false, CloseConnections: false,
	}
	for code, want := range retries {
		if got := (&CloseError{Code: code}).Retry(); got != want {
			t.Errorf("%v: retry %v", code, got)
		}
	}
}
