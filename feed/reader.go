package feed

import (
	"cmp"
	"slices"

	"tickcast/wire"
)

// Bounds of a Reader.
const (
	readerStreamsMax = 4096    // streams that its entries may match
	readerImagesMax  = 256     // of them books and orders, whose snapshots are large
	readerBytesMax   = 4 << 20 // frames that one read replays
)

// Reader reads a set of streams from history and images, by position: for HTTP
// clients that come back, or read at their own pace. Beside its position it
// keeps nothing, so that one number resumes any set of streams. It belongs to
// one goroutine.
type Reader struct {
	hub     *Hub
	dialect wire.Dialect
	texts   []string
	entries []wire.Entry
	version int // of the directory that streams were resolved with
	streams []wire.StreamID

	pos     uint64 // all up to it has been read
	begun   bool
	foreign bool                     // it resumes from somewhere that does not exist
	since   map[wire.StreamID]cursor // where single streams resume

	expired []wire.StreamID // have lost something since pos
	spans   []pending
	out     Reading
}

// Reading is what one read found.
type Reading struct {
	Frames []ReadFrame
	// Cursor is where to go on when all frames have been handed over.
	Cursor string
}

// ReadFrame is a payload: a data frame, or a gap.
type ReadFrame struct {
	Payload []byte // valid until the next read
	// Pos is where to go on after this frame, 0 if that is possible only after
	// a later one.
	Pos uint64
}

// pending is what one stream has for a read.
type pending struct {
	id    wire.StreamID
	after uint64 // frames that follow this seq
	span  span
	state *state
	pos   uint64 // of the state
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
		r.texts, r.entries = append(r.texts, text), append(r.entries, e)
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
// Reading. One that is of another epoch, ahead, or not a cursor at all is
// answered with gaps.
func (r *Reader) Resume(cursor string) {
	epoch, pos, ok := wire.ParseCursor([]byte(cursor))
	r.begun, r.pos = true, pos
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

// Read returns what is new, about limit frames at most in the order of their
// positions; there may be nothing. A reader that begins anew or has lost
// something gets all at once: gaps, snapshots and values. wall is the wall
// time, ns. The result is valid until the next read.
func (r *Reader) Read(limit int, wall int64) *Reading {
	r.out.Frames = r.out.Frames[:0]
	if dir := r.hub.listings.Load(); dir.version != r.version {
		r.resolve(dir)
	}
	if !r.begun {
		r.begin(wall)
	} else {
		r.proceed(limit, wall)
	}
	r.out.Cursor = r.Cursor()
	return &r.out
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
	r.pos = r.hub.answerAll(r.dialect, wants, wall)
	r.serve(wants)
}

// answerAll answers wants at one place in the order of publications, which it
// returns.
func (h *Hub) answerAll(d wire.Dialect, wants []want, wall int64) uint64 {
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
		h.answer(s, slot, w, &budget)
	}
	return h.stats.Frames
}

// serve appends gaps, states and replays. Only the last frame is a place to go
// on from.
func (r *Reader) serve(wants []want) {
	dir := r.hub.listings.Load()
	for i := range wants {
		w := &wants[i]
		if w.reason != "" && !w.stream.Channel().Stateful() {
			gap := wire.AppendGap(nil, dir.name(nil, w.stream), w.gapFrom, w.cursor, w.reason)
			r.out.Frames = append(r.out.Frames, ReadFrame{Payload: gap})
		}
		if w.st != nil {
			r.state(w.st, 0)
		}
		r.replay(&w.replay, w.stream, w.cursor, 0)
		w.replay.release()
		r.hub.replayed(w.reserved)
	}
	if n := len(r.out.Frames); n > 0 {
		r.out.Frames[n-1].Pos = r.pos
	}
}

// state appends a state's payloads at a position.
func (r *Reader) state(st *state, pos uint64) {
	e, fresh := st.in(r.dialect)
	if fresh {
		r.hub.snapshots.Add(1)
	}
	for i, end := range e.ends {
		r.out.Frames = append(r.out.Frames, ReadFrame{Payload: e.bytes[e.starts[i]:end], Pos: pos})
	}
}

// replay appends the frames of a span after a seq: those up to a position, or
// all of them without positions if that is 0.
func (r *Reader) replay(s *span, id wire.StreamID, after, upTo uint64) {
	if len(s.parts) == 0 {
		return
	}
	p := replayer{base: r.hub.base, encoder: r.hub.listings.Load().listings[id.Instrument()].encoder, dialect: r.dialect}
	p.emit = func(pos uint64, payload []byte) {
		switch {
		case upTo == 0:
			pos = 0
		case pos > upTo:
			return
		}
		r.out.Frames = append(r.out.Frames, ReadFrame{Payload: slices.Clone(payload), Pos: pos})
	}
	p.replay(s, id, after)
	r.hub.replays.Add(p.frames)
}

// proceed reads what follows the reader's position.
func (r *Reader) proceed(limit int, wall int64) {
	r.expired, r.spans = r.expired[:0], r.spans[:0]
	upTo, bytes := r.gather(wall)
	if len(r.expired) > 0 {
		r.lost(wall, bytes)
		return
	}
	for bytes > readerBytesMax && upTo > r.pos+1 {
		upTo = r.pos + (upTo-r.pos)/2
		bytes /= 2
	}
	for i := range r.spans {
		p := &r.spans[i]
		if p.state != nil && p.pos <= upTo {
			r.state(p.state, p.pos)
		}
		r.replay(&p.span, p.id, p.after, upTo)
		p.span.release()
	}
	slices.SortStableFunc(r.out.Frames, func(a, b ReadFrame) int { return cmp.Compare(a.Pos, b.Pos) })
	r.pos = upTo
	if n := len(r.out.Frames); n > limit {
		for n = max(limit, 1); n < len(r.out.Frames) && r.out.Frames[n].Pos == r.out.Frames[n-1].Pos; n++ {
		}
		if n < len(r.out.Frames) {
			r.pos = r.out.Frames[n-1].Pos
		}
		r.out.Frames = r.out.Frames[:n]
	}
}

// gather collects what each stream has after the reader's position, in turns
// of the hub's mutex: up to the position that it returns. Streams that have
// lost something are in r.expired.
func (r *Reader) gather(wall int64) (upTo uint64, bytes int) {
	h := r.hub
	upTo = h.Position()
	for i := 0; i < len(r.streams); {
		h.mu.Lock()
		for end := min(i+attachStatesMax, len(r.streams)); i < end; i++ {
			id := r.streams[i]
			s, slot := h.symbols[id.Instrument()], id.Slot()
			h.ensure(s, slot, wall)
			if s.streams[slot].pos <= r.pos {
				continue
			}
			bytes += r.pend(s, slot)
		}
		h.mu.Unlock()
	}
	return upTo, bytes
}

// pend notes what a stream has after the reader's position, and returns a
// bound of the bytes that its replay takes.
func (r *Reader) pend(s *symbol, slot wire.Slot) (bytes int) {
	p := pending{id: slot.Stream(s.id), pos: s.streams[slot].pos}
	if slot.Channel().Stateful() {
		p.state = s.capture(slot, 0)
		r.spans = append(r.spans, p)
		return 0
	}
	var ok bool
	if p.after, ok = s.seqAt(slot, r.pos); !ok {
		r.expired = append(r.expired, p.id)
		return 0
	}
	p.span, bytes = s.since(slot, p.after)
	r.spans = append(r.spans, p)
	return bytes
}

// lost answers a read in which streams have lost something: these begin anew,
// the others get all that they have, or begin anew too if that is too much.
func (r *Reader) lost(wall int64, bytes int) {
	lost := make(map[wire.StreamID]bool, len(r.expired))
	for _, id := range r.expired {
		lost[id] = true
	}
	wants := make([]want, 0, len(r.streams))
	for _, id := range r.streams {
		wants = append(wants, want{stream: id, state: lost[id]})
	}
	for i := range r.spans {
		p := &r.spans[i]
		p.span.release()
		at, _ := slices.BinarySearchFunc(wants, p.id, func(w want, id wire.StreamID) int { return cmp.Compare(w.stream, id) })
		w := &wants[at]
		w.state = true
		if !p.id.Channel().Stateful() && bytes <= readerBytesMax {
			w.resume, w.since = true, p.after
		} else if !p.id.Channel().Stateful() {
			lost[p.id] = true
		}
	}
	r.pos = r.hub.answerAll(r.dialect, wants, wall)
	for i := range wants {
		if w := &wants[i]; lost[w.stream] {
			w.reason, w.gapFrom = wire.GapHistory, 0
		}
	}
	r.serve(wants)
}

// seqAt returns the number of the last frame of an event stream up to a
// position; false if frames behind it are gone.
func (s *symbol) seqAt(slot wire.Slot, pos uint64) (seq uint64, ok bool) {
	if d := s.derived[slot]; d != nil {
		return d.seqAt(pos)
	}
	return s.history.seqAt(slot.Channel(), pos)
}

// News returns a channel that is closed when something is published after the
// call. To miss nothing, ask before a read and wait after it.
func (h *Hub) News() <-chan struct{} {
	h.newsMu.Lock()
	defer h.newsMu.Unlock()
	if h.news == nil {
		h.news = make(chan struct{})
		h.awaited.Store(true)
	}
	return h.news
}

// tell closes the channel that News returned.
func (h *Hub) tell() {
	if !h.awaited.Load() {
		return
	}
	h.newsMu.Lock()
	defer h.newsMu.Unlock()
	if h.news != nil {
		close(h.news)
		h.news = nil
		h.awaited.Store(false)
	}
}
