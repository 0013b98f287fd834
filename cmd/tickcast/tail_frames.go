package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"tickcast/feed/client"
	"tickcast/wire"
)

// errNothing ends a tail all of whose streams were refused.
var errNothing = errors.New("tail: none of the streams exists")

// stream returns what is known of a stream, which may be nothing yet.
func (t *tailer) stream(name string) *tailStream {
	s := t.streams[name]
	if s == nil {
		e, err := wire.ParseEntry(name)
		s = &tailStream{event: err == nil && !e.Slot.Channel().Stateful()}
		t.streams[name] = s
		t.stats.streams(len(t.streams))
	}
	return s
}

// data prints or counts one data frame.
func (t *tailer) data(f client.Frame) error {
	s := t.stream(f.Stream)
	t.sequence(s, f)
	t.delay = delayMin
	if t.cmd.Stats {
		t.stats.frame(f, &t.clock, f.Seq <= s.oldest)
	} else if err := t.print(f.Raw); err != nil {
		return err
	}
	if t.left--; t.left == 0 {
		return errTailDone
	}
	return nil
}

// sequence follows the numbers of an event stream. A snapshot stands for all
// up to its number; a hole before any other frame should have been announced.
func (t *tailer) sequence(s *tailStream, f client.Frame) {
	if !s.event {
		return
	}
	known := s.last.Epoch == t.epoch
	if known && f.Seq > s.last.Seq+1 && !snapshot(f.Raw) {
		t.stats.gap()
		t.say("hole %s %d..%d, which the feed did not announce", f.Stream, s.last.Seq+1, f.Seq-1)
	}
	if !known || f.Seq > s.last.Seq {
		s.last = wire.Cursor{Epoch: t.epoch, Seq: f.Seq}
	}
}

// snapshot reports whether a book or order frame is one; "type" stands before
// anything long.
func snapshot(raw []byte) bool {
	const headBytes = 100
	return bytes.Contains(raw[:min(len(raw), headBytes)], []byte(`"type":"snapshot"`))
}

func (t *tailer) print(raw []byte) error {
	if _, err := t.out.Write(raw); err != nil {
		return err
	}
	return t.out.WriteByte('\n')
}

// control prints a control frame if that is wanted, and tells people of what
// concerns them.
func (t *tailer) control(f client.Frame) error {
	if t.cmd.Control && !t.cmd.Stats {
		if err := t.print(f.Raw); err != nil {
			return err
		}
	}
	switch f.Op {
	case "subscribed":
		return t.subscribed(f.Raw)
	case "gap":
		t.gap(f.Raw)
	case "conflated":
		var c client.Conflated
		if t.decode(f.Raw, &c) {
			t.stats.conflated(c.Frames)
			t.say("conflated: %d frames of %d streams were replaced by newer ones (%s)", c.Frames, c.Streams, c.Reason)
		}
	case "notice":
		t.notice(f.Raw)
	case "error":
		var e client.Fault
		if t.decode(f.Raw, &e) {
			t.say("error: %s: %s", e.Code, e.Message)
		}
	}
	return nil
}

// decode reads a control frame, and says so if it cannot.
func (t *tailer) decode(raw []byte, into any) bool {
	if err := json.Unmarshal(raw, into); err != nil {
		t.say("%.100q: %v", raw, err)
		return false
	}
	return true
}

func (t *tailer) subscribed(raw []byte) error {
	var a client.Subscribed
	if !t.decode(raw, &a) {
		return nil
	}
	for _, match := range a.Streams {
		_, seq, ok := wire.ParseCursor([]byte(match.Cursor))
		if !ok {
			continue
		}
		s := t.stream(match.Stream)
		s.oldest = seq
		if !match.Recovered { // else the frames from last on follow
			s.last = wire.Cursor{Epoch: t.epoch, Seq: seq}
		}
	}
	for _, e := range a.Errors {
		t.say("%s: %s: %s%s", e.Stream, e.Code, e.Message, nearby(e.Near))
	}
	if a.By == "" && len(a.Errors) >= len(t.cmd.Streams) {
		return errNothing
	}
	return nil
}

func nearby(near []string) string {
	if len(near) == 0 {
		return ""
	}
	return fmt.Sprintf(" (there is %s)", strings.Join(near, ", "))
}

func (t *tailer) gap(raw []byte) {
	var g client.Gap
	if !t.decode(raw, &g) {
		return
	}
	t.stats.gap()
	t.stream(g.Stream).last = wire.Cursor{Epoch: t.epoch, Seq: g.To}
	from := "?"
	if g.From != nil {
		from = fmt.Sprint(*g.From)
	}
	t.say("gap %s %s..%d will not come (%s)", g.Stream, from, g.To, g.Reason)
}

func (t *tailer) notice(raw []byte) {
	var n client.Notice
	if !t.decode(raw, &n) {
		return
	}
	switch {
	case n.Code == "clock" && n.Clock != nil:
		t.clock = *n.Clock
		t.say("notice: the market clock runs at speed %v", n.Clock.Speed)
	case n.Code == "shutdown":
		t.hint = time.Duration(n.ReconnectMS) * time.Millisecond
		t.say("notice: the feed shuts down")
	default:
		t.say("notice: %s %s", n.Code, n.Faults)
	}
}
