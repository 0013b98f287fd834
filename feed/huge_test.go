package feed

import (
	"fmt"
	"strings"
	"testing"

	"tickcast/wire"
)

// huge is how many levels, or orders, do not fit a frame.
const huge = 40_000

// fill publishes a book that does not fit a frame, and has it hidden, so that
// its display will be a numbered snapshot in parts.
func (st *stage) fill() {
	st.t.Helper()
	for i := range wire.Price(huge) {
		st.enter(0, wire.Sell, 10_000+5*i, 100)
	}
	st.publish()
	st.state(0, wire.StatePreOpen)
}

// state changes a symbol's trading state.
func (st *stage) state(symbol int, s wire.State) {
	st.t.Helper()
	st.batch.Events = st.books[symbol].SetState(st.batch.Events, s)
	st.batch.Commit(uint32(symbol), st.now-stageBegin)
	st.publish()
}

// A frame that came in part is a frame that did not come: whoever falls behind
// between its parts is told so, for the slow and for an overload.
func TestFrameInPartsIsWholeOrMissed(t *testing.T) {
	for name, lose := range map[string]func(st *stage, p *pipe, rest item){
		"slow": func(st *stage, p *pipe, rest item) {
			p.m.fallOff()
			st.shard.packet(&rest.Packet, []byte(`{"stream":"the second part"}`))
		},
		"overload": func(st *stage, _ *pipe, _ item) { st.shard.torn() },
	} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t, 1)
			st.fill()
			p := st.open(Options{}, unlimited)
			p.subscribe("book.S0")
			p.frames()
			st.state(0, wire.StateTrading)
			st.queue.take(&st.inbox)
			if n := len(st.inbox.items); n != 2 {
				t.Fatalf("%d packets; want a frame in two parts", n)
			}
			first, rest := st.inbox.items[0], st.inbox.items[1]
			st.shard.packet(&first.Packet, st.inbox.payload(&first))
			st.shard.flush(st.now)
			lose(st, p, rest)
			st.rounds()
			frames := p.frames()
			gaps, snapshots := texts(frames, `"op":"gap"`), texts(frames, `"type":"snapshot"`)
			if len(gaps) != 1 || !strings.Contains(gaps[0], fmt.Sprintf(`"from":%d,"to":%[1]d,`, huge+2)) {
				t.Fatalf("gaps %q; want the frame of which a part came", gaps)
			}
			if n := len(snapshots); n != 3 || !strings.Contains(snapshots[2], `"part":[2,2]`) {
				t.Fatalf("%d snapshots and parts; want the first part, then a whole one in two", n)
			}
		})
	}
}
