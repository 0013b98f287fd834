// Package feed is the fan-out core: what a source publishes is numbered,
// kept, encoded once for each dialect that somebody watches, and copied to
// all who subscribed, each at its own pace.
//
//	source ── wire.Batch ──▶ Hub ── packets ──▶ shard ── bytes ──▶ sockets
//	                     seq, pos, image,     groups, logs,
//	                     history, encoding    sessions
//
// # Concurrency
//
// A Hub is a monitor: Publish and the attachments of shards take its one
// mutex, in turns of bounded work. The order of turns is one total order of
// packets and attachments in every shard's inbox, so an acknowledgement, its
// snapshot and the updates after it cannot race. The publisher never waits
// for a subscriber: an inbox that is full sheds state frames that newer ones
// supersede, then all packets, and says so to those it concerns.
//
// A shard, with its groups and sessions, belongs to one goroutine and is a
// state machine: what happens depends on the inbox, the bytes of the clients
// and the time it is told, so that a seeded test can order all three. Nothing
// here reads a clock but what Config.Now of Shards provides.
//
// # Books
//
// What a transaction publishes is in its events: of the symbol's book it needs
// the best of each side, which the levels that it sets tell. So order events
// are only kept, until somebody reads the book: at every 50th update for its
// checksum, for a snapshot, for a depth stream. Applied at once they cost ten
// cache misses each when 500 symbols move in turn, 240 of 840 ns a transaction.
// In return a source that contradicts itself is found out later.
//
// Weighed and left: order events could wait in history, and not be copied. But
// then history could let go of a chunk only when the book has it, and the crc
// of a transaction would need the transaction in history before it is complete.
//
// # Streams
//
// trade, order, book, bbo and status, and the candles and the ticker once
// something was traded, are numbered whether somebody watches or not, and
// encoded if somebody does. Depth streams and rate tiers are derived: they
// exist while somebody watches them, and a minute longer. Market time, which
// sources tell with Advance, closes candles; wall time, which Beat is told,
// drives the tiers.
//
// A tier of the book keeps no deltas of its own. It keeps where each of its
// frames ended in the raw stream, and merges that stretch of history, live and
// for whoever resumes, to the same bytes: nothing is added to the path that
// every transaction takes. A stretch that history lost, or that would take too
// long, is published as a numbered snapshot.
//
// While orders are collected the displayed book is empty. It begins anew, with
// a numbered snapshot, when that begins and when it ends.
//
// Candles are numbered from a symbol's first execution on, unlike other derived
// streams: so the frames that are served later, with an interval's number and
// time of publication, are those that the stream had or would have had.
//
// # Readers by position
//
// Whoever reads over HTTP keeps one number, the position of what he read last.
// A Reader finds what each stream has published beyond it, in history and
// images, and sorts that by position. So any set of streams resumes from one
// number, and a slow client costs nothing between two reads.
//
// # Interest groups
//
// Sessions of a shard with the same entries and terms form a group with one
// log of ready frames; a session is a cursor into it. A frame is copied once
// for a group, and one write sends a session everything that is due. A slow
// session costs no memory: when the log's oldest bytes are to be reused it
// falls off, is told exactly what it missed when it reads again, and goes on
// with the current state.
//
// Weighed and done otherwise than first drawn: a log has records of its
// frames and no summaries of its chunks. With 500 symbols a chunk of 64 KiB
// holds each stream once, so that a summary is as long as the records; and
// since the numbers of a stream are contiguous, all that a session needs to
// know is how far it had been sent each stream, which the records tell.
// Nor are gaps counted when a session falls off, but when it resumes: they
// are the difference between how far it had come and where its states stand.
//
// A shard avoids the scheduler for a second after packets, in waits of 5 ms. A
// thread that blocks in the ordinary way makes the runtime's monitor begin
// anew, every 20 us at first: with 10 updates a second to 1,000 clients that
// were 690 wake-ups a second, a third of the cost of a write. A collection need
// not wait for such a wait to end: the signal that stops a thread interrupts it
// (pauses of 0.6 ms at most, with waits of 1 and of 5 ms). A single client of 5
// updates a second costs 1.4 % of a core, 0.8 % if shards blocked after 10 ms;
// one of 20 costs 1.9 instead of 3.1 %, one of 100 costs 3.0 instead of 5.2 %.
//
// Weighed and left: sendfile of a log that lies in a memfd, whose pages the
// kernel passes on instead of copying them (what is sent must not change, so each
// page is used once). In C a frame of 150 bytes costs 19 ns instead of 24 in
// writes of 250 KB, and 40 instead of 44 in writes of 24 KB; but here, at 16 M
// deliveries a second, 50 45 44 ns against 45 46 61 in three pairs: counting the
// references to a page fifty times costs nearly what the copies do.
//
// Under load rounds begin at most every 10 ms, and not every 5: at 4 M
// deliveries a second to 1,000 clients of one symbol it saves a quarter of the
// CPU time. Their latency pays with less, because a round takes what comes
// while it writes: whoever is served late in it is up to date. Logs grow to 16
// MiB, not 8: at 18 M deliveries a second to 50 clients that is what 250 ms take.
// They grow while their oldest bytes are younger than that, and not by a measured
// rate, which is low when a burst begins.
//
// Market time may leap. What it has made due is published in turns of some 64
// frames a symbol. Of more than 500 candles in a row without executions the
// first are only numbered, and announced as conflated to those who watch:
// publishing 86,400 of them for a day would cost each symbol 50 ms and fill
// every inbox, and the shards would have to leave most of them out anyway.
//
// A snapshot for a subscriber is an encoding that may be up to 64 frames old,
// followed by the frames since from history: a storm of subscribers costs one
// encoding a stream. The cursor of an acknowledgement is therefore the seq of
// the state that follows it, or the one resumed from: the next numbered frame
// is always cursor + 1.
//
// # Readers
//
// Whoever has no session reads by position: every publication has a number, and
// a Reader finds what a set of streams has after one, in history and images. It
// keeps nothing else, so that one number resumes any set. If a stream has lost
// something, all streams are judged at one place in the order of publications:
// it begins anew, the others go on without a hole.
package feed
