package marketsim

import (
	"errors"
	"fmt"
	"io"
	"math"

	"tickcast/wire"
)

// Recording is a recorded market as a Source. Its market time is the time since
// the recording began, silence included; its tape is a function of the recording.
// It belongs to one goroutine and does not close what it reads.
type Recording struct {
	instruments []wire.Instrument
	read        func(*wire.Batch) error // makes an empty batch what comes next

	ahead  wire.Batch // read and not all handed out; empty at the end
	handed int        // how many of ahead have been handed out
	now    int64      // time of the last transaction handed out
	err    error      // why there is no more
}

// NewTapeRecording returns the market of a tape, as Sim makes them. Its error
// is the reader's or wraps wire.ErrTape, as it does if there is no transaction.
func NewTapeRecording(r io.Reader) (*Recording, error) {
	t, err := wire.NewTapeReader(r)
	if err != nil {
		return nil, err
	}
	rec, err := newRecording(t.Instruments(), t.Next)
	if err == nil && rec.Next() == math.MaxInt64 {
		err = fmt.Errorf("%w: no transaction", wire.ErrTape)
	}
	return rec, err
}

// newRecording reads the first transactions.
func newRecording(instruments []wire.Instrument, read func(*wire.Batch) error) (*Recording, error) {
	r := &Recording{instruments: instruments, read: read}
	r.fill()
	return r, r.Err()
}

// Instruments is of Source.
func (r *Recording) Instruments() []wire.Instrument { return r.instruments }

// Next is of Source: math.MaxInt64 at the end of the recording.
func (r *Recording) Next() int64 {
	if r.handed == len(r.ahead.Txns) {
		return math.MaxInt64
	}
	return r.ahead.Txns[r.handed].Time
}

// Step is of Source. Where the recording cannot be read any further it ends,
// and Err says why.
func (r *Recording) Step(b *wire.Batch, until int64, max int) (reached int64) {
	limit := len(b.Txns) + max
	for r.handed < len(r.ahead.Txns) {
		t := r.ahead.Txns[r.handed]
		switch {
		case t.Time > until:
			return until
		case len(b.Txns) >= limit:
			return r.now
		}
		b.Events = append(b.Events, r.ahead.EventsOf(r.handed)...)
		b.Commit(t.Instrument, t.Time)
		r.now = t.Time
		if r.handed++; r.handed == len(r.ahead.Txns) {
			r.fill()
		}
	}
	return min(until, r.now)
}

// Err returns why the recording ended early, nil at its end or before.
func (r *Recording) Err() error {
	if errors.Is(r.err, io.EOF) {
		return nil
	}
	return r.err
}

// fill reads the next transactions. A block of a tape may have none, and its
// times may be any.
func (r *Recording) fill() {
	r.ahead.Reset()
	for r.handed = 0; len(r.ahead.Txns) == 0 && r.err == nil; {
		r.err = r.read(&r.ahead)
	}
	last := r.now
	for i := range r.ahead.Txns {
		t := &r.ahead.Txns[i]
		t.Time = max(t.Time, last)
		last = t.Time
	}
}
