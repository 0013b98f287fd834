// Package bench measures a feed: it connects a population of WebSocket clients,
// has the server publish ticks on a schedule, and reports what arrived, how
// late, and what the server spent on it.
//
// # Method
//
// Open loop. The server's load source stamps each tick with the instant for
// which it was scheduled (ts) and publishes at that pace whatever the clients
// do; latency counts from that stamp to the receipt of the bytes. A publisher
// or a server that stalls therefore shows in the percentiles with every tick
// that it made late, including those that arrive after the measured window:
// there is no coordinated omission.
//
// Everything is summed. The server counts what it published; from that and the
// subscriptions follows how many deliveries there had to be, because the ticks
// go round the symbols in order from the first. Deliveries are counted on every
// connection, and on some (Config.Audit) every stream's sequence is checked
// number by number. How much of the schedule the server kept is reported too:
// a run without loss that fell behind has not kept up.
//
// Warm-up and measurement are apart: the warm-up runs at the same rate, ends,
// and drains; then the counters begin at zero. So expected and delivered belong
// to exactly the same ticks.
//
// Server CPU is the user and system time of its process over the window,
// divided by the deliveries in it. Memory of a connection is the growth of the
// server's resident set by connecting and subscribing, divided by the
// connections. What cannot be known (another machine's process, systems
// without /proc) is reported as unknown and never as zero.
//
// The generator costs as little as it can, because it shares the machine: on
// Linux one thread reads all sockets through epoll and cuts frames in one
// buffer, without an allocation a message; elsewhere each connection has a
// goroutine. Its own load is reported, and above 80 % it is the bottleneck.
//
// # Concurrency
//
// Run may be called by one goroutine at a time for one server. It returns when
// everything that it started has ended.
package bench
