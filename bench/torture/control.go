package torture

import (
	"encoding/json"
	"fmt"
	"strconv"

	"tickcast/feed/client"
	"tickcast/wire"
)

// resume says with what cursors a client comes back. The zero resume is
// invalid.
type resume uint8

const (
	resumeNone    resume = iota + 1 // it begins anew
	resumeSince                     // where it was
	resumeForeign                   // with cursors of an epoch that never was
)

const foreignEpoch = "k0never"

// What history has to hold (PROTOCOL.md section 5), less a margin for what is
// under way.
const (
	historyMicros = int64(45e6) // of 60 s
	historyFrames = 4_000       // of 10,000 transactions, and of 4 MiB a command
)

// subscribe returns the request for all streams, and notes what it promises.
// now is the wall time, us.
func (f *follower) subscribe(how resume, now int64) []byte {
	b := append([]byte(nil), `{"op":"subscribe","id":1,"streams":[`...)
	for i, entry := range f.entries() {
		if i > 0 {
			b = append(b, ',')
		}
		b = fmt.Appendf(b, "%q", entry)
	}
	b = append(b, ']')
	cursors, within := 0, f.behind() < historyFrames
	for i := range f.streams {
		s := &f.streams[i]
		if s.phase = phaseAsked; how == resumeNone || s.next == 0 || s.broken {
			s.resumed, s.must = false, false
			continue
		}
		b = append(b, [...]string{`,"since":{`, `,`}[min(cursors, 1)]...)
		b = f.appendSince(b, s, how)
		s.must = within && !s.foreign && now-s.tp < historyMicros
		f.count(s)
		cursors++
	}
	f.waiting = len(f.streams)
	if cursors > 0 {
		b = append(b, '}')
	}
	return append(b, '}')
}

func (f *follower) entries() []string {
	if f.pattern != nil {
		return f.pattern
	}
	names := make([]string, len(f.streams))
	for i := range f.streams {
		names[i] = f.audit.streams[f.streams[i].id].name
	}
	return names
}

// behind returns how many frames a resume of all streams asks for.
func (f *follower) behind() (frames uint64) {
	for i := range f.streams {
		s := &f.streams[i]
		if last := f.audit.streams[s.id].last; s.next > 0 && last >= s.next {
			frames += last + 1 - s.next
		}
	}
	return frames
}

// count notes what a cursor asks for.
func (f *follower) count(s *followed) {
	switch {
	case s.channel == channelBBO:
	case s.foreign:
		f.audit.tally.ForeignAsked++
	case s.must:
		f.audit.tally.ResumesAsked++
	}
}

func (f *follower) appendSince(b []byte, s *followed, how resume) []byte {
	epoch := f.epoch
	if how == resumeForeign {
		epoch = foreignEpoch
	}
	s.resumed, s.foreign, s.since = true, epoch != f.greeted, s.next-1
	s.trail.add(stepAsk, s.since, s.since)
	return fmt.Appendf(b, `%q:"%s:%d"`, f.audit.streams[s.id].name, epoch, s.since)
}

// abandon is called when a connection ends: a stream whose state had not come,
// or which was never acknowledged with its cursor, is not known any more.
func (f *follower) abandon() {
	for i := range f.streams {
		s := &f.streams[i]
		if s.phase == phaseState || s.due {
			s.next = 0
		}
	}
}

// control audits a control message.
func (f *follower) control(op string, p []byte, now int64) {
	var err error
	switch op {
	case "hello":
		err = f.hello(p)
	case "subscribed":
		err = f.subscribed(p)
	case "gap":
		err = f.gap(p)
	case "conflated":
		err = f.conflated(p)
	case "heartbeat":
		err = f.heartbeat(p)
	case "notice":
		err = f.notice(p)
	default:
		err = fmt.Errorf("nothing was asked that this answers")
	}
	if err != nil {
		f.audit.note(RuleProtocol, f.number, "", "%v: %.*s", err, shown, p)
	}
}

func (f *follower) hello(p []byte) error {
	var h client.Hello
	if err := json.Unmarshal(p, &h); err != nil {
		return err
	}
	if f.greeted != "" {
		return fmt.Errorf("a second hello")
	}
	f.greeted = h.Epoch
	if !f.audit.begin(h.Epoch) {
		return fmt.Errorf("epoch %s; want %s", h.Epoch, f.audit.epoch)
	}
	return nil
}

func (f *follower) subscribed(p []byte) error {
	var ack client.Subscribed
	if err := json.Unmarshal(p, &ack); err != nil {
		return err
	}
	if f.acked {
		return fmt.Errorf("a second acknowledgement")
	}
	if len(ack.Errors) > 0 {
		return fmt.Errorf("%s refused: %s", ack.Errors[0].Stream, ack.Errors[0].Message)
	}
	for i := range ack.Streams {
		st := &ack.Streams[i]
		s := f.named([]byte(st.Stream))
		if s == nil || s.phase != phaseAsked {
			return fmt.Errorf("%s acknowledged, which was not asked for", st.Stream)
		}
		if err := f.acknowledged(s, st); err != nil {
			return fmt.Errorf("%s: %w", st.Stream, err)
		}
	}
	if !ack.Complete() {
		return nil
	}
	f.acked, f.epoch = true, f.greeted
	for i := range f.streams {
		if f.streams[i].phase == phaseAsked {
			return fmt.Errorf("%s is not acknowledged", f.audit.streams[f.streams[i].id].name)
		}
	}
	return nil
}

// acknowledged begins a stream where its acknowledgement says.
func (f *follower) acknowledged(s *followed, st *client.SubscribedStream) error {
	epoch, seq, ok := wire.ParseCursor([]byte(st.Cursor))
	if !ok || string(epoch) != f.greeted {
		return fmt.Errorf("cursor %q", st.Cursor)
	}
	if st.Recovered {
		s.trail.add(stepRecover, seq, seq)
		return f.recovered(s, seq)
	}
	s.trail.add(stepBegin, seq, seq)
	s.due = s.resumed && s.channel != channelBBO
	if s.due && s.must {
		f.fault(RuleResume, s, "resume since %d, %d frames ago, is not recovered", s.since, seq-min(seq, s.since))
	}
	switch s.channel {
	case channelBook:
		s.phase, s.stateSeq, s.next = phaseState, seq, seq+1
	case channelBBO:
		s.next = max(seq, 1) // the last value itself comes, if there is one
		f.live(s)
	default:
		s.next, s.broken = seq+1, false
		f.live(s)
	}
	return nil
}

// recovered goes on with a stream where the client left it.
func (f *follower) recovered(s *followed, seq uint64) error {
	if !s.resumed || s.foreign {
		f.fault(RuleResume, s, "recovered from %d, which was not asked for", seq)
		s.next, s.broken = seq+1, true
	} else if seq != s.since {
		f.fault(RuleResume, s, "recovered from %d; asked since %d", seq, s.since)
		s.next, s.broken = seq+1, true
	}
	if s.must && s.channel != channelBBO {
		f.audit.tally.ResumesMade++
	}
	f.live(s)
	return nil
}

func (f *follower) live(s *followed) {
	s.phase = phaseLive
	f.waiting--
}

func (f *follower) gap(p []byte) error {
	var g client.Gap
	if err := json.Unmarshal(p, &g); err != nil {
		return err
	}
	s := f.named([]byte(g.Stream))
	switch {
	case s == nil:
		f.audit.note(RuleForeign, f.number, g.Stream, "gap of a stream that was not asked for")
		return nil
	case s.channel == channelBBO || s.phase <= phaseAsked:
		return fmt.Errorf("gap of a state, or before the acknowledgement")
	case s.due:
		s.due = false
		s.trail.add(stepGap, s.since+1, g.To)
		f.refusal(s, &g)
		return nil
	case g.From == nil || *g.From != s.next || g.To < s.next || g.Reason != "slow" && g.Reason != "overload":
		f.fault(RuleAnnounced, s, "gap from %s to %d, reason %s; had up to %d", optional(g.From), g.To, g.Reason, s.next-1)
	}
	f.audit.tally.Gaps++
	f.audit.tally.GapFrames += int64(g.To+1) - int64(min(s.next, g.To+1))
	if f.disturbed() {
		f.fault(RuleHealthy, s, "gap of %d frames, reason %s, at a client that reads", g.To+1-min(s.next, g.To+1), g.Reason)
	}
	s.trail.add(stepGap, s.next, g.To)
	s.next, s.part = g.To+1, 0
	if s.channel == channelBook {
		if s.phase == phaseLive {
			f.waiting++
		}
		s.phase, s.stateSeq = phaseState, g.To
	}
	return nil
}

// refusal checks the gap that answers a resume which was not recovered.
func (f *follower) refusal(s *followed, g *client.Gap) {
	ok := g.From == nil && g.Reason == "epoch"
	if !s.foreign {
		ok = g.From != nil && *g.From == s.since+1 && g.Reason == "history"
	}
	if !ok || g.To != s.next-1 {
		f.fault(RuleResume, s, "gap from %s to %d, reason %s, behind a resume since %d and the cursor %d",
			optional(g.From), g.To, g.Reason, s.since, s.next-1)
		return
	}
	if s.foreign {
		f.audit.tally.ForeignRefused++
	}
}

func optional(v *uint64) string {
	if v == nil {
		return "null"
	}
	return strconv.FormatUint(*v, 10)
}

func (f *follower) conflated(p []byte) error {
	var c client.Conflated
	if err := json.Unmarshal(p, &c); err != nil {
		return err
	}
	if c.Frames == 0 || c.Streams == 0 || c.Frames < c.Streams {
		return fmt.Errorf("nothing was conflated")
	}
	f.credit += c.Frames
	f.audit.tally.Conflated += int64(c.Frames)
	if f.disturbed() {
		f.audit.note(RuleHealthy, f.number, "", "%d frames conflated, reason %s, at a client that reads", c.Frames, c.Reason)
	}
	return nil
}

// disturbed reports whether an announcement is a violation: at somebody who
// reads, unless the machine may be to blame.
func (f *follower) disturbed() bool {
	if f.healthy && f.audit.lenient {
		f.audit.disturbed++
		return false
	}
	return f.healthy
}

// heartbeat proves that nothing was missed on quiet streams.
func (f *follower) heartbeat(p []byte) error {
	var h struct{ Cursors map[string]uint64 }
	if err := json.Unmarshal(p, &h); err != nil {
		return err
	}
	f.audit.tally.Heartbeats++
	for name, seq := range h.Cursors {
		s := f.named([]byte(name))
		switch {
		case s == nil:
			f.audit.note(RuleForeign, f.number, name, "heartbeat of a stream that was not asked for")
		case s.phase != phaseLive || s.next != seq+1:
			f.fault(RuleGap, s, "the heartbeat is at %d, had up to %d", seq, s.next-1)
		}
	}
	return nil
}

func (f *follower) notice(p []byte) error {
	var n client.Notice
	if err := json.Unmarshal(p, &n); err != nil {
		return err
	}
	if n.Code == "shutdown" {
		if n.ReconnectMS <= 0 {
			return fmt.Errorf("no time to come back")
		}
		f.noticed = true
		f.audit.tally.Notices++
	}
	return nil
}
