// Package wire is the ground of tickcast: the words of the domain and every
// byte layout.
//
// The words are Symbol, Price, Qty, Instrument, Side, Event, Batch, Channel,
// Rate, StreamID and Entry. The layouts are the dialects in which a frame is
// written (JSON today), the control messages of PROTOCOL.md, and the WebSocket
// frame of RFC 6455.
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
// Times are int64 nanoseconds: market times since the session's start, wall
// times since the Unix epoch.
package wire
