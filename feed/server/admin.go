package server

import (
	"math"
	"strconv"
	"time"

	"github.com/prometheus/client_golang/prometheus/promhttp"
	"github.com/valyala/fasthttp"
	"github.com/valyala/fasthttp/fasthttpadaptor"
	"github.com/valyala/fasthttp/pprofhandler"
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
		case p == "/v1/load" && s.cfg.Load != nil:
			s.load(ctx)
		case p == "/v1/stall" && s.cfg.Stall != nil:
			s.stall(ctx)
		case s.cfg.Profiling && len(p) >= 12 && p[:12] == "/debug/pprof":
			pprofhandler.PprofHandler(ctx)
		default:
			s.refuse(ctx, &refused{fasthttp.StatusNotFound, "not_found", "no such route"})
		}
	}
}

// load sets the rate of the benchmark's source, in ticks/s over all symbols.
func (s *Server) load(ctx *fasthttp.RequestCtx) {
	text := string(ctx.QueryArgs().Peek("rate"))
	rate, err := strconv.ParseFloat(text, 64)
	if err != nil || math.IsNaN(rate) || rate < 0 || rate > loadRateMax {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, "bad_request", "rate: want a number of ticks/s, 0 to 1e8"})
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
	if !ctx.IsPost() {
		ctx.Response.Header.Set(fasthttp.HeaderAllow, "POST")
		s.refuse(ctx, &refused{fasthttp.StatusMethodNotAllowed, "bad_request", "only POST is served here"})
		return
	}
	ms, err := strconv.Atoi(string(ctx.QueryArgs().Peek("ms")))
	d := time.Duration(ms) * time.Millisecond
	if err != nil || ms < 0 || d > stallMax {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, "bad_request", "ms: want 0 to 10000"})
		return
	}
	s.cfg.Stall(d)
	ctx.SetContentType("application/json")
	ctx.SetBodyString(`{"stalled_ms":` + strconv.Itoa(ms) + "}\n")
}
