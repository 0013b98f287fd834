package server

import (
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"

	"tickcast/wire"
)

// Bounds of what the benchmark's source may be asked.
const (
	loadRateMax = 1e8
	stallMax    = 10 * time.Second
)

// routeAdmin answers the operators' listener.
func (s *Server) routeAdmin() fasthttp.RequestHandler {
	metrics := fasthttpadaptor.NewFastHTTPHandler(promhttp.HandlerFor(s.registry, promhttp.HandlerOpts{}))
	return func(ctx *fasthttp.RequestCtx) {
		switch p := string(ctx.Path()); {
		case p == "/metrics":
			metrics(ctx)
		case p == "/livez" || p == "/readyz":
			s.health(ctx, p)
		case p == "/connz":
			s.operate(ctx, s.connections, "GET, HEAD")
		case p == "/slowz":
			s.operate(ctx, s.slow, "GET, HEAD")
		case p == "/subsz":
			s.operate(ctx, s.subscriptions, "GET, HEAD")
		case p == "/v1/load" && s.cfg.Load != nil:
			s.operate(ctx, s.load, "GET, POST")
		case p == "/v1/stall" && s.cfg.Stall != nil:
			s.operate(ctx, s.stall, "POST")
		case s.cfg.Profiling && strings.HasPrefix(p, "/debug/pprof/"):
			pprofhandler.PprofHandler(ctx)
		default:
			s.refuse(ctx, &refused{fasthttp.StatusNotFound, "not_found", "no such route"})
		}
	}
}

// operate serves a route that changes or tells something, to the methods in
// allow: not to a page of another origin that an operator's browser shows.
func (s *Server) operate(ctx *fasthttp.RequestCtx, handler fasthttp.RequestHandler, allow string) {
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	switch {
	case !slices.Contains(strings.Split(allow, ", "), string(ctx.Method())):
		s.refuseMethod(ctx, string(wire.CodeBadRequest), allow)
	case !s.originAllowed(ctx) || string(ctx.Request.Header.Peek("Sec-Fetch-Site")) == "cross-site":
		s.refuse(ctx, &refused{fasthttp.StatusForbidden, string(wire.CodeNotAuthorized), "this origin is not allowed"})
	default:
		handler(ctx)
	}
}

// load sets the rate of the benchmark's source, in ticks/s over all symbols.
func (s *Server) load(ctx *fasthttp.RequestCtx) {
	text := string(ctx.QueryArgs().Peek("rate"))
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > loadRateMax {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), "rate: want a number of ticks/s, 0 to 1e8"})
		return
	}
	published := s.cfg.Load(rate)
	ctx.SetContentType("application/json")
	b := append([]byte(`{"rate":`), strconv.FormatFloat(rate, 'f', -1, 64)...)
	b = append(b, `,"published":`...)
	b = strconv.AppendInt(b, published, 10)
	ctx.SetBody(append(b, "}\n"...))
}

// stall holds the benchmark's source, so that benchmarks can be tested.
func (s *Server) stall(ctx *fasthttp.RequestCtx) {
	ms, err := strconv.Atoi(string(ctx.QueryArgs().Peek("ms")))
	if err != nil || ms < 0 || ms > int(stallMax/time.Millisecond) {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), "ms: want 0 to 10000"})
		return
	}
	s.cfg.Stall(time.Duration(ms) * time.Millisecond)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"stalled_ms":` + strconv.Itoa(ms) + "}\n")
}
