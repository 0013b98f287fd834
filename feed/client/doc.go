// Package client speaks tickcast's native protocol from the other end: it
// dials a feed, subscribes, and hands over frames.
//
// A Conn is one WebSocket connection. Dial returns it with the server's Hello
// already read; Next blocks for the next frame and is to be called by one
// goroutine at a time; everything else may be called from any goroutine, also
// while Next blocks. A Conn starts no goroutines. It answers pings by itself,
// within Next: a caller that stops calling Next is taken for dead by the
// server in the end, as it should be.
//
// A data frame costs no allocation: its numbers are scanned out of the bytes,
// its stream's name is one shared string, and Raw is a view into the read
// buffer that holds until the next call of Next. What a frame says beyond that
// is for the caller to decode from Raw; control frames have types for it
// (Subscribed, Gap, Conflated, Notice, Fault).
//
// Reconnecting is the caller's decision, because only the caller knows which
// streams matter: a CloseError says whether coming back makes sense, and
// Subscribe takes the cursors to resume from.
//
// # Why not the WebSocket library's reader
//
// fasthttp/websocket dials, masks and writes. Its reader allocates once a
// message and does not show where a read of the socket ends; CutFrame does
// neither, and the load generator (package bench) cuts its frames with the
// same function.
package client
