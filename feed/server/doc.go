// Package server is the fasthttp face of the feed: it accepts, checks and
// upgrades connections and hands them to the shards; it answers the REST
// routes, serves the page, and has a listener of its own for those who
// operate it.
//
// What the two libraries beneath do that one must know, and where it is mended
// here (RELIABILITY.md section 1): hijacked connections are kept
// (Server.KeepHijackedConns), since a recycled wrapper would write into
// another client's socket; the listener survives running out of descriptors
// and counts connections itself, because fasthttp neither counts hijacked
// ones nor sees them at Shutdown; a handshake is checked before the upgrader
// sees it, because the library accepts bad keys, two keys and HTTP/1.0 and
// loses headers in its refusals; compression is never negotiated; raw requests
// are never logged. After the upgrade the library's connection is not used
// again: feed has its own frame reader.
//
// # Limits
//
// A listener counts its connections, and refuses with 503 and Retry-After what
// is over a cap: all of them, those of one address (of one /64 of IPv6, which
// is one customer), and those that one address begins in a second. Loopback has
// only the first of these, for that is where proxies and benchmarks are. A
// connection keeps its place until its descriptor is closed, whoever has it by
// then. A request has 5 s to arrive, counted from its first byte, and an answer
// 10 s to leave. Weighed and not done: to wait for the request of a connection
// that is refused. It would hold what there is too little of.
//
// REST requests that are work have a bucket for each address, 20 a second, and
// loopback is no exception: a request costs the server the same wherever it
// comes from, and what is asked from this machine at such a rate is a loop that
// should be a subscription. A server whose proxy is here takes all limits from
// addresses. What a session may send, feed bounds.
//
// # TLS
//
// With a certificate the listener of clients speaks TLS 1.2 or later, and
// nothing else: one port, one protocol. fasthttp shakes hands in the goroutine
// that serves the connection, so Accept waits for nobody, and under its
// ReadTimeout: 5 s. Its ALPN is http/1.1. Such a connection has no descriptor
// that a shard could take; its session keeps it, with two goroutines. Who is
// over a limit gets his 503 within TLS too, as long as no more than 16 are told
// so at once: beyond, a handshake is more than a refusal is worth. The listener
// of operators stays plain.
//
// # Without a WebSocket
//
// Event streams, polls and snapshots read by position (feed.Reader): one number
// resumes any set of streams. An event stream is hijacked, because WriteTimeout
// bounds the whole of an answer and SetBodyStreamWriter cannot lift it; its
// body ends with the connection. It has two goroutines, one of which reads, so
// that a client that goes is noticed without a write. A poll waits in the
// goroutine that fasthttp has for every connection; while it waits its
// connection is read ahead, and what came is read again in its turn.
//
// Readers are woken by every publication and read at most every 5 ms, slower
// with more than 100 of them. States are encoded once for all; events are
// encoded again for each reader, up to what it is sent at once. That is the
// price of keeping nothing for a client but its position: a fallback, not the
// way to serve thousands.
//
// # What is told
//
// A session has a line in the log when it begins and one when it ends, with its
// name and its code; never a query string, and at most 128 bytes of what a client sent.
// Metrics count what shards and hub count anyway, when they are scraped; no
// label depends on what a client may choose. What concerns one session or one
// stream is not a metric: /connz and /slowz list sessions, those that lag most
// first, and /subsz streams by their sessions. Shards copy that in small pieces,
// one a round.
//
// The listener of operators is meant for a private address. What changes
// something there is refused to pages of other origins, because a browser on
// the operator's machine reaches private addresses too.
//
// # Shutdown
//
// Readiness goes first, so that balancers look elsewhere; sessions get a
// notice, then a close frame in their turn; handshakes are refused meanwhile;
// then the listeners are closed, and at the end of the context whatever is
// left. A Server that was shut down serves no listener any more, however late
// Serve is called.
//
// A Server is safe for concurrent use. It owns its listeners, not the hub and
// not the shards, but Shutdown ends those too.
package server
