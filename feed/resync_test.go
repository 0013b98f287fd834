package feed

import (
	"encoding/json"
	"strings"
	"testing"

	"tickcast/wire"
)

// followsBook fails unless the frames of one book's stream are what a strict
// client takes: a snapshot where an acknowledgement or a gap has it due, with
// its number, and else one frame after another.
func followsBook(t *testing.T, frames []clientMessage) {
	t.Helper()
	var next, due uint64
	announced := false
	for _, f := range frames {
		var m struct {
			Op, Type string
			Seq, To  uint64
			From     *uint64
			Streams  []struct{ Cursor string }
		}
		if err := json.Unmarshal([]byte(f.text), &m); err != nil {
			t.Fatal(err)
		}
		switch {
		case m.Op == "subscribed":
			if err := json.Unmarshal([]byte(strings.TrimPrefix(m.Streams[0].Cursor, "e:")), &due); err != nil {
				t.Fatal(err)
			}
			announced, next = true, due+1
		case m.Op == "gap":
			if m.From == nil || *m.From != next || m.To < next {
				t.Fatalf("%s; had up to %d", f.text, next-1)
			}
			announced, due, next = true, m.To, m.To+1
		case m.Op != "":
		case m.Type == "snapshot":
			if !announced || m.Seq != due {
				t.Fatalf("snapshot %d; announced %t, of %d", m.Seq, announced, due)
			}
			announced = false
		case announced || m.Seq != next:
			t.Fatalf("delta %d; want %d, a snapshot is due: %t", m.Seq, next, announced)
		default:
			next++
		}
	}
	if announced {
		t.Fatalf("the snapshot %d never came", due)
	}
}

// A client that falls off again behind a snapshot, before the deltas that
// follow it in the outbox, has the snapshot: it is told what it misses, and not
// sent the same one again. Found by tickcast torture.
func TestFallenOffBehindASnapshot(t *testing.T) {
	// begin returns a client that fell off and reads its gap, snapshot and eight
	// deltas next, and what it was sent before.
	begin := func() (*stage, *pipe, []clientMessage) {
		st := newStage(t, 1)
		p := st.open(Options{}, unlimited)
		p.subscribe("book.S0")
		before := p.frames()
		p.room = 0
		st.move(0, 100)
		st.rounds()
		p.m.fallOff()
		st.open(Options{}, unlimited).subscribe("book.S0") // whose snapshot serves p too
		st.move(0, 8)
		st.rounds()
		return st, p, before
	}
	st, p, before := begin()
	p.give(unlimited)
	st.rounds()
	var cuts []int // around each end of a frame
	for rest := p.out; len(rest) > 0; {
		at := len(p.out) - len(rest)
		cuts = append(cuts, max(at-1, 0), at, at+1)
		var ok bool
		if _, rest, ok = cutFrame(rest); !ok {
			t.Fatal("a frame that is not whole")
		}
	}
	frames := append(before, p.frames()...)
	if n := len(texts(frames, `"type":"delta"`)); n != 8 {
		t.Fatalf("%d deltas behind the snapshot; want 8", n)
	}
	followsBook(t, frames)
	for _, cut := range cuts {
		for _, moves := range []int{0, 1, 100} {
			st, p, before := begin()
			p.give(cut)
			st.rounds()
			p.m.fallOff()
			st.move(0, moves)
			st.rounds()
			p.give(unlimited)
			st.rounds()
			st.move(0, 2)
			st.rounds()
			followsBook(t, append(before, p.frames()...))
		}
	}
}

// conflatedIn adds up what a client was told.
func conflatedIn(t *testing.T, frames []clientMessage) uint64 {
	t.Helper()
	var sum uint64
	for _, text := range texts(frames, `"op":"conflated"`) {
		var f struct{ Frames uint64 }
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatal(err)
		}
		sum += f.Frames
	}
	return sum
}

// States that the inbox shed are announced once, also to somebody who falls
// behind between the announcement and the value that it promises.
func TestConflatedIsCountedOnce(t *testing.T) {
	const shed = 5
	st := newStage(t, 1)
	p := st.open(Options{}, unlimited)
	p.subscribe("bbo.S0")
	st.move(0, 1)
	st.rounds()
	p.frames()
	st.move(0, shed+1)
	st.queue.in.relieve(inboxItemsMax)
	st.queue.take(&st.inbox)
	if n := len(st.inbox.items); n != 2 || st.inbox.items[0].marker == nil {
		t.Fatalf("%d items; want a marker and the last value", n)
	}
	st.shard.mark(st.inbox.items[0].marker, false)
	st.shard.flush(st.now)
	p.m.fallOff()
	last := st.inbox.items[1]
	st.shard.packet(&last.Packet, st.inbox.payload(&last))
	st.rounds()
	frames := p.frames()
	if got := conflatedIn(t, frames); got != shed {
		t.Fatalf("%d frames are announced; %d are missing: %v", got, shed, frames)
	}
	if got := len(texts(frames, `"stream":"bbo.S0"`)); got != 1 {
		t.Fatalf("%d values", got)
	}
}

// So are those of an overload, whichever of its streams a group is told of
// last.
func TestOverloadMovesOnWhatItAnnounced(t *testing.T) {
	st := newStage(t, 2)
	p := st.open(Options{}, unlimited)
	p.subscribe("bbo.*", "book.*")
	st.move(0, 3)
	st.move(1, 3)
	st.rounds()
	p.frames()
	before := st.hub.symbols[0].bbo.Seq
	st.move(0, 9)
	st.queue.in.tear()
	st.rounds()
	if got := conflatedIn(t, p.frames()); got != 8 {
		t.Fatalf("%d frames are announced; want 8", got)
	}
	slot, _ := p.m.group.slot(wire.NewStreamID(0, wire.ChannelBBO))
	if got := p.m.group.streams[slot].seq; got != before+9 {
		t.Fatalf("the group is at %d; want %d", got, before+9)
	}
}

// Who was sent a snapshot, and not the frames after it, is told of those; the
// snapshot does not come again without a word.
func TestFramesAfterASnapshotAreAnnounced(t *testing.T) {
	st := newStage(t, 1)
	st.move(0, 3)
	p := st.open(Options{}, unlimited)
	p.subscribe("order.S0")
	p.frames()
	p.room = 0
	st.move(0, 80)
	st.rounds()
	st.open(Options{}, unlimited).subscribe("order.S0") // leaves a state at 83
	st.move(0, 5)
	st.rounds()
	p.m.fallOff()
	p.m.writable() // nothing of it is left: the current state is asked for
	st.round()
	p.room = 0
	size := 0
	for i := range p.m.outbox { // up to the end of the snapshot
		size += p.m.outbox[i].size()
		if p.m.outbox[i].kind == segmentState {
			break
		}
	}
	p.give(size)
	if n := len(p.m.outbox); n != 1 || p.m.outbox[0].sent != 0 {
		t.Fatalf("%d segments are left; want what follows the snapshot", n)
	}
	p.m.fallOff()
	st.move(0, 1)
	p.give(unlimited)
	st.rounds()
	frames := p.frames()
	gaps, snapshots := texts(frames, `"op":"gap"`), texts(frames, `"type":"snapshot"`)
	if len(gaps) != 2 || !strings.Contains(gaps[0], `"from":4,"to":83,`) || !strings.Contains(gaps[1], `"from":84,`) {
		t.Fatalf("gaps %v", gaps)
	}
	if len(snapshots) != 2 {
		t.Fatalf("%d snapshots", len(snapshots))
	}
}

// A value that the client had, is promised again and is not sent, twice, is not
// among those that newer ones replace.
func TestARepeatedValueIsNotMissed(t *testing.T) {
	const missed = 6
	st := newStage(t, 1)
	st.move(0, 3)
	p := st.open(Options{}, unlimited)
	p.subscribe("bbo.S0")
	p.frames()
	p.room = 0
	p.say(`{"op":"subscribe","id":1,"streams":["bbo.*"]}`)
	st.rounds()
	for range 2 {
		p.m.fallOff()
		size := 0
		for i := range p.m.outbox {
			size += p.m.outbox[i].size()
		}
		p.give(size) // all but the value, which is promised again
		p.room = 0
		st.rounds()
	}
	st.move(0, missed+1)
	st.rounds()
	p.m.fallOff()
	p.give(unlimited)
	st.rounds()
	if got := conflatedIn(t, p.frames()); got != missed {
		t.Fatalf("%d frames are announced; %d are missing", got, missed)
	}
}
