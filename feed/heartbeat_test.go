package feed

import (
	"encoding/json"
	"maps"
	"slices"
	"testing"

	"tickcast/wire"
)

// heartbeatsIn returns the cursors of each heartbeat.
func heartbeatsIn(t *testing.T, frames []clientMessage) []map[string]uint64 {
	t.Helper()
	var out []map[string]uint64
	for _, text := range texts(frames, `"op":"heartbeat"`) {
		var f struct{ Cursors map[string]uint64 }
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		out = append(out, f.Cursors)
	}
	return out
}

// A heartbeat comes every period and names the streams that were quiet since
// the one before, of any channel and rate, with the last number of each.
func TestHeartbeatNamesQuietStreams(t *testing.T) {
	st := newStage(t, 2)
	p, q := st.open(Options{Heartbeat: 15e9, Quiet: true}, unlimited), st.open(Options{Heartbeat: 15e9, Quiet: true}, unlimited)
	entries := []string{"bbo.*", "book.*.100ms", "candle1h.*", "depth5.*", "order.*", "status.*", "trade.*"}
	p.subscribe(entries...)
	q.subscribe(entries...)
	st.move(0, 4)
	st.hub.Beat(st.now)
	st.wait(15e9)
	p.frames()
	q.frames()
	st.move(0, 2)
	st.hub.Beat(st.now + 1e9)
	st.wait(30e9)
	frames := p.frames()
	if !slices.Equal(texts(frames, "heartbeat"), texts(q.frames(), "heartbeat")) {
		t.Fatal("the members of a group get different heartbeats")
	}
	beats := heartbeatsIn(t, frames)
	if len(beats) != 2 {
		t.Fatalf("%d heartbeats in 30 s", len(beats))
	}
	all := map[string]uint64{}
	for _, entry := range entries {
		for i, symbol := range []string{"S0", "S1"} {
			slot := slotOf(entry)
			all[string(slot.Stream(0).AppendName(nil, wire.Symbol(symbol)))] = st.hub.symbols[i].seq(slot)
		}
	}
	quiet := maps.Clone(all)
	for _, busy := range []string{"bbo.S0", "book.S0.100ms", "candle1h.S0", "depth5.S0", "order.S0", "trade.S0"} {
		delete(quiet, busy)
	}
	if !maps.Equal(beats[0], quiet) || !maps.Equal(beats[1], all) {
		t.Fatalf("cursors %v, then %v; want %v, then %v", beats[0], beats[1], quiet, all)
	}
	if none := st.open(Options{}, unlimited); len(heartbeatsIn(t, none.frames())) != 0 {
		t.Fatal("a heartbeat nobody asked for")
	}
}

// A client that reads something, but never a whole state, is not alive: its
// unsent age goes on. One that answers pings and reads nothing is not either.
func TestUnsentAgeOfWhoReadsTooLittle(t *testing.T) {
	st := newStage(t, 1)
	st.deepen(0, 3000)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0", "order.S0", "depth20.S0")
	p.room = 0
	st.move(0, 1)
	st.round()
	p.m.fallOff()
	for range 58 {
		st.now += 1e9
		p.send(wire.OpcodePong, "")
		p.give(100)
		st.wait(1)
	}
	if p.m.dead {
		t.Fatalf("ended: %+v", p.end)
	}
	st.wait(4e9)
	if !p.closed || p.end.Code != wire.CloseTooSlow {
		t.Fatalf("closed %v, %+v", p.closed, p.end)
	}
}

// Whoever connects is in a group without streams for a moment. Those groups are
// not held until their heartbeats, and the heartbeats of others come.
func TestEndedGroupsAreForgotten(t *testing.T) {
	st := newStage(t, 1)
	var clients []*pipe
	for range 1000 {
		p := st.open(Options{Heartbeat: 15e9}, unlimited)
		p.subscribe("bbo.S0")
		p.out = nil
		clients = append(clients, p)
	}
	if n := len(st.shard.timers.entries); n > 4*timersSpare {
		t.Fatalf("%d timers for one group", n)
	}
	st.wait(15e9)
	for _, p := range clients {
		if n := len(texts(p.frames(), `"op":"heartbeat"`)); n != 1 {
			t.Fatalf("%d heartbeats in 15 s", n)
		}
	}
}
