// Package orderbook is the limit order book: a matching engine, and the same
// book built from another book's messages without matching.
//
// A Book belongs to one goroutine: nothing here locks, starts goroutines, reads
// a clock or does I/O. Each command appends what it did to the caller's slice
// of events, as wire.EventKind documents them; that one batch serves L1, L2 and
// L3. In steady state no command allocates. A book holds integers only, in
// slices without pointers, so the garbage collector has nothing to scan.
//
// # Two modes
//
// Matching: Enter, Cancel, Reduce, Replace, SetState take orders and report
// trades. Building: Apply takes the L3 events of another book, Build those of a
// recording, for which it also reports levels and top. Building never matches,
// so such a book may be crossed.
//
// # Ids
//
// With Config.OutsideIDs the caller chooses ids, from 1 to 2^53-1, and a hash
// index finds them. Without, the book hands out a handle in EventAccepted.ID:
// slot and generation, so that finding an order is an array access and a stale
// handle is unknown instead of somebody else's order.
//
// # Rules
//
// Priority is price, then time, for hidden orders too. A trade prints at the
// resting order's price. A replace with the same price and no larger quantity
// keeps its place, any other goes to the back. An iceberg's refill goes to the
// back of its level. FOK, post-only and Order.Min are checked before the book is
// touched; Min is what must trade at once. A reduce is reported as
// EventCancelled of what it takes off.
//
// Stops are elected by the last trade of a command, all that it reaches and for
// good: buy stops first, nearest trigger first, then by time. So does the last
// trade of each of them in its turn: what that elects queues behind, until none is
// left.
//
// StatePreOpen and StateAuction collect orders (no market, IOC and FOK orders);
// the uncross comes when an auction is left for trading or closed, and whenever
// trading begins with a crossed book. In it the bid is reported as maker, and
// self-trade prevention does not apply. StateHalt lets orders be taken out or
// made smaller, StateClosed nothing. Checks come in this order: state, id,
// quantity (min, limit, lot), price (limit, tick, band), the other side.
//
// # The structure
//
//	ladder of a side            levels (32 bytes)      orders (32 bytes)
//	 root ── node ─┬─ node ─┬─ price total head tail ── order ⇄ order ⇄ order
//	 best level    │        └─ …
//	               └─ level (alone in its part of the ladder)
//
// Orders and levels live in slabs and are linked by int32 indices. A ladder is
// a 64-ary radix tree over prices with skipped (path-compressed) stretches: a
// node is a bitmap and 64 children, the next best price is one trailing-zero
// count a node, and prices whose levels lie within 4,096 ticks need two nodes.
// The best level is cached, an order knows its level, and a table of up to 2,048
// hints (hint.go) leads from the low bits of a price straight to its level, so
// that only a new level and the end of one walk the tree. Rare orders (iceberg,
// hidden, stops) keep what they need beside the slab, and a book in which a rare
// rule is in force takes another way (odd.go): the fast ways ask one flag.
//
// Weighed against it: an array of levels by tick, windowed around the touch,
// with an overflow for far prices. It needs recentring, a second structure for
// far prices and two sets of bitmaps for crossed books, and costs its window for
// an almost empty book. The hints give its one access in the window and are a
// cache that may be wrong; any int64 price is an ordinary one, and an empty book
// costs 1,000 bytes. Each side has its own tree (with reversed keys on the bid
// side, so that the best is the smallest key on both): auctions and books built
// from messages may be crossed.
//
// Outside ids are in an open-addressing table of 8-byte slots, 32 bits of hash
// and 32 of index, Fibonacci hashing, linear probing and backward-shift
// deletion: a probe touches an order only when 32 bits agree. The table doubles
// at one half; at three quarters near/outside took 47 instead of 37 ns, because
// the length of a probe can no longer be predicted.
//
// # Measured
//
// On 2 virtual cores of an AMD EPYC (Zen 4, Go 1.26) shared with other work, load
// 3 to 5, so that a mean measures the neighbours (45 to 200 ns): ns a command with
// its events in the quietest 50,000 commands, and in brackets in the quietest
// 5,000 of several runs. Memory is after the opening; hints add up to 8 KiB.
//
//	go test -run xxx -bench Workload -benchtime 4x ./orderbook
//	            handles      outside ids   levels  memory (20,000 orders; deep 40,000)
//	near        24.9 (23.1)  34.4 (29.9)   994     0.66 MiB, 1.16 MiB
//	sparse      48.3 (42.3)  54.3 (52.6)   10,812  1.24 MiB, 1.74 MiB
//	deep        24.3 (23.2)  34.2 (32.5)   46      1.23 MiB, 2.23 MiB
//
// A command by itself (near, handles, clock subtracted; -bench Latency), p50,
// p99, p99.9: all 40 321 561, add 30 180 351, cancel 40 361 591, IOC 160 471
// 1362. The public workload flash1 (-bench Flash1): 47.1 (45.6) ns a message,
// report hash equal; seven in ten of its messages make a level or end one. 1, 16,
// 128 and 1,024 books of 2,000 orders (-bench Books -benchtime 1x): 32 60 226 389
// in turn, 27 31 163 385 in bursts of 64: cache misses are the cost. Calmer
// moments gave 188 for 128 and 295 for 1,024 in turn. No allocations.
//
// What did not help: reading the slabs without bounds checks (1 ns), GOAMD64=v3
// (0), copying prepared events. What did: events field by field (6 ns), their last
// five fields in one store and no variables saved around calls (3 together), the
// shift of a node in the reference to it (2), no calls on the way of an order that
// rests (3), hints and the fields of Book in order of use (2).
package orderbook
