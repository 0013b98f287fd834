package feed

import (
	"errors"
	"slices"
	"strings"

	"tickcast/wire"
)

// command is a control message that has to take its place in the order of
// packets.
type command struct {
	op       wire.Op
	id       []byte
	entries  []string           // accepted
	snapshot bool               // of a subscription: states are wanted
	errors   []wire.StreamError // wrong streams never spoil the right ones
	reply    []byte             // an answer that waits for those before it
}

// message handles a control message.
func (m *session) message(msg []byte) {
	if !m.budget.take(m.shard.now, m.waited) {
		m.shard.stats.Refused++
		if m.budget.refused > refusedMax {
			m.close(wire.CloseAbuse, "too many control messages")
			return
		}
		m.fail(nil, wire.CodeLimitRate, "too many control messages")
		return
	}
	r := &m.shard.request
	if err := r.Parse(msg); err != nil {
		var e *wire.Error
		if !errors.As(err, &e) {
			e = &wire.Error{Code: wire.CodeInternal, Message: err.Error()}
		}
		if e.Code == wire.CodeLimitStreams {
			m.shard.stats.Limits[LimitNames]++
		}
		m.fail(r.ID, e.Code, e.Message)
		m.wrong()
		return
	}
	bad := false
	switch r.Op {
	case wire.OpSubscribe:
		bad = m.subscribe(r)
	case wire.OpUnsubscribe:
		bad = m.unsubscribe(r)
	case wire.OpList:
		m.commands = append(m.commands, command{op: wire.OpList, id: slices.Clone(r.ID)})
	case wire.OpPing:
		m.reply(wire.AppendPong(nil, r.ID, m.shard.now, m.lag()))
	case wire.OpAuth:
		m.fail(r.ID, wire.CodeNotAuthorized, "this server asks for no credentials")
	}
	if bad {
		m.wrong()
	} else {
		m.bad = 0
	}
}

// wrong counts a bad message; too many in a row end the connection.
func (m *session) wrong() {
	if m.bad++; m.bad >= badMessagesMax {
		m.shard.stats.Limits[LimitBadMessages]++
		m.close(wire.ClosePolicy, "too many bad messages")
	}
}

func (m *session) fail(id []byte, code wire.Code, text string) {
	m.reply(wire.AppendErrorReply(nil, id, code, text))
}

// reply sends a control frame behind the answers that wait.
func (m *session) reply(payload []byte) {
	if len(m.commands) > 0 {
		m.commands = append(m.commands, command{reply: payload})
		return
	}
	m.pushControl(payload)
}

// lag is what a pong tells of the connection.
func (m *session) lag() wire.Lag {
	return wire.Lag{
		Bytes: m.unsentBytes(), AgeMillis: m.age(m.shard.now) / 1e6, Skipped: m.skipped, Conflated: m.conflated,
	}
}

// subscribe gathers a subscription; all its streams wrong is a bad message.
func (m *session) subscribe(r *wire.Request) (bad bool) {
	a := m.gathering()
	dir := m.shard.hub.listings.Load()
	c := command{op: wire.OpSubscribe, id: slices.Clone(r.ID), snapshot: r.Snapshot}
	since := m.cursors(r, dir)
	seen := make(map[wire.StreamID]bool, len(r.Streams))
	spare := m.spare(len(r.Streams))
	for _, name := range r.Streams {
		e, err := wire.ParseEntry(string(name))
		var streams []wire.StreamID
		if err == nil {
			streams = dir.match(m.shard.matched[:0], &e)
			m.shard.matched = streams
			if !e.Pattern && len(streams) == 0 {
				err = wire.ErrUnknownSymbol
			}
		}
		if err != nil {
			c.errors = append(c.errors, explain(string(name), err, dir))
			continue
		}
		if !m.subscribed(string(name)) && !slices.Contains(c.entries, string(name)) {
			if spare == 0 {
				m.shard.stats.Limits[LimitEntries]++
				c.errors = append(c.errors, wire.StreamError{
					Stream: slices.Clone(name), Code: wire.CodeLimitStreams, Message: "too many entries in this connection",
				})
				continue
			}
			spare--
		}
		c.entries = append(c.entries, string(name))
		entry := int32(len(c.entries) - 1)
		for _, id := range streams {
			if seen[id] {
				continue
			}
			seen[id] = true
			w := want{stream: id, command: int32(len(m.commands)), entry: entry, state: r.Snapshot, fresh: m.hears(id)}
			if cursor, ok := since[id]; ok {
				w.resume, w.foreign, w.since = true, cursor.foreign, cursor.seq
			}
			a.wants = append(a.wants, w)
		}
	}
	m.commands = append(m.commands, c)
	return len(c.entries) == 0
}

// hears reports whether the session has been sent the stream, or will be by
// the commands gathered: repeating a subscription must not go back in time.
func (m *session) hears(id wire.StreamID) bool {
	if m.group != nil {
		if _, heard := m.group.slot(id); heard {
			return true
		}
	}
	return len(m.commands) > 0 && m.gathered.wantsStream(id)
}

// spare returns how many entries the session may have beside its own and those
// gathered, or some number that is enough for asked more.
func (m *session) spare(asked int) int {
	n := len(m.group.entries) // a bound, for it is cheap
	for i := range m.commands {
		n += len(m.commands[i].entries)
	}
	if n+asked > entriesMax {
		n = len(m.entriesAfter(m.commands))
	}
	return entriesMax - n
}

// cursor is where a client wants to resume a stream.
type cursor struct {
	seq     uint64
	foreign bool
}

// cursors reads the since of a request. A cursor that cannot be read is one
// of another epoch.
func (m *session) cursors(r *wire.Request, dir *directory) map[wire.StreamID]cursor {
	if len(r.Since) == 0 {
		return nil
	}
	out := make(map[wire.StreamID]cursor, len(r.Since))
	for i := range r.Since {
		id, ok := dir.stream(string(r.Since[i].Stream))
		if !ok {
			continue
		}
		epoch, seq, ok := wire.ParseCursor(r.Since[i].Cursor)
		out[id] = cursor{seq: seq, foreign: !ok || string(epoch) != m.shard.hub.epoch}
	}
	return out
}

// explain says what is wrong with a stream name.
func explain(name string, err error, dir *directory) wire.StreamError {
	e := wire.StreamError{Stream: []byte(name), Message: err.Error()}
	switch {
	case errors.Is(err, wire.ErrUnknownChannel):
		e.Code = wire.CodeUnknownChannel
	case errors.Is(err, wire.ErrBadRate):
		e.Code = wire.CodeBadRate
	case errors.Is(err, wire.ErrUnknownSymbol):
		e.Code = wire.CodeUnknownSymbol
		_, symbol, _ := strings.Cut(name, ".")
		symbol, _, _ = strings.Cut(symbol, ".")
		e.Near = dir.near(symbol)
	default:
		e.Code = wire.CodeBadRequest
	}
	return e
}

// unsubscribe gathers the removal of entries of exactly these texts.
func (m *session) unsubscribe(r *wire.Request) (bad bool) {
	c := command{op: wire.OpUnsubscribe, id: slices.Clone(r.ID)}
	for _, name := range r.Streams {
		if m.subscribed(string(name)) && !slices.Contains(c.entries, string(name)) {
			c.entries = append(c.entries, string(name))
			continue
		}
		c.errors = append(c.errors, wire.StreamError{
			Stream: slices.Clone(name), Code: wire.CodeNotSubscribed, Message: "no entry of exactly this text",
		})
	}
	m.commands = append(m.commands, c)
	return len(c.entries) == 0
}

// subscribed reports whether the entry will be there when the gathered
// commands have taken effect.
func (m *session) subscribed(entry string) bool {
	for i := len(m.commands) - 1; i >= 0; i-- {
		if c := &m.commands[i]; slices.Contains(c.entries, entry) {
			return c.op == wire.OpSubscribe
		}
	}
	if m.group == nil {
		return false
	}
	_, found := slices.BinarySearch(m.group.entries, entry)
	return found
}

// gathering returns the attachment that collects the wants of commands.
func (m *session) gathering() *attachment {
	if m.gathered == nil {
		m.gathered = &attachment{session: m, version: m.shard.hub.listings.Load().version}
	}
	return m.gathered
}

// submit sends the gathered commands to the hub as one attachment.
func (m *session) submit() {
	if len(m.commands) == 0 || m.dead || m.closing {
		m.commands, m.gathered = nil, nil
		return
	}
	a := m.gathering()
	a.commands = m.commands
	m.commands, m.gathered = nil, nil
	m.attaching = true
	m.shard.attach(a, m.options.Dialect, m.resolve)
}

// resolve finds the streams of an attachment's entries again, after a
// listing: those that are new have no since.
func (m *session) resolve(a *attachment, dir *directory) {
	known := make(map[wire.StreamID]bool, len(a.wants))
	for i := range a.wants {
		known[a.wants[i].stream] = true
	}
	for i := range a.commands {
		c := &a.commands[i]
		if c.op != wire.OpSubscribe {
			continue
		}
		for j, text := range c.entries {
			e, err := wire.ParseEntry(text)
			if err != nil || !e.Pattern {
				continue
			}
			for _, id := range dir.match(nil, &e) {
				if !known[id] {
					known[id] = true
					a.wants = append(a.wants, want{stream: id, command: int32(i), entry: int32(j), state: c.snapshot})
				}
			}
		}
	}
}

// Rates of control messages (PROTOCOL.md section 8): a bucket; the excess is
// delayed by not reading, and refused when that has gone on for delayNanos.
const (
	requestsPerSecond = 50
	requestsBurst     = 200
	delayNanos        = int64(2e9)
	refusedMax        = 200
)

// budget is a token bucket.
type budget struct {
	level   int64 // ns of credit; a message costs 1e9/requestsPerSecond
	at      int64 // when level was right; 0 before the first message
	since   int64 // when messages began to be delayed, 0: they are not
	refused int
}

const (
	requestNanos = int64(1e9) / requestsPerSecond
	burstNanos   = requestNanos * requestsBurst
	calmNanos    = requestNanos * 5 // credit of somebody who does not flood
)

func (b *budget) refill(now int64) {
	if b.at == 0 {
		b.level = burstNanos
	} else {
		b.level = min(b.level+now-b.at, burstNanos)
	}
	b.at = now
}

// take pays for a message; false means that it is refused. One that waited for
// its turn is no sign of calm, however much credit there is: a shard that was
// late gave it.
func (b *budget) take(now int64, waited bool) bool {
	b.refill(now)
	switch {
	case b.level == burstNanos:
		b.since, b.refused = 0, 0
	case b.level >= calmNanos:
		if !waited {
			b.since = 0
		}
	case b.since != 0 && now-b.since > delayNanos:
		b.refused++
		return false
	}
	if b.level -= requestNanos; b.level < 0 && b.since == 0 {
		b.since = now
	}
	return true
}

// spent reports whether the next message has to wait.
func (b *budget) spent(now int64) bool {
	if b.at == 0 || b.level >= 0 {
		return false
	}
	b.refill(now)
	return b.level < 0
}
