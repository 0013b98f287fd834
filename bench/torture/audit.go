package torture

import (
	"hash/maphash"

	"github.com/HdrHistogram/hdrhistogram-go"
)

// channel is what a stream carries, as far as the audit treats it differently.
// The zero channel is invalid.
type channel uint8

const (
	channelBook  channel = iota + 1 // events on top of a state
	channelBBO                      // states: a newer one replaces an older one
	channelTrade                    // events
)

var channelPrefixes = [...]string{"", "book.", "bbo.", "trade."}

// printsKept is how many frames of a stream are remembered for comparison: a
// minute of a busy one. It is a power of two.
const printsKept = 1024

// stream is what all clients together know of a stream.
type stream struct {
	name    string
	channel channel
	last    uint64  // the greatest number that anybody got
	prints  []print // by number modulo printsKept, nil until the first
}

// latencyMax is the longest latency that is told from longer ones, us.
const latencyMax = 120_000_000

func newLatency() *hdrhistogram.Histogram { return hdrhistogram.New(1, latencyMax, 3) }

// print is the hash of a frame's bytes.
type print struct{ seq, sum uint64 }

// audit is what the followers of a server share: its streams, and what they
// found. It belongs to one goroutine.
type audit struct {
	ledger
	tally   Tally
	epoch   string // of the server that runs
	restart bool   // a new epoch is expected
	lenient bool   // of Config
	// disturbed counts announcements at clients that read, if lenient.
	disturbed int
	streams   []stream
	byName    map[string]int32
	seed      maphash.Seed
	latency   *hdrhistogram.Histogram // of healthy clients, microseconds; nil: not now
	scratch   []byte
}

// Tally is what the clients saw.
type Tally struct {
	Deliveries     int64         `json:"deliveries"` // data frames
	Snapshots      int64         `json:"snapshots"`
	Gaps           int64         `json:"gaps"`       // messages
	GapFrames      int64         `json:"gap_frames"` // frames that they announced
	Conflated      int64         `json:"conflated"`  // frames that were announced as replaced
	CRCs           int64         `json:"crcs"`       // checksums that were compared
	Compared       int64         `json:"compared"`   // frames that another client got before
	Heartbeats     int64         `json:"heartbeats"`
	ResumesAsked   int64         `json:"resumes_asked"`   // event streams resumed within history
	ResumesMade    int64         `json:"resumes_made"`    // of these, those that were recovered
	ForeignAsked   int64         `json:"foreign_asked"`   // event streams resumed with a cursor of another epoch
	ForeignRefused int64         `json:"foreign_refused"` // of these, those that began anew with a gap
	Notices        int64         `json:"notices"`         // of a shutdown
	Connects       int64         `json:"connects"`        // upgrades that were accepted
	Refused        int64         `json:"refused"`         // connects and upgrades that were not
	Left           int64         `json:"left"`            // connections that the client ended
	Resets         int64         `json:"resets"`          // connections that were reset
	Ends           int64         `json:"ends"`            // that ended without a close frame
	Closes         map[int]int64 `json:"closes"`          // by the code of the server's close frame
}

// newAudit returns an audit of the channels of symbols.
func newAudit(symbols []string) *audit {
	a := &audit{byName: make(map[string]int32), seed: maphash.MakeSeed()}
	a.tally.Closes = make(map[int]int64)
	for c := channelBook; c <= channelTrade; c++ {
		for _, s := range symbols {
			name := channelPrefixes[c] + s
			a.byName[name] = int32(len(a.streams))
			a.streams = append(a.streams, stream{name: name, channel: c})
		}
	}
	return a
}

// id returns the number of a channel's n-th symbol.
func (a *audit) id(c channel, n int) int32 {
	return int32(int(c-channelBook)*a.symbols() + n)
}

func (a *audit) symbols() int { return len(a.streams) / int(channelTrade) }

// begin notes the epoch that a server greets with; false means that it may not.
func (a *audit) begin(epoch string) bool {
	switch {
	case a.epoch == epoch:
		return true
	case a.epoch != "" && !a.restart:
		return false
	}
	a.epoch, a.restart = epoch, false
	for i := range a.streams {
		a.streams[i].last, a.streams[i].prints = 0, nil
	}
	return true
}

// same notes the bytes of a numbered frame, and reports whether they are those
// that others got.
func (a *audit) same(id int32, seq uint64, frame []byte) bool {
	s := &a.streams[id]
	s.last = max(s.last, seq)
	if s.prints == nil {
		s.prints = make([]print, printsKept)
	}
	p := &s.prints[seq%printsKept]
	sum := maphash.Bytes(a.seed, frame)
	switch {
	case p.seq < seq:
		*p = print{seq, sum}
	case p.seq == seq:
		a.tally.Compared++
		return p.sum == sum
	}
	return true
}
