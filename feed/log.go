package feed

import (
	"slices"
	"sort"

	"tickcast/wire"
)

// Sizes of a group's log.
const (
	logBytesMin = 4 << 10  // first allocation
	logBytesLow = 64 << 10 // every log may grow to this
	// At 18 M deliveries/s to 50 clients of one group 250 ms are 13 MB.
	logBytesMax = 16 << 20
	// Beyond logBytesLow a log holds what came within this time.
	logNanos = int64(250e6)
	// reclaimBytes is how much is reclaimed at a time from those who lag.
	reclaimBytes = 64 << 10
)

// noStream marks the record of a control frame.
const noStream = wire.StreamID(0)

// record is a frame in a log: who has not been sent it has been sent the
// stream up to seq - 1. An announcement for several streams has a record each.
type record struct {
	end    uint64 // offset after the frame
	seq    uint64
	stream wire.StreamID
	size   uint32
}

// groupLog is a contiguous ring of ready frames with absolute offsets: [tail,
// head) can be read. Beside its bytes it keeps a record of each frame, from
// which a session that fell behind is told what it missed.
type groupLog struct {
	buf        []byte // length is 0 or a power of two
	head, tail uint64
	bias       uint64 // offset that lies at buf[0], modulo the length

	records []record // [first, len) are in the log
	first   int

	// When bytes came, for their age: at most marksMax, in order.
	marks []mark
	apart int64 // time between two marks, at least markNanos; grows and shrinks with the log's age

	readers []*session // once for each range in their outboxes
	ended   bool       // its group is no more: the last reader frees it
}

// mark says that the bytes before an offset, up to the mark before, came at a
// time or less than groupLog.apart after it.
type mark struct {
	offset uint64
	at     int64
}

// The resolution of ages: a millisecond, or 1/32 of the age of the log; 1/16 of
// one that becomes younger.
const (
	marksMax  = 64
	markNanos = int64(1e6)
)

func (l *groupLog) at(offset uint64) int { return int((offset - l.bias) & uint64(len(l.buf)-1)) }

// fits reports whether n bytes can be appended.
func (l *groupLog) fits(n int) bool { return int(l.head-l.tail)+n <= len(l.buf) }

// reserve makes a ring of at least size bytes, keeping what is in it.
func (l *groupLog) reserve(size int) {
	n := max(len(l.buf), logBytesMin)
	for n < size {
		n *= 2
	}
	if n > len(l.buf) {
		l.move(n)
	}
}

// move moves what is in the log to a ring of n bytes.
func (l *groupLog) move(n int) {
	buf := make([]byte, n)
	at := 0
	for offset := l.tail; offset < l.head; {
		p := l.piece(offset, l.head)
		at += copy(buf[at:], p)
		offset += uint64(len(p))
	}
	l.buf, l.bias = buf, l.tail
}

// shrink moves what is in the log to a ring of n bytes, which must hold it.
func (l *groupLog) shrink(n int) {
	l.move(n)
	l.records, l.first = slices.Clone(l.records[l.first:]), 0
}

// append copies a frame, header and payload, into the log, which must have
// room for it.
func (l *groupLog) append(op wire.Opcode, payload []byte, stream wire.StreamID, seq uint64) {
	start := l.head
	var header [10]byte
	l.copy(wire.AppendFrameHeader(header[:0], op, len(payload)))
	l.copy(payload)
	l.records = append(l.records, record{end: l.head, seq: seq, stream: stream, size: uint32(l.head - start)})
}

// appendFrames copies framed messages into the log; ends are their offsets.
func (l *groupLog) appendFrames(frames []byte, ends []int, stream wire.StreamID, seq uint64) {
	start, from := l.head, 0
	l.copy(frames)
	for _, end := range ends {
		l.records = append(l.records, record{end: start + uint64(end), seq: seq, stream: stream, size: uint32(end - from)})
		from = end
	}
}

// note adds to the last frame's record that somebody who has not been sent it
// has been sent the stream up to seq - 1 only.
func (l *groupLog) note(stream wire.StreamID, seq uint64) {
	last := l.records[len(l.records)-1]
	last.stream, last.seq = stream, seq
	l.records = append(l.records, last)
}

func (l *groupLog) copy(p []byte) {
	n := copy(l.buf[l.at(l.head):], p)
	copy(l.buf, p[n:])
	l.head += uint64(len(p))
}

// piece returns the bytes from an offset up to to or to the ring's end,
// whichever comes first.
func (l *groupLog) piece(from, to uint64) []byte {
	i := l.at(from)
	return l.buf[i:min(len(l.buf), i+int(to-from))]
}

// trim gives up what lies before offset. A log that becomes empty starts at
// the beginning of its ring again: one write, and warm memory.
func (l *groupLog) trim(offset uint64) {
	l.tail = offset
	if l.tail == l.head {
		l.bias = l.head
		l.records, l.first, l.marks, l.apart = l.records[:0], 0, l.marks[:0], 0
		return
	}
	for l.first < len(l.records) && l.records[l.first].end <= offset {
		l.first++
	}
	if l.first > 1024 && l.first > len(l.records)/2 {
		l.records = l.records[:copy(l.records, l.records[l.first:])]
		l.first = 0
	}
}

// frameEnd returns the end of the frame that the byte at offset is inside of,
// or offset itself if a frame begins there.
func (l *groupLog) frameEnd(offset uint64) uint64 {
	i := l.after(offset)
	if i == len(l.records) || l.records[i].end-uint64(l.records[i].size) == offset {
		return offset
	}
	return l.records[i].end
}

// rest copies the unsent part of the frame that offset is inside of.
func (l *groupLog) rest(offset uint64) []byte {
	var out []byte
	for end := l.frameEnd(offset); offset < end; {
		p := l.piece(offset, end)
		out = append(out, p...)
		offset += uint64(len(p))
	}
	return out
}

// after returns the index of the first record that ends after offset.
func (l *groupLog) after(offset uint64) int {
	return l.first + sort.Search(len(l.records)-l.first, func(i int) bool { return l.records[l.first+i].end > offset })
}

// stamp notes that the head stands where it does at the time now. What came
// less than apart after the last mark belongs to it.
func (l *groupLog) stamp(now int64) {
	if n := len(l.marks); n > 0 && (l.marks[n-1].offset == l.head || now-l.marks[n-1].at < max(l.apart, markNanos)) {
		l.marks[n-1].offset = l.head
		return
	}
	l.refine(now)
	if len(l.marks) == marksMax {
		l.thin()
	}
	l.marks = append(l.marks, mark{offset: l.head, at: now})
}

// refine drops the marks of bytes that are gone. If those that are left are much
// younger, marks come closer together again: a log that somebody reads late
// under load is never empty.
func (l *groupLog) refine(now int64) {
	gone := sort.Search(len(l.marks), func(i int) bool { return l.marks[i].offset > l.tail })
	l.marks = l.marks[:copy(l.marks, l.marks[gone:])]
	age := int64(0)
	if len(l.marks) > 0 {
		age = now - l.marks[0].at
	}
	l.apart = min(l.apart, age*4/marksMax)
}

// thin makes one mark of two; those to come are twice as far apart.
func (l *groupLog) thin() {
	l.apart = 2 * max(l.apart, markNanos)
	n := 0
	for i := 0; i < len(l.marks); i += 2 {
		l.marks[n] = mark{offset: l.marks[min(i+1, len(l.marks)-1)].offset, at: l.marks[i].at}
		n++
	}
	l.marks = l.marks[:n]
}

// since returns when the byte at offset came, or now if it came since the last
// stamp.
func (l *groupLog) since(offset uint64, now int64) int64 {
	i := sort.Search(len(l.marks), func(i int) bool { return l.marks[i].offset > offset })
	if i == len(l.marks) {
		return now
	}
	return l.marks[i].at
}

// until returns the offset up to which the log's bytes came by the time at.
func (l *groupLog) until(at int64) uint64 {
	i := sort.Search(len(l.marks), func(i int) bool { return l.marks[i].at > at })
	if i == 0 {
		return l.tail
	}
	return max(l.tail, l.marks[i-1].offset)
}

// end keeps of a log to which nothing will be added what its readers need.
func (l *groupLog) end() {
	l.ended = true
	n := logBytesMin
	for n < int(l.head-l.tail) {
		n *= 2
	}
	switch {
	case len(l.readers) == 0:
		l.free()
	case n < len(l.buf):
		l.move(n)
	}
}

// free returns the memory of an empty log.
func (l *groupLog) free() {
	*l = groupLog{head: l.head, tail: l.head, bias: l.head, readers: l.readers, ended: l.ended}
}
