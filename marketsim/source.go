package marketsim

import "tickcast/wire"

// Source is a market in market time, nanoseconds since its beginning: a Sim or
// a Recording. Whoever paces one can pace the other. It belongs to one
// goroutine, and how its time is cut into steps changes nothing of its tape.
type Source interface {
	// Instruments returns what is traded, the busiest first. The index in it is
	// wire.Txn's Instrument. The caller must not change it.
	Instruments() []wire.Instrument

	// Next returns the market time of the next transaction: 0 while there are
	// books to be opened, math.MaxInt64 if nothing comes any more.
	Next() int64

	// Step appends to b the transactions up to market time until that have not
	// been handed out yet, about max of them at most. It returns the market time
	// reached: until, or the time of the last transaction if there are more or if
	// the market ends there. A closed Sim has an end only if until is
	// math.MaxInt64: otherwise its time goes on.
	Step(b *wire.Batch, until int64, max int) (reached int64)
}
