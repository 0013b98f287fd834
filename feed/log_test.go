package feed

import (
	"bytes"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"tickcast/wire"
)

// plainLog is what a groupLog does, without a ring.
type plainLog struct {
	bytes  []byte // from offset 0 on
	tail   int
	frames []plainFrame
}

type plainFrame struct {
	from, to int
	stream   wire.StreamID
	seq      uint64
}

func (p *plainLog) append(frame []byte, stream wire.StreamID, seq uint64) {
	from := len(p.bytes)
	p.bytes = append(p.bytes, frame...)
	p.frames = append(p.frames, plainFrame{from, len(p.bytes), stream, seq})
}

// frameEnd is the end of the frame that offset is inside of.
func (p *plainLog) frameEnd(offset int) int {
	for _, f := range p.frames {
		if f.from < offset && offset < f.to {
			return f.to
		}
	}
	return offset
}

// rewind says how far somebody had been sent the streams who has not been
// sent the frames that begin in [from, to).
func (p *plainLog) rewind(have map[wire.StreamID]position, from, to int) map[wire.StreamID]position {
	out := map[wire.StreamID]position{}
	for id, h := range have {
		for _, f := range slices.Backward(p.frames) {
			if f.stream == id && f.from >= from && f.to <= to && !h.first {
				h.seq = f.seq - 1
			}
		}
		out[id] = h
	}
	return out
}

// read returns what lies in [from, to), piece by piece.
func (l *groupLog) read(from, to uint64) []byte {
	var out []byte
	for from < to {
		p := l.piece(from, to)
		out = append(out, p...)
		from += uint64(len(p))
	}
	return out
}

func TestLogIsARingOfFrames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var l groupLog
		var p plainLog
		var payload []byte
		add := func(n int) {
			payload = bytes.Repeat([]byte{byte(len(p.frames))}, n)
			if size := int(l.head-l.tail) + wire.FrameHeaderSize(n) + n; !l.fits(wire.FrameHeaderSize(n) + n) {
				l.reserve(size)
			}
		}
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			id := wire.NewStreamID(uint32(rapid.IntRange(0, 3).Draw(t, "instrument")), wire.ChannelTrade)
			seq := uint64(len(p.frames) + 1)
			switch rapid.IntRange(0, 5).Draw(t, "what") {
			case 0, 1:
				add(rapid.IntRange(0, 1500).Draw(t, "bytes"))
				l.append(wire.OpcodeText, payload, id, seq)
				p.append(appendMessage(nil, wire.JSON, payload), id, seq)
			case 2: // several messages at once
				var all []byte
				var ends []int
				for range rapid.IntRange(1, 4).Draw(t, "messages") {
					one := appendMessage(nil, wire.JSON, bytes.Repeat([]byte{7}, rapid.IntRange(1, 300).Draw(t, "bytes")))
					all = append(all, one...)
					ends = append(ends, len(all))
					p.append(one, id, seq)
				}
				if !l.fits(len(all)) {
					l.reserve(int(l.head-l.tail) + len(all))
				}
				l.appendFrames(all, ends, id, seq)
			case 3: // what the last frame says of one more stream
				if len(l.records) > l.first {
					f := p.frames[len(p.frames)-1]
					f.stream, f.seq = id, seq
					p.frames = append(p.frames, f)
					l.note(id, seq)
				}
			case 4:
				p.tail = rapid.IntRange(p.tail, len(p.bytes)).Draw(t, "tail")
				l.trim(uint64(p.tail))
			default:
				l.reserve(len(l.buf) + 1)
			}
			checkLog(t, &l, &p)
		}
	})
}

func checkLog(t *rapid.T, l *groupLog, p *plainLog) {
	if int(l.tail) != p.tail || int(l.head) != len(p.bytes) {
		t.Fatalf("[%d, %d) can be read; want [%d, %d)", l.tail, l.head, p.tail, len(p.bytes))
	}
	from := rapid.IntRange(p.tail, len(p.bytes)).Draw(t, "from")
	if got := l.read(uint64(from), l.head); !bytes.Equal(got, p.bytes[from:]) {
		t.Fatalf("%d bytes from %d differ", len(got), from)
	}
	to := rapid.IntRange(from, len(p.bytes)).Draw(t, "to")
	to = p.frameEnd(to) // a range ends with a frame
	have := map[wire.StreamID]position{
		wire.NewStreamID(0, wire.ChannelTrade): {seq: 1000},
		wire.NewStreamID(1, wire.ChannelTrade): {seq: 1000, first: true},
		wire.NewStreamID(2, wire.ChannelTrade): {seq: 1000, unserved: true},
	}
	want := p.rewind(have, from, to)
	l.rewind(have, uint64(from), uint64(to))
	for id, h := range have {
		if h != want[id] {
			t.Fatalf("rewound from %d to %d, stream %d: %+v; want %+v", to, from, id, h, want[id])
		}
	}
}

func TestLogFrameEndAtEveryOffset(t *testing.T) {
	var l groupLog
	var p plainLog
	l.reserve(4096)
	for i := range 200 { // several times around the ring
		payload := bytes.Repeat([]byte{byte(i)}, i%140)
		for !l.fits(len(payload) + 4) {
			p.tail = p.frameEnd(p.tail + 1)
			l.trim(uint64(p.tail))
		}
		l.append(wire.OpcodeText, payload, 1, uint64(i))
		p.append(appendMessage(nil, wire.JSON, payload), 1, uint64(i))
	}
	for offset := p.tail; offset <= len(p.bytes); offset++ {
		end := p.frameEnd(offset)
		if got := l.frameEnd(uint64(offset)); int(got) != end {
			t.Fatalf("frameEnd(%d) = %d; want %d", offset, got, end)
		}
		if got := l.rest(uint64(offset)); !bytes.Equal(got, p.bytes[offset:end]) {
			t.Fatalf("rest(%d) is %d bytes; want %d", offset, len(got), end-offset)
		}
	}
}

func TestLogAges(t *testing.T) {
	var l groupLog
	l.reserve(1 << 16)
	var at []int64 // of each byte
	now := int64(0)
	for i := range 5000 {
		if !l.fits(10) {
			l.reserve(len(l.buf) + 1)
		}
		l.append(wire.OpcodeText, []byte("abcdefgh"), 1, uint64(i))
		for len(at) < int(l.head) {
			at = append(at, now)
		}
		l.stamp(now)
		if i%37 == 0 { // the slowest reads a third of it
			l.trim(l.tail + (l.head-l.tail)/3)
		}
		now += 300e3 // closer together than marks are
	}
	if len(l.marks) > marksMax {
		t.Fatalf("%d marks", len(l.marks))
	}
	for offset := l.tail; offset < l.head; offset++ {
		since := l.since(offset, now)
		if d := at[offset] - since; d < 0 || d > max(markNanos, now*2/marksMax) {
			t.Fatalf("byte %d came at %d, not at %d", offset, at[offset], since)
		}
	}
}

// Ages become precise again when a log that was old holds little, though it is
// never empty.
func TestLogAgesAfterALongLag(t *testing.T) {
	var l groupLog
	l.reserve(1 << 20)
	var ends []uint64 // of each millisecond
	tick := func() {
		l.append(wire.OpcodeText, []byte("abcdefgh"), 1, uint64(len(ends)))
		l.stamp(int64(len(ends)) * 1e6)
		ends = append(ends, l.head)
	}
	for range 30_000 { // nobody reads for 30 s
		tick()
	}
	for range 3000 { // then with a lag of 20 ms
		tick()
		l.trim(ends[len(ends)-20])
	}
	now := int64(len(ends)) * 1e6
	for offset := l.tail; offset < l.head; offset++ {
		i, _ := slices.BinarySearch(ends, offset+1)
		if at, since := int64(i)*1e6, l.since(offset, now); since > at || at-since > 2e6 {
			t.Fatalf("byte %d came at %d, not at %d", offset, at, since)
		}
	}
	if old := l.until(now - logNanos); old > l.tail {
		t.Fatalf("%d bytes of the last 20 ms count as older than 250", old-l.tail)
	}
}

// What came a moment after a stamp, as the last for long, ages too.
func TestLogAgesTheLastBytes(t *testing.T) {
	var l groupLog
	l.reserve(4096)
	for i := range 3 {
		l.append(wire.OpcodeText, []byte("abc"), 1, uint64(i))
		l.stamp(int64(i) * 100e3)
	}
	if since := l.since(l.head-1, 60e9); since > 1e6 {
		t.Fatalf("the last byte was there since %d; want 0.2 ms", since)
	}
}

// A member is written to once a round, also where the log goes round its ring,
// which it does when there is always somebody a little behind.
func TestOneWriteWhereTheLogGoesRound(t *testing.T) {
	st := newStage(t, 1)
	p, late := st.open(Options{}, unlimited), st.open(Options{}, unlimited)
	p.subscribe("bbo.S0")
	late.subscribe("bbo.S0")
	g := p.m.group
	late.room, p.out, late.out = 0, nil, nil
	round, before := 0, 0
	for from := g.log.head; g.log.head-from < 4*logBytesMin; round++ {
		st.move(0, 1)
		writes, sent := st.shard.stats.Writes, len(p.out)
		st.round()
		if n := st.shard.stats.Writes - writes; n != 1 && round > 0 {
			t.Fatalf("%d writes in round %d", n, round)
		}
		late.give(before) // always a frame behind
		before = len(p.out) - sent
	}
	if len(g.log.buf) != logBytesMin {
		t.Fatalf("a log of %d bytes for %d rounds", len(g.log.buf), round)
	}
	late.give(unlimited)
	if !bytes.Equal(late.out, p.out) {
		t.Fatalf("%d bytes were sent to one, %d others to the other", len(late.out), len(p.out))
	}
}
