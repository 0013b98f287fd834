package server

import (
	"fmt"
	"io/fs"
	"mime"
	"path"
	"strings"

	"github.com/valyala/fasthttp"

	"tickcast/wire"
)

// route answers the main listener.
func (s *Server) route(ctx *fasthttp.RequestCtx) {
	p := string(ctx.Path())
	name := strings.TrimPrefix(p, "/v1/")
	switch p {
	case "/v1/stream":
		s.stream(ctx)
	case "/v1/sse":
		s.get(ctx, s.sse)
	case "/v1/poll":
		s.get(ctx, s.poll)
	case "/v1/snapshot":
		s.get(ctx, s.limited(s.snapshot))
	case "/v1/trades":
		s.get(ctx, s.limited(s.trades))
	case "/v1/candles":
		s.get(ctx, s.limited(s.candles))
	case "/v1/symbols":
		s.get(ctx, s.limited(s.symbols))
	case "/livez", "/readyz":
		name = "health"
		s.health(ctx, p)
	default:
		name = "page"
		s.asset(ctx, p)
	}
	s.metrics.requested(name, ctx.Response.StatusCode())
}

// get serves a REST route: GET, HEAD, and the preflight of other origins. It is
// what all of them have in common.
func (s *Server) get(ctx *fasthttp.RequestCtx, handler fasthttp.RequestHandler) {
	h := &ctx.Response.Header
	h.Add(fasthttp.HeaderVary, fasthttp.HeaderOrigin)
	h.Set(fasthttp.HeaderCacheControl, "no-store")
	if origin := ctx.Request.Header.Peek(fasthttp.HeaderOrigin); len(origin) > 0 && s.originAllowed(ctx) {
		h.SetBytesV(fasthttp.HeaderAccessControlAllowOrigin, origin)
	}
	switch {
	case ctx.IsOptions():
		h.Set(fasthttp.HeaderAccessControlAllowMethods, "GET, HEAD, OPTIONS")
		h.Set(fasthttp.HeaderAccessControlAllowHeaders, headerLastEventID)
		h.Set(fasthttp.HeaderAccessControlMaxAge, "600")
		ctx.SetStatusCode(fasthttp.StatusNoContent)
	case ctx.IsGet() || ctx.IsHead():
		handler(ctx)
	default:
		s.refuseMethod(ctx, string(wire.CodeBadRequest), "GET, HEAD, OPTIONS")
	}
}

// refuse answers with a coded error.
func (s *Server) refuse(ctx *fasthttp.RequestCtx, r *refused) {
	ctx.SetStatusCode(r.status)
	ctx.SetContentType("application/json")
	b := wire.AppendString([]byte(`{"error":{"code":`), r.code)
	b = append(b, `,"message":`...)
	b = wire.AppendString(b, r.message)
	ctx.SetBody(append(b, "}}\n"...))
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	s.metrics.refused(r.status)
}

// refuseMethod answers a method that is not in allow.
func (s *Server) refuseMethod(ctx *fasthttp.RequestCtx, code, allow string) {
	ctx.Response.Header.Set(fasthttp.HeaderAllow, allow)
	s.refuse(ctx, &refused{fasthttp.StatusMethodNotAllowed, code, "methods that are served here: " + allow})
}

// health answers liveness and readiness: a server that drains is not ready.
func (s *Server) health(ctx *fasthttp.RequestCtx, p string) {
	ctx.SetContentType("text/plain; charset=utf-8")
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	if p == "/readyz" && s.draining.Load() {
		ctx.SetStatusCode(fasthttp.StatusServiceUnavailable)
		ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retrySeconds)
		ctx.SetBodyString("draining\n")
		return
	}
	ctx.SetBodyString("ok\n")
}

// asset is a file of the page.
type asset struct {
	kind string
	body []byte
}

// contentType is that of a file's ending. What the page is made of does not
// depend on the tables of the machine.
func contentType(ending string) string {
	switch ending {
	case ".html":
		return "text/html; charset=utf-8"
	case ".js":
		return "text/javascript; charset=utf-8"
	case ".css":
		return "text/css; charset=utf-8"
	}
	if kind := mime.TypeByExtension(ending); kind != "" {
		return kind
	}
	return "application/octet-stream"
}

func loadPage(web fs.FS) (map[string]asset, error) {
	page := make(map[string]asset)
	if web == nil {
		return page, nil
	}
	err := fs.WalkDir(web, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		body, err := fs.ReadFile(web, name)
		if err != nil {
			return fmt.Errorf("read %s: %w", name, err)
		}
		a := asset{kind: contentType(path.Ext(name)), body: body}
		page["/"+name] = a
		if name == "index.html" {
			page["/"] = a
		}
		return nil
	})
	if err != nil {
		return nil, fmt.Errorf("load page: %w", err)
	}
	return page, nil
}

// asset serves a file of the page.
func (s *Server) asset(ctx *fasthttp.RequestCtx, p string) {
	a, ok := s.page[p]
	if !ok {
		s.refuse(ctx, &refused{fasthttp.StatusNotFound, "not_found", "no such route"})
		return
	}
	if !ctx.IsGet() && !ctx.IsHead() {
		s.refuseMethod(ctx, string(wire.CodeBadRequest), "GET, HEAD")
		return
	}
	h := &ctx.Response.Header
	h.Set(fasthttp.HeaderContentSecurityPolicy, s.cfg.Policy)
	h.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	h.Set(fasthttp.HeaderReferrerPolicy, "no-referrer")
	h.Set(fasthttp.HeaderCacheControl, "no-cache")
	ctx.SetContentType(a.kind)
	ctx.SetBody(a.body)
}
