// Package wire is the ground of tickcast: the words of the domain and every
// byte layout.
//
// The words are Symbol, Price, Qty, Sum, Instrument, Side, State, Event, Batch,
// Channel, Rate, Slot, StreamID, Entry and Cursor. A stream is a Channel of an
// Instrument at a Rate; a Slot is channel and rate without the instrument. The
// layouts, which PROTOCOL.md shows byte for byte to those who write clients, are
//
//   - data frames: a type for each kind of stream (TradeFrame to StatusFrame),
//     an Encoder for each instrument, a Dialect for each way to write (JSON
//     today), a switch between them;
//   - control messages: Request reads a client's, the Append functions of
//     reply.go and notice.go write the server's;
//   - WebSocket frames (RFC 6455): FrameReader reads a client's,
//     AppendFrameHeader and AppendCloseFrame write the server's.
//
// Everything here is a pure function of its arguments: no goroutines, no
// clock, no logging, no sockets. Append functions append to the caller's
// slice and return it; parsers never panic, whatever the bytes, and never
// keep a reference to their input unless they say so.
//
// # Units
//
// Prices and quantities are integers in minimum increments: a Price p of an
// Instrument i is the decimal number p x 10^-i.PriceScale, a Qty q is
// q x 10^-i.QtyScale. Decimals exist at the edges only (Instrument.ParsePrice
// and its siblings). Alternatives weighed: decimal.Decimal throughout costs
// 173 ns and 7 allocations a conversion and is a famous bug as a map key;
// prices counted in ticks would need a multiplication and the tick at every
// printing, and could not express a price that violates the tick, which the
// book must see to reject it.
//
// Totals are a Sum, 128 bits: where prices and quantities have eight decimals
// each, 0.31 BTC at 25,365 USDT is a product beyond 2^63 already. Alternatives
// weighed: math/big allocates, and a float is not the sum that a client gets
// from the trades.
//
// Times are int64 nanoseconds: market times of a Batch since the session's
// start, those of frames and wall times since the Unix epoch. JSON has
// microseconds, truncated.
//
// # Why by hand
//
// Every frame is encoded once, but on the one path that all events take; every
// byte that a client sends is parsed before anything is known about it.
// encoding/json needs 12 times as long to write a bbo frame and 15 times as long
// to read a subscription, allocates 10 and 20 times, and matches keys without
// regard to case. The WebSocket library checks no UTF-8, does not limit control
// frames and holds 12 kB or more a connection; FrameReader holds 64 bytes.
package wire
