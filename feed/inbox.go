package feed

import (
	"slices"
	"sync"
	"sync/atomic"

	"tickcast/wire"
)

// Bounds of an inbox: what a shard that stands still for a tenth of a second
// finds when 500,000 ticks a second are published. Beyond them superseded
// state packets are dropped; if that does not halve the queue, all packets.
const (
	inboxItemsMax = 1 << 16
	inboxBytesMax = 16 << 20
	// Up to this an inbox keeps its memory when it needs less.
	inboxItemsKept = 512
	inboxBytesKept = 64 << 10
)

// item is a packet, whose payload lies in the queue's bytes, or a marker.
type item struct {
	Packet
	from, to uint32
	marker   *Marker
	stale    bool // packets after the marker were discarded
}

// shedPackets counts the state frames of a stream that were dropped because
// newer ones were waiting.
type shedPackets struct {
	stream  wire.StreamID
	dialect wire.Dialect
	frames  uint64
}

// delivery is what a shard takes out of its inbox in one go.
type delivery struct {
	items []item
	bytes []byte
	at    int // the items before it were delivered
}

// queue is the Inbox of a shard that runs by itself: bounded, never blocking.
type queue struct {
	rouse    func() // wakes the shard's goroutine
	itemsMax int    // inboxItemsMax, less in tests

	asleep  atomic.Bool // the shard waits, or is about to
	filled  atomic.Bool // there is something to take
	touched atomic.Bool // packets came since the last Wake

	peakItems, peakBytes int // of deliveries since slim; owned by whoever takes them

	mu sync.Mutex // guards all below
	in delivery
}

// Packet implements Inbox.
func (q *queue) Packet(p Packet, payload []byte) {
	q.mu.Lock()
	if len(q.in.items) >= q.itemsMax || len(q.in.bytes)+len(payload) > inboxBytesMax {
		q.in.relieve(q.itemsMax / 2)
	}
	q.in.add(p, payload)
	q.mu.Unlock()
	if !q.touched.Load() {
		q.touched.Store(true)
	}
}

// Mark implements Inbox. Markers are bounded by the sessions, which have at
// most one attachment under way each.
func (q *queue) Mark(m *Marker) {
	q.mu.Lock()
	q.in.items = append(q.in.items, item{marker: m})
	q.mu.Unlock()
	q.filled.Store(true) // an attachment's marker has no publication that would
}

// Wake implements Inbox. A shard that hears nothing of what was published
// sleeps on.
func (q *queue) Wake() {
	if q.touched.Load() {
		q.touched.Store(false)
		q.filled.Store(true)
	}
	if !q.filled.Load() {
		return
	}
	if q.asleep.Load() && q.asleep.Swap(false) {
		q.rouse()
	}
}

// take swaps what arrived for d, of which everything was delivered.
func (q *queue) take(d *delivery) {
	d.items, d.bytes, d.at = d.items[:0], d.bytes[:0], 0
	if !q.filled.Swap(false) {
		return
	}
	q.mu.Lock()
	q.in, *d = *d, q.in
	q.mu.Unlock()
	q.peakItems, q.peakBytes = max(q.peakItems, len(d.items)), max(q.peakBytes, len(d.bytes))
}

// slim lets go of memory that a burst needed and nothing since the last slim,
// of the queue and of d, which is not used any more until the next take.
func (q *queue) slim(d *delivery) {
	d.items, d.bytes, d.at = d.items[:0], d.bytes[:0], 0
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, own := range []*delivery{&q.in, d} {
		large := cap(own.items) > max(4*q.peakItems, inboxItemsKept) || cap(own.bytes) > max(4*q.peakBytes, inboxBytesKept)
		if large && len(own.items) == 0 {
			*own = delivery{}
		}
	}
	q.peakItems, q.peakBytes = 0, 0
}

// sleep announces that the shard is about to wait; it returns false, and the
// shard must not wait, if something arrived meanwhile.
func (q *queue) sleep() bool {
	q.asleep.Store(true)
	if q.filled.Load() {
		q.asleep.Store(false)
		return false
	}
	return true
}

// congested reports whether the inbox is over half full.
func (q *queue) congested() bool {
	q.mu.Lock()
	defer q.mu.Unlock()
	return len(q.in.items) > q.itemsMax/2 || len(q.in.bytes) > inboxBytesMax/2
}

func (d *delivery) add(p Packet, payload []byte) {
	from := uint32(len(d.bytes))
	d.bytes = append(d.bytes, payload...)
	d.items = append(d.items, item{Packet: p, from: from, to: uint32(len(d.bytes))})
}

// payload returns the bytes of a packet, valid until the next take.
func (d *delivery) payload(it *item) []byte { return d.bytes[it.from:it.to] }

// relieve makes room: it sheds superseded state packets, and if more than
// itemsMax remain tears the queue.
func (d *delivery) relieve(itemsMax int) {
	var kept delivery
	for from := 0; from < len(d.items); {
		to := from
		for to < len(d.items) && d.items[to].marker == nil {
			to++
		}
		d.shed(&kept, d.items[from:to])
		if to < len(d.items) {
			kept.items = append(kept.items, d.items[to])
		}
		from = to + 1
	}
	if len(kept.items) > itemsMax || len(kept.bytes) > inboxBytesMax/2 {
		kept.tear()
	}
	*d = kept
}

// shed copies a run of packets without those of state streams that a later
// one of the run supersedes, after a marker that counts them. Runs end at
// markers: what a marker attaches must not be told of what came before.
func (d *delivery) shed(kept *delivery, run []item) {
	type key struct {
		stream  wire.StreamID
		dialect wire.Dialect
	}
	latest := make(map[key]int) // index in dropped of a stream that came, from the end of the run
	var dropped []shedPackets
	superseded := make([]bool, len(run))
	for i := len(run) - 1; i >= 0; i-- {
		p := &run[i].Packet
		if !p.Stream.Channel().Stateful() {
			continue
		}
		k := key{p.Stream, p.Dialect}
		if at, later := latest[k]; later {
			superseded[i] = true
			dropped[at].frames++
			continue
		}
		latest[k] = len(dropped)
		dropped = append(dropped, shedPackets{stream: k.stream, dialect: k.dialect})
	}
	dropped = slices.DeleteFunc(dropped, func(s shedPackets) bool { return s.frames == 0 })
	if len(dropped) > 0 {
		kept.items = append(kept.items, item{marker: &Marker{Shed: dropped}})
	}
	for i := range run {
		if !superseded[i] {
			kept.add(run[i].Packet, d.payload(&run[i]))
		}
	}
}

// tear discards every packet and leaves the markers behind one that says so.
func (d *delivery) tear() {
	markers := []item{{marker: &Marker{Torn: true}}}
	for i := range d.items {
		if m := d.items[i].marker; m != nil && m.Shed == nil && !m.Torn {
			markers = append(markers, item{marker: m, stale: true})
		}
	}
	*d = delivery{items: markers}
}
