package feed

import (
	"encoding/json"
	"testing"

	"tickcast/wire"
)

// ear is the inbox of somebody who hears streams and keeps every frame.
type ear struct {
	t     testing.TB
	hub   *Hub
	shard int
	heard map[string][]string // payloads by stream
	order []string            // streams, in order of their frames
	shed  map[string]uint64   // frames announced as left out
}

func (e *ear) name(id wire.StreamID) string { return string(e.hub.listings.Load().name(nil, id)) }

func (e *ear) Packet(p Packet, payload []byte) {
	name := e.name(p.Stream)
	e.heard[name] = append(e.heard[name], string(payload))
	e.order = append(e.order, kindOf(name))
}

func (e *ear) Mark(m *Marker) {
	for _, s := range m.Shed {
		e.shed[e.name(s.stream)] += s.frames
	}
}

func (e *ear) Wake() {}

// listen lets somebody hear streams of a symbol: all of them if none is named.
func (st *stage) listen(symbol int, slots ...wire.Slot) *ear {
	st.t.Helper()
	e := st.newEar()
	if len(slots) == 0 {
		for slot := wire.Slot(1); slot < wire.SlotCount; slot++ {
			slots = append(slots, slot)
		}
	}
	e.attach(st.now, symbol, slots...)
	return e
}

// newEar returns an inbox that hears nothing yet.
func (st *stage) newEar() *ear {
	e := &ear{t: st.t, hub: st.hub, heard: map[string][]string{}, shed: map[string]uint64{}}
	e.shard = st.hub.addInbox(e)
	return e
}

func (e *ear) attach(wall int64, symbol int, slots ...wire.Slot) {
	e.t.Helper()
	a := &attachment{shard: e.shard, dialect: wire.JSON, wall: wall, version: e.hub.listings.Load().version}
	for _, slot := range slots {
		a.wants = append(a.wants, want{stream: slot.Stream(uint32(symbol))})
	}
	if !e.hub.attach(a) {
		e.t.Fatal("attach")
	}
}

// take returns a stream's frames, decoded, and forgets them.
func (e *ear) take(name string) []clientFrame {
	e.t.Helper()
	var out []clientFrame
	for _, text := range e.heard[name] {
		var f clientFrame
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			e.t.Fatal(err)
		}
		out = append(out, f)
	}
	e.heard[name] = nil
	return out
}
