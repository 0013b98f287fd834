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
// A Server is safe for concurrent use. It owns its listeners, not the hub and
// not the shards.
package server
