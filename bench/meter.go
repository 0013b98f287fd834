package bench

import (
	"encoding/binary"
	"encoding/json"
	"fmt"
	"sync"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tickcast/feed/client"
)

// tally is what a population received since the last reset.
type tally struct {
	messages   int64 // data frames
	bytes      int64 // of the sockets, frame headers included
	reads      int64 // system calls that returned bytes
	samples    int64 // latencies recorded
	missing    int64 // audit: sequence numbers that were skipped
	duplicates int64 // audit: sequence numbers that came again, or late
	announced  int64 // frames of which the server said that it skips them
	unstamped  int64 // data frames without a readable ts
}

// meter counts what the connections of a population receive.
type meter struct {
	every int // Sample of the profile

	mu      sync.Mutex // guards all below; held while the bytes of one read are counted
	tally   tally
	latency *hdrhistogram.Histogram // microseconds
	until   int                     // messages until the next sample
	acked   int                     // connections whose subscription stands, not reset
	closed  int                     // connections that the server ended, not reset
	failure error                   // the first refusal or end of a connection
}

// latencyMax is the longest latency that is told from longer ones: two minutes.
const latencyMax = 120_000_000

func newLatency() *hdrhistogram.Histogram { return hdrhistogram.New(1, latencyMax, 3) }

func newMeter(sample int) *meter {
	return &meter{every: sample, until: sample, latency: newLatency()}
}

// reset begins the counts and the latencies anew.
func (m *meter) reset() {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally = tally{}
	m.latency.Reset()
	m.until = m.every
}

func (m *meter) counts() tally {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.tally
}

// state returns how many connections are subscribed and how many were ended,
// and the first thing that went wrong.
func (m *meter) state() (acked, closed int, failure error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.acked, m.closed, m.failure
}

// latencies returns a copy of the histogram.
func (m *meter) latencies() *hdrhistogram.Histogram {
	h := newLatency()
	m.mu.Lock()
	defer m.mu.Unlock()
	h.Merge(m.latency)
	return h
}

// ended notes that the server, or the network, ended a connection.
func (m *meter) ended(err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.closed++
	m.fail(err)
}

func (m *meter) fail(err error) {
	if m.failure == nil {
		m.failure = err
	}
}

// inbox is the receiving side of one connection.
type inbox struct {
	carry []byte             // the beginning of a frame whose rest has not come
	last  map[string]*uint64 // audit: last sequence number of each stream, nil if not audited
	acked bool
	pongs []byte // frames to send, appended by take
}

// take counts the frames that b begins with, received at now (microseconds
// since the epoch), and returns how many bytes they took. The rest is the
// beginning of a frame. An error ends the connection.
func (m *meter) take(in *inbox, b []byte, now int64) (used int, err error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.tally.reads++
	for {
		f, ok, err := client.CutFrame(b[used:])
		if err != nil {
			return used, err
		}
		if !ok {
			break
		}
		used += f.Bytes
		switch f.Op {
		case client.OpText:
			m.message(in, f.Payload, now)
		case client.OpPing:
			in.pongs = appendClientFrame(in.pongs, client.OpPong, f.Payload)
		case client.OpClose:
			return used, errCloseFrame(f.Payload)
		}
	}
	m.tally.bytes += int64(used)
	return used, nil
}

func errCloseFrame(p []byte) error {
	if len(p) < 2 {
		return &client.CloseError{Code: client.CloseNoStatus}
	}
	return &client.CloseError{Code: client.CloseCode(binary.BigEndian.Uint16(p)), Text: string(p[2:])}
}

func (m *meter) message(in *inbox, p []byte, now int64) {
	if len(p) < 10 || string(p[:10]) != `{"stream":` {
		m.control(in, p)
		return
	}
	m.tally.messages++
	if m.until--; m.until == 0 {
		m.until = m.every
		m.sample(p, now)
	}
	if in.last != nil {
		m.audit(in, p)
	}
}

// sample records the latency of a data frame.
func (m *meter) sample(p []byte, now int64) {
	ts, ok := stamp(p)
	if !ok {
		m.tally.unstamped++
		return
	}
	m.tally.samples++
	_ = m.latency.RecordValue(min(max(now-ts, 0), latencyMax)) // within its range
}

// audit checks that a frame follows the last one of its stream.
func (m *meter) audit(in *inbox, p []byte) {
	h, ok := client.Scan(p)
	if !ok {
		m.tally.missing++
		return
	}
	last := in.last[string(h.Stream)]
	if last == nil {
		seq := h.Seq
		in.last[string(h.Stream)] = &seq
		return
	}
	switch {
	case h.Seq > *last:
		m.tally.missing += int64(h.Seq - *last - 1)
		*last = h.Seq
	default:
		m.tally.duplicates++
	}
}

// control handles a frame that is not data: rare, so it may allocate.
func (m *meter) control(in *inbox, p []byte) {
	h, _ := client.Scan(p)
	switch string(h.Op) {
	case "subscribed":
		m.subscribed(in, p)
	case "error":
		m.fail(fmt.Errorf("server: %.300s", p))
	case "conflated":
		var c client.Conflated
		if json.Unmarshal(p, &c) == nil {
			m.tally.announced += int64(c.Frames)
		}
	case "gap":
		var g client.Gap
		if json.Unmarshal(p, &g) == nil && g.From != nil {
			m.tally.announced += int64(g.To - *g.From + 1)
		}
	}
}

func (m *meter) subscribed(in *inbox, p []byte) {
	var s client.Subscribed
	if err := json.Unmarshal(p, &s); err != nil {
		m.fail(fmt.Errorf("acknowledgement: %w", err))
		return
	}
	if len(s.Errors) > 0 {
		e := s.Errors[0]
		m.fail(fmt.Errorf("subscription to %s refused: %s: %s", e.Stream, e.Code, e.Message))
		return
	}
	if s.By == "" && s.Complete() && !in.acked {
		in.acked = true
		m.acked++
	}
}

// appendClientFrame appends a whole frame of a client with the mask zero, which
// leaves the payload as it is.
func appendClientFrame(dst []byte, op client.Opcode, payload []byte) []byte {
	dst = append(dst, 0x80|byte(op))
	switch n := len(payload); {
	case n < 126:
		dst = append(dst, 0x80|byte(n))
	case n < 1<<16:
		dst = binary.BigEndian.AppendUint16(append(dst, 0x80|126), uint16(n))
	default:
		dst = binary.BigEndian.AppendUint64(append(dst, 0x80|127), uint64(n))
	}
	dst = append(dst, 0, 0, 0, 0)
	return append(dst, payload...)
}
