// Package orderbook is the limit order book: a matching engine, and the same
// book built from another book's messages without matching.
//
// A Book belongs to one goroutine: nothing here locks, starts goroutines, reads
// a clock or does I/O. Each command appends what it did to the caller's slice
// of events, as wire.EventKind documents them; that one batch serves L1, L2 and
// L3. In steady state no command allocates. A book holds integers only, in
// slices without pointers, so the garbage collector has nothing to scan.
//
// # Ids
//
// With Config.OutsideIDs the caller chooses ids, from 1 to 2^53-1, and a hash
// index finds them. Without, the book hands out a handle in EventAccepted.ID:
// slot and generation, so that finding an order is an array access and a stale
// handle is unknown instead of somebody else's order.
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
// The best level is cached, and an order knows its level, so that only a new
// order and a level's end walk the tree.
//
// Weighed against it: an array of levels by tick, windowed around the touch,
// with an overflow for far prices. It saves one dependent load in the window,
// but needs recentring, a second structure for far prices and two sets of
// bitmaps for crossed books, and costs its window for an almost empty book. The
// tree's window is wherever the prices are, any int64 price is an ordinary one,
// and an empty book costs under 1 KiB. Each side has its own tree (with
// reversed keys on the bid side, so that the best is the smallest key on both):
// auctions and books built from messages may be crossed.
//
// Outside ids are in an open-addressing table of 8-byte slots, 32 bits of hash
// and 32 of index, Fibonacci hashing, linear probing and backward-shift
// deletion: a probe touches an order only when 32 bits agree.
package orderbook
