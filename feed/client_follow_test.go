package feed

import (
	"bytes"
	"errors"
	"fmt"
	"slices"

	"tickcast/wire"
)

// followed is a stream as the client knows it.
type followed struct {
	slot wire.Slot
	tale *tale // what really happened to the symbol

	next     uint64 // the next numbered frame
	state    bool   // an image: a snapshot is due before it
	stateSeq uint64
	due      uint64 // an event stream: a gap from here has to be announced
	blind    bool   // an image that began without a snapshot
	repeat   bool   // a state: the value that a subscription repeats is due
	parts    *clientFrame
	part     int // of a frame in parts: the last one that came

	upd    uint64 // an image: of the last frame
	exact  bool   // that was a numbered frame
	book   [2]ladder
	orders orderList
	last   *clientFrame // of a state
	bytes  []byte
}

func (w *world) newFollowed(name string) *followed {
	id, ok := w.hub.listings.Load().stream(name)
	if !ok {
		panic(name)
	}
	return &followed{slot: id.Slot(), tale: w.tales[id.Instrument()]}
}

func (s *followed) channel() wire.Channel { return s.slot.Channel() }

// acknowledged takes what a subscription says of the stream.
func (s *followed) acknowledged(seq uint64, recovered, stateless bool) error {
	if recovered && s.next != seq+1 && s.next != 0 {
		return fmt.Errorf("recovered from %d, had up to %d", seq, s.next-1)
	}
	if s.channel().Stateful() {
		s.repeat = s.repeat || !recovered && !stateless // one promised before may still come
		switch {
		case recovered, s.next == 0 && stateless:
			s.next = seq + 1
		case s.next == 0: // the value at the cursor is due
			s.next = max(seq, 1)
		}
		return nil
	}
	fresh := s.next == 0
	if !fresh && s.next < seq+1 && !recovered {
		s.due = s.next
	}
	s.next, s.part = seq+1, 0
	if stateless && !recovered {
		s.blind = s.blind || fresh
		return nil
	}
	s.state, s.stateSeq = !recovered && s.channel().Image(), seq
	return nil
}

// gap takes the announcement of frames that will not come.
func (s *followed) gap(f *clientFrame) error {
	if s.channel().Stateful() {
		return errors.New("gap of a stream of states")
	}
	// The acknowledgement of a failed resume counts from after the gap.
	if f.From != nil && *f.From > s.next {
		return fmt.Errorf("gap from %d, expected %d", *f.From, s.next)
	}
	if f.To+1 < s.next {
		return fmt.Errorf("gap to %d, had up to %d", f.To, s.next-1)
	}
	s.next, s.part = f.To+1, 0
	if f.From != nil && *f.From <= s.due {
		s.due = 0
	}
	if s.channel().Image() {
		s.state, s.stateSeq = true, f.To
	}
	return nil
}

// data takes a data frame.
func (c *simClient) data(f *clientFrame, p []byte) error {
	s := c.streams[f.Stream]
	if s == nil {
		return errors.New("not subscribed")
	}
	if s.due != 0 {
		return fmt.Errorf("frames from %d on are missing, unannounced", s.due)
	}
	if s.state {
		return c.snapshot(s, f)
	}
	if err := c.world.compare(f, p); err != nil {
		return err
	}
	if part, _ := f.parts(); part == 1 {
		if err := c.number(s, f); err != nil {
			return err
		}
	}
	whole, err := s.assemble(f)
	if whole == nil {
		return err
	}
	s.next, s.repeat = f.Seq+1, false
	c.world.census[kindOf(f.Stream)+" "+f.Type]++
	if s.channel().Stateful() {
		err = s.followState(whole)
		s.last, s.bytes = whole, slices.Clone(p)
		return err
	}
	return s.followEvent(whole)
}

// snapshot takes one that a subscription or a gap promised, maybe in parts.
func (c *simClient) snapshot(s *followed, f *clientFrame) error {
	if f.Type != "snapshot" || f.Seq != s.stateSeq {
		return fmt.Errorf("a snapshot is due, at %d", s.stateSeq)
	}
	part, parts := f.parts()
	if parts > 1 && part == 1 {
		c.begun++
	}
	whole, err := s.assemble(f)
	if whole == nil {
		return err
	}
	if parts > 1 {
		c.whole++
	}
	s.state, s.next = false, f.Seq+1
	if f.Upd < s.upd {
		return fmt.Errorf("of update %d, had %d", f.Upd, s.upd)
	}
	err = s.begin(whole)
	s.exact = false
	c.world.census[kindOf(f.Stream)+" begun"]++
	return err
}

// number checks the place of a numbered frame in its stream.
func (c *simClient) number(s *followed, f *clientFrame) error {
	stateful := s.channel().Stateful()
	switch {
	case f.Seq == s.next:
	case stateful && f.Seq > s.next:
		missed := int64(f.Seq - s.next)
		if c.credit -= missed; c.credit < 0 {
			return fmt.Errorf("%d frames before it are missing, more than announced", missed)
		}
	case stateful && f.Seq == s.next-1 && s.repeat: // the value that a subscription repeats
	default:
		return fmt.Errorf("unannounced gap: expected %d", s.next)
	}
	return nil
}

func (f *clientFrame) parts() (part, parts int) {
	if len(f.Part) == 2 {
		return f.Part[0], f.Part[1]
	}
	return 1, 1
}

// assemble puts the parts of a frame together, and returns it when it is whole.
func (s *followed) assemble(f *clientFrame) (*clientFrame, error) {
	part, parts := f.parts()
	if part == 1 { // also of another frame, after one that was cut short
		s.part, s.parts = 0, f
	}
	if s.part++; part != s.part || f.Seq != s.parts.Seq {
		return nil, fmt.Errorf("part %d of %d; want %d of %d", part, f.Seq, s.part, s.parts.Seq)
	}
	if whole := s.parts; part > 1 {
		if f.Upd != whole.Upd || (f.CRC == nil) != (whole.CRC == nil) || f.CRC != nil && *f.CRC != *whole.CRC {
			return nil, errors.New("differs from its first part in upd or crc")
		}
		whole.Bids, whole.Asks = append(whole.Bids, f.Bids...), append(whole.Asks, f.Asks...)
		whole.Orders, whole.Events = append(whole.Orders, f.Orders...), append(whole.Events, f.Events...)
	}
	if part < parts {
		return nil, nil
	}
	s.part = 0
	return s.parts, nil
}

// publishedKey names a payload of a numbered frame.
type publishedKey struct {
	stream string
	seq    uint64
	part   int
}

// compare holds a numbered frame against what others have been sent, or, in
// worlds with a recorder, against what was published.
func (w *world) compare(f *clientFrame, p []byte) error {
	part, _ := f.parts()
	key := publishedKey{f.Stream, f.Seq, part}
	w.mu.Lock()
	defer w.mu.Unlock()
	want, known := w.published[key]
	if !known && !w.recording {
		w.published[key] = slices.Clone(p)
		return nil
	}
	if !bytes.Equal(want, p) {
		return fmt.Errorf("differs from what was published: %s", want)
	}
	return nil
}

// followEvent applies a numbered frame of an event stream.
func (s *followed) followEvent(f *clientFrame) error {
	switch {
	case s.channel() == wire.ChannelTrade:
		return s.trade(f)
	case f.Type == "snapshot":
		if err := s.inOrder(f); err != nil {
			return err
		}
		return s.begin(f)
	case s.blind:
		return nil
	}
	if err := s.inOrder(f); err != nil {
		return err
	}
	s.upd, s.exact = f.Upd, true
	if s.channel() == wire.ChannelOrder {
		return s.applyOrders(f)
	}
	return s.applyLevels(f)
}

// inOrder checks the updates that a numbered frame of an image covers.
func (s *followed) inOrder(f *clientFrame) error {
	tier, snapshot := s.slot.Rate() != wire.RateEvery, f.Type == "snapshot"
	switch {
	case f.Type != "snapshot" && f.Type != "delta":
		return fmt.Errorf("type %q", f.Type)
	case s.channel() == wire.ChannelOrder:
		if snapshot || !s.blind && f.Upd < s.upd {
			return fmt.Errorf("upd %d after %d", f.Upd, s.upd)
		}
	case (snapshot || !tier) && f.First != f.Upd:
		return fmt.Errorf("from %d to %d", f.First, f.Upd)
	case s.blind:
	case !tier && f.Upd != s.upd+1:
		return fmt.Errorf("upd %d after %d", f.Upd, s.upd)
	case tier && !snapshot && (f.First > s.upd+1 || s.exact && f.First != s.upd+1 || f.Upd < f.First):
		return fmt.Errorf("from %d to %d after %d", f.First, f.Upd, s.upd)
	case tier && f.Upd < s.upd:
		return fmt.Errorf("of update %d, had %d", f.Upd, s.upd)
	}
	return nil
}

// begin makes the image what a snapshot says.
func (s *followed) begin(f *clientFrame) error {
	s.blind, s.upd, s.exact = false, f.Upd, true
	if s.channel() == wire.ChannelOrder {
		return s.beginOrders(f)
	}
	s.book = [2]ladder{}
	return s.applyLevels(f)
}
