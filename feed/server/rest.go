package server

import (
	"fmt"
	"math"
	"strconv"
	"strings"

	"github.com/valyala/fasthttp"

	"tickcast/feed"
	"tickcast/wire"
)

// symbols lists what can be subscribed, the busiest first.
func (s *Server) symbols(ctx *fasthttp.RequestCtx) {
	b := []byte(`{"symbols":[`)
	for i, in := range s.hub.Instruments() {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, `{"symbol":`...)
		b = wire.AppendString(b, string(in.Symbol))
		b = append(b, `,"base":`...)
		b = wire.AppendString(b, in.Base)
		b = append(b, `,"quote":`...)
		b = wire.AppendString(b, in.Quote)
		b = append(b, `,"tick":"`...)
		b = wire.AppendDecimal(b, int64(in.Tick), in.PriceScale)
		b = append(b, `","lot":"`...)
		b = wire.AppendDecimal(b, int64(in.Lot), in.QtyScale)
		b = append(b, `","state":"`...)
		b = append(b, s.hub.State(i).String()...)
		b = append(b, `"}`...)
	}
	answerJSON(ctx, append(b, "]}\n"...))
}

// snapshot answers last values and snapshots.
func (s *Server) snapshot(ctx *fasthttp.RequestCtx) {
	q, bad := parseReading(ctx.QueryArgs())
	if bad != nil {
		s.refuse(ctx, bad)
		return
	}
	r, errs := s.hub.NewReader(wire.JSON, q.streams)
	if len(errs) > 0 {
		s.refuseStream(ctx, &errs[0])
		return
	}
	defer r.Close()
	answerReading(ctx, r.Read(q.limit, readBytesMax, s.shards.Now()))
}

// trades answers a symbol's executions that history holds.
func (s *Server) trades(ctx *fasthttp.RequestCtx) {
	q := feed.TradesQuery{Limit: limitDefault, Latest: true}
	var bad *refused
	for key, value := range ctx.QueryArgs().All() {
		switch string(key) {
		case "symbol":
			q.Symbol = string(value)
		case "limit":
			bad = parseCount(&q.Limit, "limit", string(value), 1, limitMax)
		case "since":
			q.Latest = false
			bad = s.parseTradesSince(&q, string(value))
		}
		if bad != nil {
			s.refuse(ctx, bad)
			return
		}
	}
	if s.refuseSymbol(ctx, q.Symbol) {
		return
	}
	frames, _ := s.hub.Trades(q, wire.JSON)
	answerFrames(ctx, frames)
}

// parseTradesSince reads a cursor `epoch:seq`, or a time in microseconds. A
// cursor of another epoch says nothing here: all that is kept is newer.
func (s *Server) parseTradesSince(q *feed.TradesQuery, value string) *refused {
	if !strings.Contains(value, ":") {
		return parseMicros(&q.From, "since", value)
	}
	epoch, seq, ok := wire.ParseCursor([]byte(value))
	if !ok {
		return badRequest("since %.64q; want epoch:seq or microseconds", value)
	}
	if string(epoch) == s.hub.Epoch() {
		q.After = seq
	}
	return nil
}

// parseMicros reads a time in microseconds as ns.
func parseMicros(ns *int64, key, value string) *refused {
	us, err := strconv.ParseInt(value, 10, 64)
	if err != nil || us < 0 || us > math.MaxInt64/1000 {
		return badRequest("%s %.64q; want microseconds since 1970", key, value)
	}
	*ns = us * 1000
	return nil
}

// candles answers a symbol's candles of an interval.
func (s *Server) candles(ctx *fasthttp.RequestCtx) {
	q := feed.CandlesQuery{Interval: "1m", Limit: limitDefault}
	var bad *refused
	for key, value := range ctx.QueryArgs().All() {
		switch string(key) {
		case "symbol":
			q.Symbol = string(value)
		case "interval":
			q.Interval = string(value)
		case "from":
			bad = parseMicros(&q.From, "from", string(value))
		case "to":
			bad = parseMicros(&q.To, "to", string(value))
		case "limit":
			bad = parseCount(&q.Limit, "limit", string(value), 1, limitMax)
		}
		if bad != nil {
			s.refuse(ctx, bad)
			return
		}
	}
	if q.To != 0 && q.From > q.To {
		s.refuse(ctx, badRequest("from is after to"))
		return
	}
	if s.refuseSymbol(ctx, q.Symbol) {
		return
	}
	frames, unknown := s.hub.Candles(q, wire.JSON)
	if unknown != "" {
		s.refuse(ctx, badRequest("interval %.32q; want 1s, 1m, 5m, 15m, 1h or 1d", q.Interval))
		return
	}
	answerFrames(ctx, frames)
}

// refuseSymbol answers a symbol that is none, and reports that.
func (s *Server) refuseSymbol(ctx *fasthttp.RequestCtx, symbol string) bool {
	if symbol == "" {
		s.refuse(ctx, badRequest("symbol: one is needed"))
		return true
	}
	near, listed := s.hub.Listed(symbol)
	if !listed {
		s.refuseStream(ctx, &wire.StreamError{
			Stream: []byte(symbol[:min(len(symbol), wire.StreamBytesMax)]), Code: wire.CodeUnknownSymbol,
			Message: fmt.Sprintf("no symbol %.32q", symbol), Near: near,
		})
	}
	return !listed
}
