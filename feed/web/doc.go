// Package web holds the page that a feed server shows at "/": a watchlist, the
// depth and the trades of a simulated market, live over the WebSocket of
// PROTOCOL.md. The files are embedded, so that one binary is all there is to
// install.
//
// The page is plain HTML, CSS and one JavaScript module, without a build step
// or anything from another host: it works on a machine without a network, and
// under a content security policy (ContentSecurityPolicy) that allows nothing
// inline. What the feed sends is put into the page as text only.
//
// Alternatives weighed: a framework would need a build and its updates for
// three tables; polling would not show what the feed is for.
package web
