package feed

import (
	"fmt"
	"slices"
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

// partsOf returns "n of m" of the messages of a stream.
func partsOf(frames []clientMessage, stream string) string {
	out := ""
	for _, text := range texts(frames, `{"stream":"`+stream+`","seq":`) {
		if n := len(text); n > wire.FrameBytesMax {
			return fmt.Sprintf("%d bytes", n)
		}
		part := "whole"
		if _, rest, found := strings.Cut(text, `"part":[`); found {
			part, _, _ = strings.Cut(rest, "]")
		}
		out += part + " "
	}
	return strings.TrimSpace(out)
}

// Snapshots and frames that do not fit are cut, on every stream of an image,
// for who subscribes, who resumes, and live.
func TestHugeImagesComeInParts(t *testing.T) {
	st := newStage(t, 1)
	st.fill()
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0", "book.S0.100ms", "order.S0")
	frames := p.frames()
	orders := partsOf(frames, "order.S0")
	if n := len(strings.Fields(orders)); n < 5 || !strings.HasSuffix(orders, fmt.Sprintf("%d,%[1]d", n)) {
		t.Fatalf("orders came as %q", orders)
	}
	// An auction ends: a numbered snapshot on book and its tier.
	st.state(0, wire.StateTrading)
	st.now += 100e6
	st.hub.Beat(st.now)
	st.rounds()
	live := p.frames()
	for _, name := range []string{"book.S0", "book.S0.100ms"} {
		if got := partsOf(live, name); got != "1,2 2,2" {
			t.Fatalf("%s came as %q", name, got)
		}
	}
	// All orders are taken away, and put back, in one transaction each.
	b := st.books[0]
	for {
		o, ok := b.Front(wire.Sell)
		if !ok {
			break
		}
		st.batch.Events = b.Cancel(st.batch.Events, o.ID)
	}
	st.batch.Commit(0, st.now-stageBegin)
	st.publish()
	st.now += 100e6
	st.hub.Beat(st.now)
	st.rounds()
	live = append(live, p.frames()...)
	for name, want := range map[string]string{"book.S0": "1,2 2,2 1,2 2,2", "book.S0.100ms": "1,2 2,2 1,2 2,2"} {
		if got := partsOf(live, name); got != want {
			t.Fatalf("%s came as %q; want %q", name, got, want)
		}
	}
	if got := partsOf(live, "order.S0"); !strings.HasPrefix(got, "1,") {
		t.Fatalf("orders came as %q", got)
	}
	// Who resumes gets the same bytes.
	late := st.open(Options{}, unlimited)
	for name, back := range map[string]uint64{"book.S0": 2, "book.S0.100ms": 2} {
		late.say(`{"op":"subscribe","streams":[%q],"since":{%q:"e:%d"}}`, name, name, st.hub.symbols[0].seq(slotOf(name))-back)
		st.rounds()
		got := texts(late.frames(), `"tp":`)
		if want := texts(live, `{"stream":"`+name+`",`); !slices.Equal(got, want) {
			t.Fatalf("%s is resumed with %d messages; want %d", name, len(got), len(want))
		}
	} // A frame that is larger than a replay may be is not sent again.
	late.say(`{"op":"subscribe","streams":["order.S0"],"since":{"order.S0":"e:%d"}}`, st.hub.symbols[0].seq(slotOrder)-1)
	st.rounds()
	frames = late.frames()
	if len(texts(frames, `"recovered":false`)) != 1 || len(texts(frames, `"op":"gap"`)) != 1 || partsOf(frames, "order.S0") != "whole" {
		t.Fatalf("a replay of 5 MB is answered with %.300v", frames)
	}
}
