// Package torture holds a server to its promises while everything goes wrong
// that clients and operators can do to it: clients that freeze, that read 8 KB/s,
// that come and go and resume; kill -9 under a thousand clients; SIGTERM under
// load.
//
// # Method
//
// Every client is strict: it follows each of its streams number by number, and
// what PROTOCOL.md does not allow is a Violation. So a run is not a sample: of
// a hundred thousand deliveries a second each one is checked,
//
//   - that its number is the next one of its stream, or that a gap (events) or
//     a conflated count (states) announced exactly what is missing;
//   - that a book with the delta applied has the checksum that the server
//     gives, is not crossed, and that its update number is the next one;
//   - that it holds the bytes that every other client got for that number, live
//     or replayed;
//   - that its stream was asked for;
//   - that a resume within history is recovered, with the missing frames and
//     no others, and that one with a cursor of another epoch is not;
//   - that a heartbeat names no number that the client has not got.
//
// At the end the load stops, everybody reads, and all books and numbers must be
// those of a client that begins then. What can be known of the server from
// outside is held to its promises too: memory, goroutines and descriptors
// return to base, every connection that ended is counted and logged, nothing
// panicked. The invariants I1 to I8 of a Rule are these promises in short.
//
// # Cost
//
// Server and clients share the machine, so the clients are one thread: all
// sockets are raw descriptors in one epoll, frames are cut and parsed in one
// buffer by hand, and books are sorted slices of integers. It needs Linux.
//
// # Concurrency
//
// The clients and all that they know belong to the goroutine of the crowd;
// the scenario, in the goroutine of Run, has functions run there. Run may be
// called by several goroutines for different servers. It returns when
// everything that it started has ended.
package torture
