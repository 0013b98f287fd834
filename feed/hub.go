package feed

import (
	"errors"
	"fmt"
	"math"
	"slices"
	"sync"
	"sync/atomic"

	"tickcast/wire"
)

// Config of a Hub. The zero value is usable but for Epoch.
type Config struct {
	// Epoch names one uninterrupted run of the sequences: required, at most
	// 32 bytes of [A-Za-z0-9_-], and different at every start.
	Epoch string
	// Base is the wall time of market time 0, in ns since the Unix epoch.
	Base int64
	// HistoryBytes bounds what all symbols together keep for those who
	// resume. 0 means 256 MiB.
	HistoryBytes int
}

const historyBytesDefault = 256 << 20

// publishTxnsMax is how many transactions are published in one turn of the
// mutex, so that an attachment waits for 20 us or so, not for a whole batch.
const publishTxnsMax = 32

// publishFramesMax ends such a turn early, when transactions are large or
// market time has made much due.
const publishFramesMax = 512

// appliedMax ends a turn, also of a beat or an attachment, when that many order
// events that were pending were applied to cold books: 0.3 us each.
const appliedMax = 512

// Hub numbers events, keeps each symbol's image and history, and encodes each
// live event once for each dialect in which somebody watches it. It is a
// monitor: publishers and shards call it from any goroutine, and the work
// inside a turn of its mutex is bounded. The order of those turns is the one
// order of packets and attachments that every shard sees.
type Hub struct {
	epoch string
	base  int64

	listings  atomic.Pointer[directory]
	replaying atomic.Int64 // bytes of replays not yet sent

	tiered chan struct{} // something derived exists that Beat looks after

	snapshots, replays atomic.Uint64 // encoded for readers

	awaited atomic.Bool // somebody waits for news
	newsMu  sync.Mutex  // guards news
	news    chan struct{}

	mu      sync.Mutex // guards all below, and the symbols
	symbols []*symbol
	archive *archive
	inboxes []Inbox
	clock   wire.Clock
	market  int64                      // how far market time has come, ns since the epoch
	dueAt   int64                      // market time at which something is due: no symbol's is earlier
	derived [wire.RateCount][]*derived // by rate
	beatAt  [wire.RateCount]int64      // wall time of each rate's next beat
	sweepAt int64                      // wall time of the next look at those that nobody watches
	stats   Stats
	scratch scratch
	broken  bool // a symbol's events contradict each other: nothing more is published

	expireAt int64 // wall time of the next look at what is old
}

// Inbox takes what the hub hands to a shard: packets and markers, in the
// hub's order. Its methods are called with the hub's mutex held and must
// neither block nor call the hub.
type Inbox interface {
	// Packet takes a frame; payload is valid during the call only.
	Packet(p Packet, payload []byte)
	// Mark takes a marker: what it says holds from this place in the order.
	Mark(m *Marker)
	// Wake is called, without the mutex, when a publication is complete.
	Wake()
}

// Packet describes an event encoded in a dialect: payload only, framed when
// it is copied into a log.
type Packet struct {
	Stream  wire.StreamID
	Dialect wire.Dialect
	Seq     uint64
	Pos     uint64 // publication number in the epoch
	More    bool   // it is a part of a frame, and not the last
	Matched int64  // stage stamp: the source finished the batch, wall ns
	Encoded int64  // stage stamp: the hub published it, wall ns
}

// Marker is a place in the order of packets at which something takes effect:
// exactly one field is set.
type Marker struct {
	Attach *attachment   // a subscription, or a state that was asked for again
	Listed []*listing    // new instruments
	Clock  *wire.Clock   // how market time maps to wall time from now on
	Torn   bool          // packets before this place were discarded: overload
	Shed   []shedPackets // superseded state packets before this place were dropped
}

// Stats are a hub's totals.
type Stats struct {
	Events  uint64                    // events taken in
	Frames  uint64                    // frames numbered, watched or not
	Watched [wire.DialectCount]uint64 // frames published while somebody watched in a dialect
	Live    [wire.DialectCount]uint64 // encodings of live frames

	Snapshots uint64 // states encoded for readers
	Replays   uint64 // frames encoded again for readers

	MatchToEncode Latency // from a batch's Matched to its publication
}

// NewHub returns a hub without instruments, or an error that names what is
// wrong with cfg.
func NewHub(cfg Config) (*Hub, error) {
	if len(cfg.Epoch) == 0 || len(cfg.Epoch) > 32 {
		return nil, fmt.Errorf("hub: epoch has %d bytes; want 1 to 32", len(cfg.Epoch))
	}
	if cfg.HistoryBytes < 0 {
		return nil, fmt.Errorf("hub: history of %d bytes", cfg.HistoryBytes)
	}
	if cfg.HistoryBytes == 0 {
		cfg.HistoryBytes = historyBytesDefault
	}
	h := &Hub{
		epoch: cfg.Epoch, base: cfg.Base, archive: newArchive(cfg.HistoryBytes),
		tiered: make(chan struct{}, 1), market: cfg.Base, dueAt: math.MaxInt64,
	}
	h.clock = wire.Clock{Base: cfg.Base, Speed: 1, Wall: cfg.Base}
	h.listings.Store(newDirectory(nil, nil))
	return h, nil
}

// Epoch returns the name of this run of the sequences.
func (h *Hub) Epoch() string { return h.epoch }

// Clock returns how market time maps to wall time at the moment.
func (h *Hub) Clock() wire.Clock {
	h.mu.Lock()
	defer h.mu.Unlock()
	return h.clock
}

// SetClock changes how market time maps to wall time, and tells every client.
func (h *Hub) SetClock(c wire.Clock) {
	h.mu.Lock()
	c.Base = h.base
	h.clock = c
	h.mark(&Marker{Clock: &c})
	h.mu.Unlock()
	h.wake()
}

// Stats returns the totals so far.
func (h *Hub) Stats() Stats {
	h.mu.Lock()
	defer h.mu.Unlock()
	st := h.stats
	st.Snapshots, st.Replays = h.snapshots.Load(), h.replays.Load()
	return st
}

// ErrListed is returned by List for a symbol that is listed already.
var ErrListed = errors.New("listed already")

// List adds instruments; the first one ever has index 0 in a batch's
// transactions. Subscriptions whose patterns match are extended in place.
func (h *Hub) List(instruments ...wire.Instrument) error {
	h.mu.Lock()
	old := h.listings.Load()
	var added []*listing
	for _, in := range instruments {
		known := slices.ContainsFunc(added, func(l *listing) bool { return l.instrument.Symbol == in.Symbol })
		if _, listed := old.bySymbol[in.Symbol]; listed || known {
			h.mu.Unlock()
			return fmt.Errorf("list %s: %w", in.Symbol, ErrListed)
		}
		added = append(added, newListing(uint32(len(old.listings)+len(added)), in))
	}
	for _, l := range added {
		h.symbols = append(h.symbols, newSymbol(l, &h.broken))
	}
	h.dueAt = 0 // they have no status yet
	h.listings.Store(newDirectory(old, added))
	h.mark(&Marker{Listed: added})
	h.mu.Unlock()
	h.wake()
	return nil
}

// State returns the trading state of instrument i, in order of listing.
func (h *Hub) State(i int) wire.State {
	return wire.State(h.listings.Load().listings[i].trading.Load())
}

// Instruments returns what is listed, in order of listing. The caller must
// not change it.
func (h *Hub) Instruments() []wire.Instrument {
	dir := h.listings.Load()
	out := make([]wire.Instrument, len(dir.listings))
	for i, l := range dir.listings {
		out[i] = l.instrument
	}
	return out
}

// addInbox makes a shard known and returns its number. It is called before
// anything is published.
func (h *Hub) addInbox(in Inbox) int {
	h.mu.Lock()
	defer h.mu.Unlock()
	if len(h.inboxes) == ShardsMax {
		panic("feed: more shards than bits in a watch")
	}
	h.inboxes = append(h.inboxes, in)
	return len(h.inboxes) - 1
}

func (h *Hub) mark(m *Marker) {
	for _, in := range h.inboxes {
		in.Mark(m)
	}
}

func (h *Hub) wake() {
	h.tell()
	for _, in := range h.inboxes {
		in.Wake()
	}
}
