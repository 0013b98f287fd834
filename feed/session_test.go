package feed

import (
	"strings"
	"testing"

	"tickcast/wire"
)

// A frame that was begun is finished, whatever happens to the session before
// its next byte is written.
func TestCloseAfterFallingOffFinishesTheFrame(t *testing.T) {
	for name, end := range map[string]func(p *pipe){
		"ours":   func(p *pipe) { p.m.close(wire.ClosePolicy, "test") },
		"theirs": func(p *pipe) { p.send(wire.OpcodeClose, "\x03\xe8") },
	} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t, 1)
			p := st.open(Options{}, unlimited)
			p.subscribe("book.S0")
			p.frames()
			p.room = 30 // the next frame is cut
			st.move(0, 1)
			st.round()
			if len(p.out) != 30 {
				t.Fatalf("%d bytes came; want a cut frame", len(p.out))
			}
			for range 2 {
				p.m.fallOff()
			}
			end(p)
			p.give(unlimited)
			st.rounds()
			frames := p.frames()
			if len(frames) != 2 || frames[0].op != wire.OpcodeText || frames[1].op != wire.OpcodeClose || len(p.out) > 0 {
				t.Fatalf("frames %v and %d bytes; want the frame that was begun and a close", frames, len(p.out))
			}
		})
	}
}

// When we closed first, the client's answer ends the connection at once.
func TestAnswerToOurCloseEndsAtOnce(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.m.close(wire.ClosePolicy, "test")
	st.rounds()
	if p.closed {
		t.Fatal("closed without the client's answer")
	}
	p.send(wire.OpcodeClose, "\x03\xf0")
	st.rounds()
	if !p.closed || p.end.Code != wire.ClosePolicy {
		t.Fatalf("closed %v, end %+v", p.closed, p.end)
	}
}

// The client's answer to a close is read even if its input was held back.
func TestCloseReadsInputThatWaited(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.say(`{"op":"subscribe","streams":["book.S0"]}`)
	p.say(`{"op":"list"}`) // held back: the subscription is under way
	if p.reading {
		t.Fatal("still reading")
	}
	p.m.close(wire.ClosePolicy, "test")
	st.rounds()
	if !p.reading {
		t.Fatal("not reading the client's answer")
	}
	p.send(wire.OpcodeClose, "\x03\xf0")
	st.rounds()
	if !p.closed {
		t.Fatal("not closed")
	}
}

// A silent client without ticks or heartbeats: its pause for too many control
// messages ends even so.
func TestPausedSessionIsWokenWithoutTraffic(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	st.rounds()
	// The subscription pauses the session before its bucket is empty.
	p.say(`{"op":"subscribe","streams":["book.S0"]}`)
	for range requestsBurst + 50 {
		p.say(`{"op":"ping"}`)
	}
	st.wait(10e9)
	if got := len(texts(p.frames(), `"op":"pong"`)); got != requestsBurst+50 {
		t.Fatalf("%d pongs; want %d", got, requestsBurst+50)
	}
	if !p.reading || p.m.paused {
		t.Fatal("still paused")
	}
}

// A client that is always a little behind is never quite drained; it must be
// heard all the same.
func TestBusySessionIsHeard(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	p.frames()
	// Paused for the outbox: as if a large snapshot had been sent.
	p.m.pushControl([]byte(`{"op":"x","y":"` + strings.Repeat("x", outboxBytesMax) + `"}`))
	p.room = 0
	st.round()
	p.say(`{"op":"ping","id":1}`)
	p.send(wire.OpcodePing, "a")
	if !p.m.paused {
		t.Fatal("not paused")
	}
	var frames []clientMessage
	for i := range 200 {
		if i == 150 {
			p.send(wire.OpcodePing, "b")
		}
		st.move(0, 20)
		st.round()
		p.give(p.m.unsentBytes() - 10) // never all of it
		frames = append(frames, p.frames()...)
	}
	if len(texts(frames, `"op":"pong"`)) != 1 {
		t.Fatal("no pong to a client that reads steadily")
	}
	pongs := ""
	for _, f := range frames {
		if f.op == wire.OpcodePong {
			pongs += f.text
		}
	}
	if pongs != "ab" {
		t.Fatalf("pongs %q; want one for each ping", pongs)
	}
}

// What was sent of the outbox is given up even if it never becomes empty.
func TestOutboxForgetsWhatWasSent(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.room = 0
	p.count = true
	p.m.pushControl([]byte(strings.Repeat("x", 1000)))
	for range 2000 {
		p.m.pushControl([]byte(strings.Repeat("x", 1000)))
		st.now += 1e6
		st.round()
		p.give(p.m.outboxBytes - 500)
	}
	held := 0
	for i := range p.m.outbox {
		held += cap(p.m.outbox[i].bytes)
	}
	if held > 16<<10 {
		t.Fatalf("%d bytes held for %d unsent", held, p.m.outboxBytes)
	}
	if age := p.m.age(st.now); age > 5e6 {
		t.Fatalf("age %d ns of a client that reads steadily", age)
	}
}

// PROTOCOL.md section 8: a ping after 20 s of silence, 60 s for its answer.
func TestSilentClientIsPingedThenClosed(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.frames()
	st.wait(19e9)
	if len(p.frames()) != 0 {
		t.Fatal("frames to a client that was silent for 19 s")
	}
	st.wait(3e9)
	if f := p.frames(); len(f) != 1 || f[0].op != wire.OpcodePing {
		t.Fatalf("%v; want a ping", f)
	}
	st.wait(56e9)
	if p.m.closing || p.m.dead {
		t.Fatalf("ended before its 60 s were over: %+v %+v", p.end, p.m.end)
	}
	st.wait(8e9)
	if !p.closed || p.end.Code != wire.CloseNoPong {
		t.Fatalf("closed %v, end %+v", p.closed, p.end)
	}
}

func TestAnsweredPingKeepsTheConnection(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	for range 10 {
		st.wait(25e9)
		p.send(wire.OpcodePong, "")
	}
	if p.m.dead || p.m.closing {
		t.Fatalf("ended: %+v", p.end)
	}
}

// A client that keeps silent after our close is cut after the deadline.
func TestCloseHasADeadline(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	st.rounds()
	p.m.close(wire.ClosePolicy, "test")
	st.wait(closeNanos - 1)
	if p.closed {
		t.Fatal("closed early")
	}
	st.wait(2)
	if !p.closed || !p.hard || len(st.shard.seats) != 0 {
		t.Fatalf("closed %v, hard %v", p.closed, p.hard)
	}
}

// A client's close is answered with its code, behind what was begun.
func TestCloseOfTheClient(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0")
	p.frames()
	p.send(wire.OpcodeClose, "\x03\xe9")
	st.rounds()
	f := p.frames()
	if len(f) != 1 || f[0].op != wire.OpcodeClose || !strings.HasPrefix(f[0].text, "\x03\xe9") {
		t.Fatalf("%v; want a close with 1001", f)
	}
	if !p.closed || p.hard || p.end.Code != wire.CloseGoingAway || len(st.shard.groups) != 0 {
		t.Fatalf("closed %v hard %v end %+v groups %d", p.closed, p.hard, p.end, len(st.shard.groups))
	}
}

// A session is as old as its oldest unsent byte, wherever that waits.
func TestSessionAges(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	p.subscribe("book.S0")
	want := func(what string, nanos int64) {
		t.Helper()
		if got := p.m.age(st.now); got != nanos {
			t.Fatalf("%s: age %d ms; want %d", what, got/1e6, nanos/1e6)
		}
	}
	want("nothing unsent", 0)
	p.room = 0
	st.move(0, 1)
	st.round()
	st.now += 2e9
	want("in the log", 2e9)
	st.move(0, 1)
	st.round()
	want("in the log, and more", 2e9)
	p.say(`{"op":"list"}`)
	st.round()
	st.now += 1e9
	want("a range in the outbox", 3e9)
	p.m.fallOff()
	want("fallen off", 3e9)
	p.give(unlimited)
	st.rounds()
	want("all sent", 0)
	p.room = 0
	p.say(`{"op":"list"}`)
	st.rounds()
	st.now += 1e9
	want("an answer in the outbox", 1e9)
	p.say(`{"op":"ping","id":9}`)
	p.give(unlimited)
	st.rounds()
	frames := texts(p.frames(), `"op":"pong"`)
	if len(frames) != 1 || !strings.Contains(frames[0], `"age_ms":1000`) {
		t.Fatalf("pong %q", frames)
	}
}

// slow=close gives a client 5 s; without it, a minute.
func TestFrozenClientIsEvicted(t *testing.T) {
	for slow, seconds := range map[Slow]int64{SlowClose: 5, SlowConflate: 60} {
		st := newStage(t, 1)
		p := st.open(Options{Slow: slow, Quiet: true}, unlimited)
		p.subscribe("book.S0")
		p.room = 0
		st.move(0, 1) // and nothing more: no heartbeat, no tick
		st.round()
		st.wait(seconds*1e9 - 1)
		if p.m.dead {
			t.Fatalf("mode %d: evicted after %d s", slow, p.end.Nanos/1e9)
		}
		st.wait(2e9)
		if !p.closed || !p.hard || p.end.Code != wire.CloseTooSlow || st.shard.stats.Evictions != 1 {
			t.Fatalf("mode %d: closed %v, hard %v, %+v", slow, p.closed, p.hard, p.end)
		}
	}
}
