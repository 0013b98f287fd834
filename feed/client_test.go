package feed

import (
	"bytes"
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"maps"
	"slices"
	"strconv"
	"strings"

	"tickcast/wire"
)

// simClient is a client that believes nothing: it cuts frames out of the
// bytes that its socket was given, follows every stream, and reports the
// first thing that PROTOCOL.md does not allow.
type simClient struct {
	world *world
	m     *session
	inbuf []byte
	mode  int // how its socket takes bytes
	room  int

	reading     bool   // its socket is read
	outgoing    []byte // what it sends when that is so
	closed      bool
	cut         bool // closed with something unsent
	closeFrames int
	hungUp      bool // it sent a close frame
	streams     map[string]*followed
	entries     map[string]bool
	asked       map[int][]string // entries by the id of their command; -1: of the URL
	stateless   map[int]bool     // commands with "snapshot":false
	credit      int64            // conflated frames announced, not yet seen to be missing
	inexact     bool             // credit may be more than what is missing
	err         error
	trace       []string // what came, for failures
}

// followed is a stream as the client knows it.
type followed struct {
	next     uint64 // the next numbered frame
	state    bool   // a book: a snapshot is due before it
	stateSeq uint64
	bids     map[string]string
	asks     map[string]string
	due      uint64 // an event stream: a gap from here has to be announced
	blind    bool   // a book that began without a snapshot
	part     int    // of a snapshot: the last one that came
}

type clientFrame struct {
	Op        string
	ID        json.RawMessage
	Stream    json.RawMessage
	Streams   json.RawMessage
	Seq       uint64
	Type      string
	From      *uint64
	To        uint64
	Frames    int64
	Reason    string
	Bids      [][2]string
	Asks      [][2]string
	CRC       *uint32
	By        string
	Recovered bool
	Part      []int
	Errors    []struct{ Stream string }
}

func newSimClient(w *world) *simClient {
	return &simClient{
		world: w, streams: map[string]*followed{}, entries: map[string]bool{},
		asked: map[int][]string{}, stateless: map[int]bool{}, reading: true,
	}
}

// write implements socket: it takes what there is room for.
func (c *simClient) write(p []byte) (int, error) {
	if c.closed {
		return 0, errors.New("closed")
	}
	n := min(len(p), c.room)
	c.room -= n
	c.inbuf = append(c.inbuf, p[:n]...)
	return n, nil
}

func (c *simClient) read(on bool) { c.reading = on }

func (c *simClient) close(hard bool) {
	c.closed = true
	c.cut = hard || c.m.blocked
}

// pump sends some of what the client wants to say.
func (c *simClient) pump(n int) {
	if n = min(n, len(c.outgoing)); n == 0 || !c.reading || c.closed {
		return
	}
	piece := slices.Clone(c.outgoing[:n])
	c.outgoing = c.outgoing[n:]
	c.m.shard.now = c.world.now
	c.m.input(piece)
}

// receive handles the whole frames that have come.
func (c *simClient) receive() error {
	for c.err == nil && len(c.inbuf) >= 2 {
		header, size := 2, int(c.inbuf[1])
		switch size {
		case 126:
			if len(c.inbuf) < 4 {
				return nil
			}
			header, size = 4, int(c.inbuf[2])<<8|int(c.inbuf[3])
		case 127:
			if len(c.inbuf) < 10 {
				return nil
			}
			header = 10
			size = int(c.inbuf[6])<<24 | int(c.inbuf[7])<<16 | int(c.inbuf[8])<<8 | int(c.inbuf[9])
		}
		if len(c.inbuf) < header+size {
			return nil
		}
		if c.closeFrames > 0 {
			c.err = errors.New("a frame behind the close frame")
		} else if op := c.inbuf[0]; op == 0x81 {
			c.err = c.message(c.inbuf[header : header+size])
		} else if op == 0x88 {
			c.closeFrames++
			if !c.hungUp {
				c.hungUp = true
				c.outgoing = append(c.outgoing, wire.AppendClientFrame(nil, wire.OpcodeClose, [4]byte{1}, c.inbuf[header:header+2])...)
			}
		} else if op != 0x89 && op != 0x8a {
			c.err = fmt.Errorf("first byte %#x of a frame", op)
		}
		c.inbuf = c.inbuf[header+size:]
	}
	return c.err
}

func (c *simClient) message(p []byte) error {
	c.trace = append(c.trace, string(p[:min(len(p), 2000)]))
	var f clientFrame
	if err := json.Unmarshal(p, &f); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	if f.Op != "" {
		if err := c.control(&f); err != nil {
			return fmt.Errorf("%s: %w", p, err)
		}
		return nil
	}
	name := unquote(f.Stream)
	if err := c.data(name, &f, p); err != nil {
		return fmt.Errorf("%s: %w", p, err)
	}
	return nil
}

func unquote(b []byte) string {
	s, err := strconv.Unquote(string(b))
	if err != nil {
		return string(b)
	}
	return s
}

func (c *simClient) control(f *clientFrame) error {
	switch f.Op {
	case "subscribed":
		return c.subscribed(f)
	case "unsubscribed":
		var names []string
		if err := json.Unmarshal(f.Streams, &names); err != nil {
			return err
		}
		for _, n := range names {
			delete(c.entries, n)
			// Frames may have been announced whose successors are not wanted any more.
			c.inexact = c.inexact || strings.HasPrefix(n, "bbo.")
		}
		maps.DeleteFunc(c.streams, func(name string, _ *followed) bool { return !c.wanted(name) })
	case "gap":
		name := unquote(f.Stream)
		s := c.streams[name]
		if s == nil {
			return errors.New("gap of a stream that is not subscribed")
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
		if strings.HasPrefix(name, "book.") {
			s.state, s.stateSeq = true, f.To
		}
	case "conflated":
		c.credit += f.Frames
	}
	return nil
}

func (c *simClient) subscribed(f *clientFrame) error {
	var streams []struct {
		Stream, Cursor, Entry string
		Recovered             bool
	}
	if err := json.Unmarshal(f.Streams, &streams); err != nil {
		return err
	}
	id, err := strconv.Atoi(string(f.ID))
	if err != nil {
		id = -1
	}
	if f.By == "" {
		c.accepted(id, f.Errors)
	}
	stateless := c.stateless[id] && f.By == ""
	for _, st := range streams {
		_, text, _ := strings.Cut(st.Cursor, ":")
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return err
		}
		s := c.streams[st.Stream]
		if s == nil || s.next == 0 {
			s = &followed{bids: map[string]string{}, asks: map[string]string{}}
			if kept := c.world.kept[c][st.Stream]; kept != nil && st.Recovered {
				s = kept
			}
			c.streams[st.Stream] = s
		}
		if st.Recovered && s.next != seq+1 && s.next != 0 {
			return fmt.Errorf("recovered from %d, had up to %d", seq, s.next-1)
		}
		if strings.HasPrefix(st.Stream, "bbo.") {
			switch {
			case st.Recovered, s.next == 0 && stateless:
				s.next = seq + 1
			case s.next == 0: // the value at the cursor is due
				s.next = max(seq, 1)
			}
			continue
		}
		fresh := s.next == 0
		if !fresh && s.next < seq+1 && !st.Recovered {
			s.due = s.next
		}
		s.next = seq + 1
		if stateless && !st.Recovered {
			s.blind = s.blind || fresh
			continue
		}
		s.state, s.stateSeq = !st.Recovered && strings.HasPrefix(st.Stream, "book."), seq
	}
	return nil
}

// accepted notes the entries of a command that were not refused.
func (c *simClient) accepted(id int, refused []struct{ Stream string }) {
	for _, e := range c.asked[id] {
		if !slices.ContainsFunc(refused, func(r struct{ Stream string }) bool { return r.Stream == e }) {
			c.entries[e] = true
		}
	}
}

// wanted reports whether an entry asks for the stream.
func (c *simClient) wanted(name string) bool {
	for e := range c.entries {
		if prefix, pattern := strings.CutSuffix(e, "*"); pattern && strings.HasPrefix(name, prefix) || e == name {
			return true
		}
	}
	return false
}

func (c *simClient) data(name string, f *clientFrame, p []byte) error {
	s := c.streams[name]
	if s == nil {
		return errors.New("not subscribed")
	}
	if s.due != 0 {
		return fmt.Errorf("frames from %d on are missing, unannounced", s.due)
	}
	stateful := strings.HasPrefix(name, "bbo.")
	if f.Type == "snapshot" {
		return s.snapshot(f)
	}
	if want := c.world.published[name][f.Seq]; !bytes.Equal(want, p) {
		return fmt.Errorf("differs from what was published: %s", want)
	}
	switch {
	case s.state:
		return errors.New("delta before its snapshot")
	case f.Seq == s.next:
	case stateful && f.Seq > s.next:
		missed := int64(f.Seq - s.next)
		if c.credit -= missed; c.credit < 0 {
			return fmt.Errorf("%d frames before it are missing, more than announced", missed)
		}
	case stateful && f.Seq == s.next-1: // the value that a subscription repeats
	default:
		return fmt.Errorf("unannounced gap: expected %d", s.next)
	}
	s.next = f.Seq + 1
	if strings.HasPrefix(name, "book.") && !s.blind {
		return s.apply(f)
	}
	return nil
}

// snapshot begins a book anew; it may come in parts.
func (s *followed) snapshot(f *clientFrame) error {
	if !s.state || f.Seq != s.stateSeq {
		return fmt.Errorf("snapshot; due %v at %d", s.state, s.stateSeq)
	}
	part, parts := 1, 1
	if len(f.Part) == 2 {
		part, parts = f.Part[0], f.Part[1]
	}
	if part == 1 { // also of another snapshot, after one that was cut short
		s.part = 0
		clear(s.bids)
		clear(s.asks)
	}
	if s.part++; part != s.part {
		return fmt.Errorf("part %d of a snapshot; want %d", part, s.part)
	}
	if part < parts {
		f.CRC = nil // of all parts together
	} else {
		s.state, s.blind, s.next, s.part = false, false, f.Seq+1, 0
	}
	return s.apply(f)
}

// apply changes the client's book and checks it.
func (s *followed) apply(f *clientFrame) error {
	for side, levels := range map[*map[string]string][][2]string{&s.bids: f.Bids, &s.asks: f.Asks} {
		for _, l := range levels {
			if strings.Trim(l[1], "0.") == "" {
				delete(*side, l[0])
			} else {
				(*side)[l[0]] = l[1]
			}
		}
	}
	if f.CRC != nil && *f.CRC != s.crc() {
		return fmt.Errorf("crc %d of the book; want %d", s.crc(), *f.CRC)
	}
	return nil
}

func (s *followed) crc() uint32 {
	var b []byte
	add := func(levels map[string]string, sign float64) {
		for _, price := range bestPrices(levels, sign) {
			for _, text := range []string{price, levels[price]} {
				b = append(b, strings.TrimLeft(strings.ReplaceAll(text, ".", ""), "0")...)
			}
		}
	}
	add(s.asks, 1)
	add(s.bids, -1)
	return crc32.ChecksumIEEE(b)
}

// bestPrices returns the ten prices that are first in order.
func bestPrices(levels map[string]string, sign float64) []string {
	type level struct {
		price float64
		text  string
	}
	best := make([]level, 0, crcDepth+1)
	for text := range levels {
		price, err := strconv.ParseFloat(text, 64)
		if err != nil || len(best) == crcDepth && sign*price >= sign*best[crcDepth-1].price {
			continue
		}
		at, _ := slices.BinarySearchFunc(best, price, func(l level, p float64) int { return cmp.Compare(sign*l.price, sign*p) })
		best = slices.Insert(best, at, level{price, text})
		best = best[:min(len(best), crcDepth)]
	}
	var out []string
	for _, l := range best {
		out = append(out, l.text)
	}
	return out
}
