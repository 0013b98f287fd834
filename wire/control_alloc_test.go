//go:build !race

package wire

import "testing"

func TestControlAllocates0(t *testing.T) {
	var r Request
	msg := []byte(`{"op":"subscribe","id":"a","streams":["bbo.BTCUSDT","trade.ETH\u002a"],"since":{"trade.ETHUSDT":"k7:88"}}`)
	dst := make([]byte, 0, 4096)
	hello := someHello()
	name := []byte("bbo.BTCUSDT")
	for what, run := range map[string]func(){
		"parse": func() {
			if r.Parse(msg) != nil {
				t.Error("parse")
			}
		},
		"hello":     func() { AppendHello(dst, &hello) },
		"gap":       func() { AppendGap(dst, name, 1, 2, GapSlow) },
		"conflated": func() { AppendConflated(dst, 1, 2, GapSlow) },
		"pong":      func() { AppendPong(dst, r.ID, someTime, Lag{}) },
		"error":     func() { AppendErrorReply(dst, r.ID, CodeBadRequest, "why") },
		"heartbeat": func() {
			AppendHeartbeatEnd(AppendHeartbeatCursor(AppendHeartbeat(dst, someTime), true, name, 5))
		},
		"subscribed": func() {
			d := AppendSubscribedStream(AppendSubscribed(dst, r.ID, 1, 1), true, name, "k7", 5, false, "bbo.*")
			AppendSubscribedEnd(d, nil)
		},
	} {
		if n := testing.AllocsPerRun(1000, run); n != 0 {
			t.Errorf("%s: %v allocations", what, n)
		}
	}
}

func TestFramesAllocate0(t *testing.T) {
	one := frame(finText, `{"op":"ping"}`)
	stream, dst := make([]byte, len(one)), make([]byte, 0, 512)
	var r FrameReader
	if n := testing.AllocsPerRun(1000, func() {
		copy(stream, one)
		m, rest, err := r.Next(stream, 1<<10)
		if m.Op != OpcodeText || err != nil {
			t.Fatal(m, err)
		}
		if m, _, err = r.Next(rest, 1<<10); m.Op != 0 || err != nil {
			t.Fatal(m, err)
		}
		AppendFrameHeader(dst, OpcodeText, 500)
		AppendCloseFrame(dst, CloseTooSlow, "too slow")
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}
