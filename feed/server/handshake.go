package server

import (
	"bytes"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/fasthttp/websocket"
	"github.com/valyala/fasthttp"
)

// refused is an answer to a request that is not served.
type refused struct {
	status  int
	code    string
	message string
}

// checkHandshake refuses what the upgrader would accept or answer wrongly
// (RFC 6455 section 4.2.1, RELIABILITY.md section 3). nil means that the
// request may be upgraded. That there is exactly one Host, fasthttp has seen.
func checkHandshake(ctx *fasthttp.RequestCtx) *refused {
	h := &ctx.Request.Header
	bad := func(message string) *refused { return &refused{fasthttp.StatusBadRequest, "bad_handshake", message} }
	switch {
	case !ctx.IsGet():
		return &refused{fasthttp.StatusMethodNotAllowed, "bad_handshake", "the method of a handshake is GET"}
	case !websocket.FastHTTPIsWebSocketUpgrade(ctx) && !h.ConnectionClose():
		return &refused{fasthttp.StatusUpgradeRequired, "bad_handshake", "this is a WebSocket endpoint"}
	case !h.IsHTTP11():
		return bad("a handshake needs HTTP/1.1")
	case h.ConnectionClose():
		return bad("Connection must not say close")
	case h.ContentLength() > 0 || len(ctx.Request.Body()) > 0 || chunked(h):
		return bad("a handshake has no body")
	case len(h.PeekAll(fasthttp.HeaderOrigin)) > 1:
		return bad("at most one Origin is possible")
	}
	versions := h.PeekAll(fasthttp.HeaderSecWebSocketVersion)
	if len(versions) != 1 || string(versions[0]) != "13" {
		return &refused{fasthttp.StatusUpgradeRequired, "bad_handshake", "Sec-WebSocket-Version must be 13"}
	}
	keys := h.PeekAll(fasthttp.HeaderSecWebSocketKey)
	if len(keys) != 1 || !validKey(keys[0]) {
		return bad("exactly one Sec-WebSocket-Key of 16 bytes is needed")
	}
	return nil
}

// validKey reports whether key is what RFC 6455 section 4.1 asks for: 16 bytes
// in base64, in the one form that encodes them.
func validKey(key []byte) bool {
	var raw [18]byte
	if len(key) != 24 {
		return false
	}
	n, err := base64.StdEncoding.Strict().Decode(raw[:], key)
	return err == nil && n == 16
}

// chunked reports whether a Transfer-Encoding was named. fasthttp has read the
// body by now and forgotten how it came.
func chunked(h *fasthttp.RequestHeader) bool {
	for line := range bytes.Lines(h.RawHeaders()) {
		name, _, _ := bytes.Cut(line, []byte{':'})
		if bytes.EqualFold(name, []byte(fasthttp.HeaderTransferEncoding)) {
			return true
		}
	}
	return false
}

// parseOrigins reads the origins of Config.
func parseOrigins(list []string) (map[string]bool, error) {
	origins := make(map[string]bool)
	for _, o := range list {
		u, err := url.Parse(o)
		if o != "*" && (err != nil || u.Scheme == "" || u.Host == "" || o != u.Scheme+"://"+u.Host) {
			return nil, fmt.Errorf("origin %.64q; want scheme://host[:port], or *", o)
		}
		origins[strings.ToLower(o)] = true // as browsers write them
	}
	return origins, nil
}

// originAllowed reports whether a browser's page may use this server: the
// page's origin is our own, or on the list. Requests without Origin do not
// come from a browser's page.
func (s *Server) originAllowed(ctx *fasthttp.RequestCtx) bool {
	origin := string(ctx.Request.Header.Peek(fasthttp.HeaderOrigin))
	if origin == "" || s.origins["*"] || s.origins[origin] {
		return true
	}
	u, err := url.Parse(origin)
	if err != nil || u.Host == "" {
		return false // null is one
	}
	scheme := "http"
	if ctx.IsTLS() {
		scheme = "https"
	}
	return u.Scheme == scheme && strings.EqualFold(u.Host, string(ctx.Host()))
}
