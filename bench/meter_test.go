package bench

import (
	"bytes"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickcast/feed/client"
)

// appendServerFrame is appendClientFrame without a mask.
func appendServerFrame(dst []byte, op client.Opcode, payload string) []byte {
	at := len(dst)
	dst = appendClientFrame(dst, op, []byte(payload))
	head := len(dst) - len(payload)
	dst[at+1] &= 0x7f
	return append(dst[:head-4], dst[head:]...)
}

const testTS = 1700000000000000

func testTick(stream string, seq, late int) string {
	return fmt.Sprintf(`{"stream":"%s","seq":%d,"upd":%d,"bid":["25351.90","0.31200"],"ask":["25365.20","1.40660"],"ts":%d,"tp":%d}`,
		stream, seq, seq, testTS-late, testTS)
}

// newAudited returns a meter and an inbox whose sequences are checked.
func newAudited() (*meter, *inbox) {
	return newMeter(1), &inbox{last: map[string]*uint64{}}
}

// Wherever reads cut the bytes, the same is counted.
func TestTakeCutAnywhere(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var b []byte
		messages := rapid.IntRange(0, 30).Draw(t, "messages")
		for i := range messages {
			b = appendServerFrame(b, client.OpText, testTick("bbo.A", i+1, 1000))
			if i%5 == 0 {
				b = appendServerFrame(b, client.OpPing, "p")
				b = appendServerFrame(b, client.OpText, `{"op":"heartbeat","ts":1,"cursors":{`+strings.Repeat(`"bbo.A":1,`, i*20)+`"bbo.B":1}}`)
			}
		}
		m, in := newAudited()
		var carry, pongs []byte
		for len(b) > 0 {
			n := rapid.IntRange(1, min(len(b), 400)).Draw(t, "read")
			chunk := slices.Concat(carry, b[:n])
			b = b[n:]
			used, err := m.take(in, chunk, testTS)
			if err != nil {
				t.Fatal(err)
			}
			carry = chunk[used:]
			pongs, in.pongs = append(pongs, in.pongs...), in.pongs[:0]
		}
		c := m.counts()
		if c.messages != int64(messages) || c.samples != int64(messages) || c.missing != 0 || c.duplicates != 0 || len(carry) != 0 {
			t.Fatalf("%d messages: %+v, %d bytes left", messages, c, len(carry))
		}
		if got := bytes.Count(pongs, []byte{0x8a, 0x81, 0, 0, 0, 0, 'p'}); got != (messages+4)/5 {
			t.Fatalf("%d pongs", got)
		}
		if h := m.latencies(); messages > 0 && (h.Min() != 1000 || h.Max() != 1000) {
			t.Fatalf("latencies %d to %d us", h.Min(), h.Max())
		}
	})
}

func TestAudit(t *testing.T) {
	audit := func(seqs []int, missing, duplicates int64) {
		t.Helper()
		m, in := newAudited()
		var b []byte
		for _, seq := range seqs {
			b = appendServerFrame(b, client.OpText, testTick("bbo.A", seq, 0))
			b = appendServerFrame(b, client.OpText, testTick("bbo.B", 7, 0)) // a stream of its own
			in.last["bbo.B"] = nil
		}
		if _, err := m.take(in, b, testTS); err != nil {
			t.Fatal(err)
		}
		if c := m.counts(); c.missing != missing || c.duplicates < duplicates {
			t.Errorf("%v: missing %d, duplicates %d", seqs, c.missing, c.duplicates)
		}
	}
	audit([]int{1, 2, 3}, 0, 0)
	audit([]int{5, 6}, 0, 0)
	audit([]int{1, 2, 5}, 2, 0)
	audit([]int{1, 2, 2, 3}, 0, 1)
	audit([]int{1, 3, 2, 4}, 1, 1)
}

func TestSampling(t *testing.T) {
	m, in := newMeter(4), &inbox{}
	var b []byte
	for i := range 10 {
		b = appendServerFrame(b, client.OpText, testTick("bbo.A", i, i))
	}
	if _, err := m.take(in, b, testTS); err != nil {
		t.Fatal(err)
	}
	if h := m.latencies(); h.TotalCount() != 2 || h.Min() != 3 || h.Max() != 7 {
		t.Errorf("%d samples from %d to %d", h.TotalCount(), h.Min(), h.Max())
	}
}

// Latencies outside the histogram's range count as its ends: none is left out.
func TestLatencyRange(t *testing.T) {
	m, in := newMeter(1), &inbox{}
	b := appendServerFrame(nil, client.OpText, testTick("bbo.A", 1, 0))
	for _, now := range []int64{testTS - 5, testTS, testTS + 10*latencyMax} {
		if _, err := m.take(in, b, now); err != nil {
			t.Fatal(err)
		}
	}
	if h := m.latencies(); h.TotalCount() != 3 || h.Min() != 0 || h.Max() < latencyMax {
		t.Errorf("%d samples from %d to %d", h.TotalCount(), h.Min(), h.Max())
	}
}

func TestControl(t *testing.T) {
	m, in := newMeter(1), &inbox{}
	var b []byte
	for _, text := range []string{
		`{"op":"hello"}`,
		`{"op":"subscribed","streams":[],"errors":[],"part":[1,2]}`,
		`{"op":"conflated","frames":412,"streams":37,"reason":"slow"}`,
		`{"op":"gap","stream":"trade.A","from":89,"to":140,"reason":"slow"}`,
		`{"op":"gap","stream":"trade.A","from":null,"to":140,"reason":"epoch"}`,
	} {
		b = appendServerFrame(b, client.OpText, text)
	}
	take := func() {
		if _, err := m.take(in, b, testTS); err != nil {
			t.Fatal(err)
		}
	}
	take()
	if acked, _, failure := m.state(); acked != 0 || failure != nil {
		t.Errorf("acked %d after one part of two, %v", acked, failure)
	}
	if c := m.counts(); c.announced != 412+52 || c.messages != 0 {
		t.Errorf("%+v", c)
	}
	b = appendServerFrame(nil, client.OpText, `{"op":"subscribed","streams":[],"errors":[],"part":[2,2]}`)
	take()
	take() // repeating a subscription makes no second connection of it
	b = appendServerFrame(nil, client.OpText, `{"op":"error","code":"limit_streams","message":"too many"}`)
	take()
	if acked, _, failure := m.state(); acked != 1 || failure == nil {
		t.Errorf("acked %d, failure %v", acked, failure)
	}
	b = appendServerFrame(nil, client.OpClose, "\x0f\xa8too slow")
	_, err := m.take(in, b, testTS)
	var ce *client.CloseError
	if !errors.As(err, &ce) || ce.Code != client.CloseSlow {
		t.Errorf("close: %v", err)
	}
}

func TestStamp(t *testing.T) {
	stamped := func(in string, want int64) {
		t.Helper()
		if got, ok := stamp([]byte(in)); got != want || ok != (want > 0) {
			t.Errorf("%s: %d, %v", in, got, ok)
		}
	}
	stamped(testTick("bbo.A", 1, 2), testTS-2)
	stamped(`{"stream":"bbo.A","seq":1,"ts":9876543210123456,"tp":1700000000000000}`, 9876543210123456)
	stamped(`{"stream":"bbo.A","seq":1,"ts":5,"tp":1700000000000000}`, 5)
	stamped(`{"stream":"bbo.A","seq":1,"ts":1700000000000000}`, 1700000000000000)
	stamped(`{"stream":"bbo.A","seq":1}`, 0)
	stamped(`{"stream":"bbo.A","seq":1,"ts":17000000000x0000,"tp":1700000000000000}`, 17000000000)
	rapid.Check(t, func(t *rapid.T) {
		v := rapid.Int64Range(0, 99_999_999).Draw(t, "v")
		var b [8]byte
		copy(b[:], fmt.Sprintf("%08d", v))
		word := uint64(0)
		for i, c := range b {
			word |= uint64(c) << (8 * i)
		}
		if got, ok := parse8(word); !ok || got != v {
			t.Fatalf("parse8(%s) = %d, %v", b, got, ok)
		}
	})
}
