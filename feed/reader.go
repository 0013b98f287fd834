package feed

import (
	"slices"

	"tickcast/wire"
)

// Bounds of a Reader.
const (
	readerStreamsMax = 4096 // streams that its entries may match
	readerImagesMax  = 256  // of them books and orders, whose snapshots are large
)

// Reader reads a set of streams from history and images, by position: for HTTP
// clients that come back, or read at their own pace. Beside its position it
// keeps nothing, so that one number resumes any set of streams. It belongs to
// one goroutine, and ends with Close.
type Reader struct {
	hub     *Hub
	dialect wire.Dialect
	entries []wire.Entry
	version int // of the directory that streams were resolved with
	streams []wire.StreamID

	pos     uint64 // all up to it has been read
	begun   bool
	foreign bool                     // it resumes from somewhere that does not exist
	since   map[wire.StreamID]cursor // where single streams resume

	reserved int // bytes of the replay budget that the last reading takes
	portion  portion
	pendings []pending
	out      Reading
}

// Reading is what one read found.
type Reading struct {
	Frames []ReadFrame
	// Cursor is where to go on when all frames have been handed over.
	Cursor string
	// More says that there is more at once: the frames are a part.
	More bool
}

// ReadFrame is a payload: a data frame, or a gap.
type ReadFrame struct {
	Payload []byte // valid until the next read
	// Pos is where to go on after this frame, 0 if that is possible only after
	// a later one.
	Pos uint64
}

// NewReader returns a reader of what the entries match in dialect d, those
// listed later too, and what is wrong with the others. It begins with the
// current states; Resume and Since change that.
func (h *Hub) NewReader(d wire.Dialect, entries []string) (*Reader, []wire.StreamError) {
	r := &Reader{hub: h, dialect: d}
	dir := h.listings.Load()
	var errs []wire.StreamError
	for _, text := range entries {
		e, err := wire.ParseEntry(text)
		if err == nil && !e.Pattern && len(dir.match(nil, &e)) == 0 {
			err = wire.ErrUnknownSymbol
		}
		if err != nil {
			errs = append(errs, explain(text, err, dir))
			continue
		}
		r.entries = append(r.entries, e)
	}
	if !r.resolve(dir) {
		errs = append(errs, wire.StreamError{
			Stream: []byte(entries[0]), Code: wire.CodeLimitStreams, Message: "the entries match too many streams",
		})
	}
	return r, errs
}

// resolve finds the streams that the entries match; false if they are too many.
func (r *Reader) resolve(dir *directory) bool {
	r.version, r.streams = dir.version, r.streams[:0]
	for i := range r.entries {
		r.streams = dir.match(r.streams, &r.entries[i])
	}
	slices.Sort(r.streams)
	r.streams = slices.Compact(r.streams)
	images := 0
	for _, id := range r.streams {
		if id.Channel().Image() {
			images++
		}
	}
	return len(r.streams) <= readerStreamsMax && images <= readerImagesMax
}

// Resume makes the reader go on after a cursor `epoch:pos` of an earlier
// Reading, whatever Since says. One that is of another epoch, ahead, or not a
// cursor at all is answered with gaps.
func (r *Reader) Resume(cursor string) {
	epoch, pos, ok := wire.ParseCursor([]byte(cursor))
	r.begun, r.pos, r.since = true, pos, nil
	if !ok || string(epoch) != r.hub.epoch || pos > r.hub.Position() {
		r.begun, r.foreign = false, true
	}
}

// Since makes the reader go on after frame seq of a stream of the given epoch,
// as a subscription on a WebSocket would. Streams that the reader does not
// read are ignored.
func (r *Reader) Since(epoch, stream string, seq uint64) {
	id, ok := r.hub.listings.Load().stream(stream)
	if !ok {
		return
	}
	if r.since == nil {
		r.since = make(map[wire.StreamID]cursor)
	}
	r.since[id] = cursor{seq: seq, foreign: epoch != r.hub.epoch}
}

// Position returns the number of the last publication.
func (h *Hub) Position() uint64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.stats.Frames
}

// Cursor is where the reader stands.
func (r *Reader) Cursor() string {
	return string(wire.AppendCursor(nil, r.hub.epoch, r.pos))
}

// Read returns what is new, in the order of positions: about so many frames
// and bytes at most, for what has one position is not torn apart; there may be
// nothing. A reader that begins, or has lost something, gets all at once:
// gaps, snapshots and values. wall is the wall time, ns. The result is valid
// until the next read.
func (r *Reader) Read(frames, bytes int, wall int64) *Reading {
	r.Close()
	r.out.Frames, r.out.More = r.out.Frames[:0], false
	if dir := r.hub.listings.Load(); dir.version != r.version {
		r.resolve(dir)
	}
	if r.begun {
		r.portion = portion{framesMax: max(frames, 1), bytesMax: max(bytes, 1), out: &r.out}
		r.proceed(wall)
	} else {
		r.begin(wall)
	}
	r.out.Cursor = r.Cursor()
	return &r.out
}

// Close gives back what the last reading holds. The reader can be used again.
func (r *Reader) Close() {
	r.hub.replayed(r.reserved)
	r.reserved = 0
	clear(r.out.Frames)
}

// begin answers every stream as a subscription would.
func (r *Reader) begin(wall int64) {
	wants := make([]want, 0, len(r.streams))
	for _, id := range r.streams {
		w := want{stream: id, state: true, foreign: r.foreign, resume: r.foreign}
		if c, ok := r.since[id]; ok {
			w.resume, w.since, w.foreign = true, c.seq, c.foreign
		}
		wants = append(wants, w)
	}
	r.begun, r.foreign, r.since = true, false, nil
	r.pos = r.hub.answerAll(r.dialect, wants, wall, func(*symbol, wire.Slot, *want) {})
	r.serve(wants, false)
}

// answerAll answers wants at one place in the order of publications, which it
// returns. ask may change a want at that place, before it is answered.
func (h *Hub) answerAll(d wire.Dialect, wants []want, wall int64, ask func(*symbol, wire.Slot, *want)) uint64 {
	h.prepare(&attachment{dialect: d, wants: wants, wall: wall})
	h.mu.Lock()
	defer h.mu.Unlock()
	budget := replayCommandBytes
	for i := range wants {
		w := &wants[i]
		s, slot := h.symbols[w.stream.Instrument()], w.stream.Slot()
		h.ensure(s, slot, wall)
		w.seq = s.seq(slot)
		w.cursor = w.seq
		ask(s, slot, w)
		h.answer(s, slot, w, &budget)
	}
	return h.stats.Frames
}

// serve appends gaps, states and replays; those that replay from the beginning
// get the empty image too if it is not known that they had it. Only the last
// frame is a place to go on from.
func (r *Reader) serve(wants []want, empty bool) {
	dir := r.hub.listings.Load()
	for i := range wants {
		w := &wants[i]
		if w.reason != "" && !w.stream.Channel().Stateful() {
			r.frame(wire.AppendGap(nil, dir.name(nil, w.stream), w.gapFrom, w.cursor, w.reason))
		}
		if w.st != nil {
			for payload := range r.payloads(w.st) {
				r.frame(payload)
			}
		}
		if empty && w.recovered && w.since == 0 && w.stream.Channel().Image() {
			r.frame(r.emptyImage(w.stream))
		}
		p := r.replayer(w.stream)
		p.emit = func(_ uint64, payload []byte) { r.frame(slices.Clone(payload)) }
		p.replay(&w.replay, w.stream, w.cursor)
		r.hub.replays.Add(p.frames)
		w.replay.release()
		r.reserved += w.reserved
	}
	if n := len(r.out.Frames); n > 0 {
		r.out.Frames[n-1].Pos = r.pos
	}
}

// frame appends a payload behind which nobody can go on yet.
func (r *Reader) frame(payload []byte) {
	r.out.Frames = append(r.out.Frames, ReadFrame{Payload: payload})
}

// payloads are those of a state, encoded once for all readers and sessions.
func (r *Reader) payloads(st *state) func(yield func([]byte) bool) {
	e, fresh := st.in(r.dialect)
	if fresh {
		r.hub.snapshots.Add(1)
	}
	return func(yield func([]byte) bool) {
		for i, end := range e.ends {
			if !yield(e.bytes[e.starts[i]:end]) {
				return
			}
		}
	}
}

func (r *Reader) replayer(id wire.StreamID) replayer {
	return replayer{base: r.hub.base, encoder: r.hub.listings.Load().listings[id.Instrument()].encoder, dialect: r.dialect}
}
