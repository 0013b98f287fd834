// Package marketsim is a market that looks like a real one: a flow of orders
// for each symbol, through the real order books, whose every tick is a pure
// function of a seed. All of it is simulated; no price here was ever paid.
//
// A Sim holds the market and advances in market time, nanoseconds since the
// session's start. A Recording does so with what an exchange sent, or with a
// tape: either is a Source. A Pacer maps market time to the wall clock. A Load
// is something else: a schedule of ticks at a constant rate, for benchmarks. All
// of them belong to one goroutine each, start none, and take wall time as an
// argument: no clock is read here. A Parallel runs a market ahead of its reader
// on all cores; it owns its workers and must be closed.
//
// # The model of a symbol
//
//	clock       when: a Hawkes process with four exponential components
//	market      what it shares: a market and a sector factor, a common mood, the hour
//	latent      the efficient price: diffuses in event time, jumps, learns from aggressors
//	pool        whose turn: metaorders with Pareto lengths
//	flow        what: take, cancel, place, or pull a quote that has become exposed
//	place       at which price and quantity
//	book        orderbook.Book, which matches and reports
//
// Zero intelligence alone gives mid returns an autocorrelation of -0.15 to
// -0.31 at 1 s. What whitens them is a latent price that quotes lean to, that
// informed takers trade towards, and from which exposed quotes flee: the flight
// matters most, for without it the spread collapses to where quotes are stale.
// Fat tails need volatility on two time scales. The impact of metaorders is
// concave because the latent price moves with the surprise in signs only.
//
// An Observer measures 14 of the 16 stylised facts on any tape, Measure all of
// them, from the events alone. The preset small-tick shows all; large-tick all
// but the shares of placement (at a spread of one tick there is no inside) and,
// for seed 1, two symbols whose correlation is 0.103 from the configured one.
//
// # Scenarios
//
// A Cue of Config.Timeline is a scenario at a market time. It is made of steps,
// which a symbol carries out between the events of its clock:
//
//	conditions  scale the rate, the volatility, the spread, the orders, the trades
//	drift       moves the efficient price; the market follows by itself
//	state       halt, auction, trading, closed: the book's own, with its uncross
//	band        a price band; 15 s at its edge pause trading for 5 minutes
//	burst       events beside the clock, which they do not excite
//
// A script has a random stream of its own, so the tape before a cue is that of
// the market without it, and other symbols never notice. While nothing trades
// the efficient price goes on, which is what an auction then finds.
//
// Alternatives weighed: scaling the whole clock for a microburst would leave its
// slow components excited for minutes; scripted prices instead of a drifting
// efficient price would need a second kind of order flow.
//
// # Recordings
//
// A Replay rebuilds books from recorded messages, in building mode, and a
// Recording makes a transaction of each that changes something. Market time 0 is
// the first record, or the first snapshot of Binance's streams, which begin
// before their books do: trades before that snapshot are published at market time
// 0, while the market opens. A LOBSTER recording's seed book is opened there.
// Silence stays as long as it was, and time does not go back where a record's
// does. At the end it stands still.
//
// A recording is read twice, first by a Survey: it finds a bad record before
// anything is served, and the symbols and their units, which a feed is to list
// when it begins. A scale has the decimals that the recording needs, two for
// prices at least. Weighed and not done: listing symbols as they appear would
// save that reading, but their units would be guesses.
//
// # Determinism
//
// On the event path there are integers and tables only, and the tables are made
// with integers: floating point differs between amd64 and arm64. A symbol has
// one random stream, from the seed and its name. What it shares with others it
// steps itself, from the seed and slices of 100 ms of market time, so that
// adding one never changes another's tape. Symbols advance one
// after another through a window of market time, each in a burst while its book
// is in the cache, and the window's transactions are merged by time, symbol
// and order. The window's length and its cuts change nothing.
//
// Alternatives weighed: a heap of symbols by next event keeps nothing pending
// but visits another book at each event, which costs cache misses; a thread a
// symbol needs the same merge.
//
// Parallel divides symbols between workers that never wait for each other, and
// merges their windows.
//
// The books are bounded: a flow tends to a number of resting orders (at most
// 1,000 a symbol), and a side that has become thin is neither taken from nor
// cancelled in, so no side ever empties.
//
// # Measured
//
// On 2 virtual cores of an AMD EPYC (Zen 4, Go 1.26). An event is what tickcast sim
// counts: a command to a book with what it sets off. One core, without the hash,
// medians of five runs:
//
//	go test -run xxx -bench Sim ./marketsim
//	symbols       1     10    256    4,096
//	ns an event   122   143   203    373
//	M events/s    8.2   7.0   4.9    2.7
//
// Memory is 36 KB a symbol with what waits to be merged. A day of the ten listed
// symbols, 51.9 M events with their hash, takes 8 s, 15 s of CPU time (tickcast
// sim --duration 24h). In real time 500 symbols take 0.5 % of a core in steps of
// 1 ms (-bench RealTime), tickcast serve --symbols 500 without clients 8 %, of
// which a quarter is the simulator's.
//
// With one symbol the clock takes 27 % and the rest is in no one place. With many
// their books are no longer in the cache, so the length of bursts matters. What
// did not help: counting a clock's children without branches, hints by tick, a
// book that does not check its grid, one pass without a switch over a command's
// events, reading a book ahead of its burst (4,096 symbols 8 % faster, 256 slower).
package marketsim
