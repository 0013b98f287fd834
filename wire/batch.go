package wire

// Txn is one transaction of a Batch: what one command did to one book, with
// everything that it set off.
type Txn struct {
	Time       int64  // market time, ns since the session's start
	Instrument uint32 // index in order of listing
	end        uint32 // index in Events after its last
}

// Batch is a run of transactions in order of market time, as a source hands
// them to a hub. It is flat and reusable: after Reset nothing of the earlier
// contents may be used. The receiver of a Batch keeps no reference to it.
//
//	b.Events = book.Enter(b.Events, order)
//	b.Commit(instrument, time)
type Batch struct {
	Events []Event // of all transactions, one after another
	Txns   []Txn

	// Matched is the stage stamp of the source: the wall time, ns, at which
	// the batch was complete. 0 if unknown.
	Matched int64
}

// Reset empties the batch and keeps its memory.
func (b *Batch) Reset() {
	b.Events, b.Txns, b.Matched = b.Events[:0], b.Txns[:0], 0
}

// Commit ends a transaction: it owns the events appended since the last one.
// Without events there is no transaction.
func (b *Batch) Commit(instrument uint32, time int64) {
	end := uint32(len(b.Events))
	if end == b.start(len(b.Txns)) {
		return
	}
	b.Txns = append(b.Txns, Txn{Time: time, Instrument: instrument, end: end})
}

// EventsOf returns the events of transaction i, valid until Reset.
func (b *Batch) EventsOf(i int) []Event {
	return b.Events[b.start(i):b.Txns[i].end]
}

func (b *Batch) start(i int) uint32 {
	if i == 0 {
		return 0
	}
	return b.Txns[i-1].end
}

// Truncate drops all transactions but the first n.
func (b *Batch) Truncate(n int) {
	if n >= len(b.Txns) {
		return
	}
	b.Txns = b.Txns[:n]
	b.Events = b.Events[:b.start(n)]
}
