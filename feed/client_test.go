package feed

import (
	"encoding/json"
	"errors"
	"fmt"
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
	conn  *simConn // beneath a connection socket; nil: the client is the socket
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
	hasty       bool     // it came for a moment
	begun       int      // snapshots in parts: begun, and come whole
	whole       int
}

type clientFrame struct {
	Op        string
	ID        json.RawMessage
	Stream    string
	Streams   json.RawMessage
	From      *uint64
	To        uint64
	Frames    int64
	Reason    string
	By        string
	Recovered bool
	Errors    []struct{ Stream string }
	Cursors   map[string]uint64

	Seq, Upd, First uint64
	Type            string
	Part            []int
	Bids, Asks      [][2]string
	Bid, Ask        *[2]string
	CRC             *uint32
	Orders, Events  []clientOrder
	TS, TP          int64

	Price, Qty, Side          string
	OpenTime                  int64 `json:"open_time"`
	CloseTime                 int64 `json:"close_time"`
	Open, High, Low           string
	Close, Last, VWAP, Change string
	Volume                    string
	QuoteVolume               string `json:"quote_volume"`
	Trades                    uint64
	Closed                    bool
	State                     string
	Indicative                *[2]string
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

func (c *simClient) since() int64 { return 0 }

func (c *simClient) buffers() bool { return false }

func (c *simClient) close(hard bool) {
	c.closed = true
	c.cut = hard || c.m.blocked
}

// pump sends some of what the client wants to say.
func (c *simClient) pump(n int) {
	if n = min(n, len(c.outgoing)); n == 0 || !c.reading || c.closed {
		return
	}
	c.m.shard.now = c.world.now
	if c.conn != nil {
		c.outgoing = c.conn.read(c.outgoing, n)
		return
	}
	piece := slices.Clone(c.outgoing[:n])
	c.outgoing = c.outgoing[n:]
	c.m.input(piece)
}

// over reports whether the connection has ended, and all that was sent on it
// has come.
func (c *simClient) over() bool { return c.m.dead && c.closed }

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
		c.err = c.frame(c.inbuf[0], c.inbuf[header:header+size])
		c.inbuf = c.inbuf[header+size:]
	}
	return c.err
}

// frame takes a WebSocket frame.
func (c *simClient) frame(first byte, p []byte) error {
	switch {
	case c.closeFrames > 0:
		return errors.New("a frame behind the close frame")
	case first == 0x81:
		return c.message(p)
	case first == 0x88:
		c.closeFrames++
		if !c.hungUp {
			c.hungUp = true
			c.outgoing = wire.AppendClientFrame(c.outgoing, wire.OpcodeClose, [4]byte{1}, p[:2])
		}
	case first == 0x89:
		if !c.hungUp {
			c.outgoing = wire.AppendClientFrame(c.outgoing, wire.OpcodePong, [4]byte{1}, p)
		}
	case first != 0x8a:
		return fmt.Errorf("first byte %#x of a frame", first)
	}
	return nil
}

func (c *simClient) message(p []byte) error {
	if c.world.tracing {
		c.trace = append(c.trace, string(p[:min(len(p), 2000)]))
	}
	var f clientFrame
	err := json.Unmarshal(p, &f)
	switch {
	case err != nil:
	case f.Op != "":
		err = c.control(&f)
	default:
		err = c.data(&f, p)
	}
	if err != nil {
		return fmt.Errorf("%.3000s: %w", p, err)
	}
	return nil
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
			c.inexact = c.inexact || slotOf(n).Channel().Stateful()
		}
		maps.DeleteFunc(c.streams, func(name string, _ *followed) bool { return !c.wanted(name) })
	case "gap":
		s := c.streams[f.Stream]
		if s == nil {
			return errors.New("gap of a stream that is not subscribed")
		}
		c.world.census[kindOf(f.Stream)+" gap "+f.Reason]++
		return s.gap(f)
	case "conflated":
		c.credit += f.Frames
	case "heartbeat":
		for name, seq := range f.Cursors {
			if s := c.streams[name]; s == nil || s.due == 0 && !s.state && s.next != seq+1 {
				return fmt.Errorf("the cursor of %s is %d; had %+v", name, seq, s)
			}
		}
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
		if err := c.askedFor(id, f.By, st.Stream, st.Entry); err != nil {
			return err
		}
		epoch, text, _ := strings.Cut(st.Cursor, ":")
		seq, err := strconv.ParseUint(text, 10, 64)
		if err != nil || epoch != c.world.hub.epoch {
			return fmt.Errorf("cursor %q", st.Cursor)
		}
		s := c.streams[st.Stream]
		if s == nil || s.next == 0 {
			s = c.world.newFollowed(st.Stream)
			if kept := c.world.kept[c][st.Stream]; kept != nil && st.Recovered {
				s = kept
			}
			c.streams[st.Stream] = s
		}
		if st.Recovered {
			c.world.census[kindOf(st.Stream)+" recovered"]++
			if last := c.world.died[st.Stream]; seq > 0 && seq <= last {
				return fmt.Errorf("%s recovered from %d, but died at %d", st.Stream, seq, last)
			}
		}
		if err := s.acknowledged(seq, st.Recovered, stateless); err != nil {
			return err
		}
	}
	return nil
}

// askedFor checks why an acknowledgement names a stream: for an entry that is a
// pattern, which it says, or for one that is its name.
func (c *simClient) askedFor(id int, by, stream, entry string) error {
	switch {
	case by != "" && (!c.entries[by] || !covers(by, stream) || entry != by):
		return fmt.Errorf("%s by %s; entries are %v", stream, by, c.entries)
	case by != "":
	case entry == "" && !slices.Contains(c.asked[id], stream):
		return fmt.Errorf("%s is no entry of %v", stream, c.asked[id])
	case entry != "" && (!slices.Contains(c.asked[id], entry) || !strings.Contains(entry, "*") || !covers(entry, stream)):
		return fmt.Errorf("%s for %s of %v", stream, entry, c.asked[id])
	}
	return nil
}

// covers reports whether an entry asks for the stream.
func covers(entry, stream string) bool {
	e, err := wire.ParseEntry(entry)
	return err == nil && e.Slot == slotOf(stream) && e.Match(wire.Symbol(symbolOf(stream)))
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
	for entry := range c.entries {
		if covers(entry, name) {
			return true
		}
	}
	return false
}

// slotOf returns the slot of a stream's or an entry's name.
func slotOf(name string) wire.Slot {
	e, err := wire.ParseEntry(name)
	if err != nil {
		panic(fmt.Sprintf("%s: %v", name, err))
	}
	return e.Slot
}

// kindOf returns a stream's name without its symbol.
func kindOf(name string) string {
	parts := strings.Split(name, ".")
	return strings.Join(append(parts[:1:1], parts[2:]...), ".")
}

func symbolOf(name string) string { return strings.Split(name, ".")[1] }
