package feed

import (
	"strings"
	"testing"

	"tickcast/wire"
)

func TestMeter(t *testing.T) {
	var m meter
	now := stageBegin
	for i := range 5 {
		if !m.spend(now, 10, 50) {
			t.Fatalf("the bucket is empty after %d", i)
		}
	}
	if m.spend(now, 10, 50) || m.spend(now+9, 10, 50) || !m.spend(now+10, 10, 50) {
		t.Error("one comes back after 10 ns, not earlier")
	}
	if m.full(now+59) || !m.full(now+60) {
		t.Error("it is full again when all is paid for")
	}
	m = 0
	m.take(now, 80)
	if w := m.wait(now, 50); w != 30 {
		t.Errorf("wait %d ns; want 30", w)
	}
	if w := m.wait(now+30, 50); w != 0 {
		t.Errorf("wait %d ns; want 0", w)
	}
}

func pongs(frames []clientMessage) int {
	n := 0
	for _, f := range frames {
		if f.op == wire.OpcodePong {
			n++
		}
	}
	return n
}

// Pings are answered up to a burst; what is more is ignored, and for long
// enough is the end. Somebody who keeps to the rate may go on for ever.
func TestPingsAreMetered(t *testing.T) {
	st := newStage(t, 1)
	steady, burst, flood := st.open(Options{Quiet: true}, unlimited), st.open(Options{Quiet: true}, unlimited), st.open(Options{Quiet: true}, unlimited)
	for i := range 1000 {
		steady.send(wire.OpcodePing, "x")
		st.wait(chatterNanos)
		if n := pongs(steady.frames()); n != 1 {
			t.Fatalf("ping %d: %d pongs", i, n)
		}
	}
	for _, answered := range []int{chatterBurst, 10} { // a second later there are ten more
		n := 0
		for range chatterBurst + 20 {
			burst.send(wire.OpcodePing, "x")
			st.round()
			n += pongs(burst.frames())
		}
		if n != answered {
			t.Errorf("%d pongs; want %d", n, answered)
		}
		st.wait(1e9)
	}
	for range chatterBurst + ignoredMax {
		flood.send(wire.OpcodePong, "")
	}
	if flood.m.closing {
		t.Fatal("closed too early")
	}
	flood.send(wire.OpcodePong, "")
	if !flood.m.closing || flood.m.end.Code != wire.ClosePolicy || flood.m.end.Reason == "" {
		t.Errorf("%+v", flood.m.end)
	}
	if n := st.shard.stats.Limits[LimitPings]; n < ignoredMax {
		t.Errorf("%d counted", n)
	}
}

// Calm forgives: a burst now and then never adds up.
func TestPingBurstsAreForgiven(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	for i := range 20 {
		for range chatterBurst + 100 {
			p.send(wire.OpcodePing, "")
			st.round()
		}
		if n := pongs(p.frames()); n != chatterBurst {
			t.Fatalf("burst %d: %d pongs", i, n)
		}
		st.wait(chatterBurst*chatterNanos + 1)
	}
	if p.m.closing {
		t.Errorf("%+v", p.m.end)
	}
}

// A client that sends as much as it may is read at the rate, and every message
// of its is answered: what is too much waits in the network.
func TestInboundIsMetered(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	const seconds = 60
	payload := `{"op":"ping","pad":"` + strings.Repeat("x", 32<<10) + `"}`
	sent, bytes, answered := 0, 0, 0
	for end := st.now + seconds*1e9; st.now < end; st.wait(10e6) {
		for p.reading {
			p.say("%s", payload)
			sent++
			bytes += len(payload)
			st.round()
		}
		answered += len(texts(p.frames(), `"op":"pong"`))
	}
	if most := inboundBurst + seconds*inboundPerSecond + len(payload); bytes > most || bytes < most*95/100 {
		t.Errorf("%d bytes in %d s; want nearly %d", bytes, seconds, most)
	}
	if sent != answered || p.m.closing {
		t.Errorf("%d sent, %d answered, %+v", sent, answered, p.m.end)
	}
	if n := st.shard.stats.Limits[LimitInbound]; n == 0 {
		t.Error("no pause was counted")
	}
	if st.wait(10e9); !p.reading {
		t.Error("it is not read again")
	}
}

// Frames without a payload cost too.
func TestFramesAreMetered(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	var all []byte
	for range 230 {
		all = wire.AppendClientFrame(all, wire.OpcodePong, [4]byte{1}, nil)
	}
	p.m.input(all)
	st.rounds()
	if owed := int64(p.m.inbound) - st.now; owed != int64(len(all)+230*frameBytes)*inboundByteNanos {
		t.Errorf("%d ns for %d bytes", owed, len(all))
	}
}

// part is the first n bytes of a client's frame.
func part(first byte, payload string, n int) []byte {
	b := wire.AppendClientFrame(nil, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(payload))
	b[0] = first
	return b[:min(n, len(b))]
}

// A message has five seconds from its first byte.
func TestMessageIsCompletedInTime(t *testing.T) {
	const list = `{"op":"list"}`
	for name, c := range map[string]struct {
		pieces [][]byte // one a second, the last again and again
		done   bool
	}{
		"a header's first byte": {pieces: [][]byte{part(0x81, list, 1), nil}},
		"half a frame":          {pieces: [][]byte{part(0x81, list, 9), nil}},
		"one of two fragments":  {pieces: [][]byte{part(0x01, list, 99), nil}},
		"fragments without end": {pieces: [][]byte{part(0x01, "{", 99), part(0x00, " ", 99)}},
		"pings in between":      {pieces: [][]byte{part(0x01, list, 99), part(0x89, "", 99)}},
		"half a ping":           {pieces: [][]byte{part(0x89, "hello", 8), nil}},
		"four seconds": {done: true, pieces: [][]byte{
			part(0x01, list[:3], 99), nil, nil, part(0x80, list[3:], 99), part(0x81, list, 99),
		}},
		"always one and a half": {done: true, pieces: [][]byte{
			part(0x81, list, 9), append(part(0x81, list, 99)[9:], part(0x81, list, 9)...),
		}},
		"nothing": {done: true, pieces: [][]byte{nil}},
	} {
		st := newStage(t, 1)
		p := st.open(Options{Quiet: true}, unlimited)
		st.rounds()
		for i := range 8 {
			piece := append([]byte(nil), c.pieces[min(i, len(c.pieces)-1)]...)
			if !p.m.closing && len(piece) > 0 {
				p.m.input(piece)
			}
			st.wait(1e9)
			if i == 3 && p.m.closing {
				t.Errorf("%s: closed after %d s: %+v", name, i, p.m.end)
			}
		}
		if p.m.closing == c.done || p.m.closing && (p.m.end.Code != wire.ClosePolicy || p.m.end.Reason == "") {
			t.Errorf("%s: closing %v, %+v", name, p.m.closing, p.m.end)
		}
		if n := st.shard.stats.Limits[LimitAssembly]; (n == 1) == c.done {
			t.Errorf("%s: %d counted", name, n)
		}
	}
}

// While a client is not read, its message does not grow old.
func TestMessageWaitsForTheBucket(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	for range 8 { // beyond the bucket: about two seconds' worth
		p.say(`{"op":"ping","pad":"%s"}`, strings.Repeat("x", 48<<10))
		st.round()
	}
	p.m.partialAt, p.m.heard = 0, st.now
	p.m.input(part(0x81, `{"op":"list","id":1}`, 9))
	p.m.shard.now = st.now
	if !p.m.paused || p.m.partialAt == 0 {
		t.Fatal("it is read on")
	}
	at := st.now
	for p.m.paused {
		st.wait(1e8)
	}
	if st.now-at < 1e9 || p.m.partialAt < st.now-1e8 {
		t.Fatalf("paused for %d ns; the message is of %d ns ago", st.now-at, st.now-p.m.partialAt)
	}
	st.wait(assemblyNanos - 2e8)
	if p.m.closing {
		t.Fatalf("%+v", p.m.end)
	}
	p.m.input(part(0x81, `{"op":"list","id":1}`, 99)[9:])
	st.rounds()
	if n := len(texts(p.frames(), `{"op":"list","id":1,`)); n != 1 || p.m.closing {
		t.Errorf("%d answers, %+v", n, p.m.end)
	}
}

// A shard that is late gives credit; that is no calm of the client's.
func TestLateShardForgivesNoFlood(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	var flood []byte
	for range 2000 {
		flood = wire.AppendClientFrame(flood, wire.OpcodeText, [4]byte{1, 2, 3, 4}, []byte(`{"op":"ping"}`))
	}
	p.m.input(flood)
	for start := st.now; st.now-start < 2*delayNanos; {
		st.now += 2 * calmNanos
		st.round()
	}
	frames := p.frames()
	if n := len(texts(frames, `"op":"pong"`)); n < requestsBurst || n > requestsBurst+3*requestsPerSecond {
		t.Errorf("%d pongs; want %d at once and %d/s for 2 s", n, requestsBurst, requestsPerSecond)
	}
	if p.m.end.Code != wire.CloseAbuse {
		t.Errorf("%+v", p.m.end)
	}
}
