package server

import (
	"encoding/json"
	"fmt"
	"math"
	"strconv"
	"time"

	"github.com/valyala/fasthttp"

	"tickcast/feed"
	"tickcast/wire"
)

// Bounds of what an operator sees at once.
const (
	listedDefault  = 1000
	listedMax      = 1 << 16
	slowAgeDefault = time.Second // of /slowz: what feed counts as slow
)

// connection is a session in /connz and /slowz.
type connection struct {
	Conn        string `json:"conn"` // as in its hello and in the log
	Remote      string `json:"remote"`
	Transport   string `json:"transport"`
	TLS         bool   `json:"tls"`
	Since       string `json:"since"`
	Entries     int    `json:"entries"`
	Streams     int    `json:"streams"` // that the entries match
	UnsentBytes int    `json:"unsent_bytes"`
	UnsentAgeMS int64  `json:"unsent_age_ms"` // of the oldest
	Skipped     uint64 `json:"skipped"`       // event frames announced in gaps
	Conflated   uint64 `json:"conflated"`     // state frames replaced by newer ones
	BytesIn     uint64 `json:"bytes_in"`
	BytesOut    uint64 `json:"bytes_out"`
	Closing     bool   `json:"closing,omitempty"`
}

// connections answers /connz: the sessions, those that lag most first.
func (s *Server) connections(ctx *fasthttp.RequestCtx) { s.listConnections(ctx, -1) }

// slow answers /slowz: the sessions whose oldest unsent byte is older than
// age_ms, a second if it is left out.
func (s *Server) slow(ctx *fasthttp.RequestCtx) {
	millis, err := argument(ctx, "age_ms", int(slowAgeDefault/time.Millisecond), 0, math.MaxInt32)
	if err != nil {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), err.Error()})
		return
	}
	s.listConnections(ctx, int64(millis)*1e6)
}

// listConnections lists the sessions that lag more than a time.
func (s *Server) listConnections(ctx *fasthttp.RequestCtx, lagNanos int64) {
	limit, err := argument(ctx, "limit", listedDefault, 0, listedMax)
	if err != nil {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), err.Error()})
		return
	}
	sessions := s.shards.Sessions()
	list := make([]connection, 0, min(limit, len(sessions)))
	matched := 0
	for i := range sessions {
		if sessions[i].UnsentAge <= lagNanos {
			break // they are sorted by it
		}
		if matched++; matched <= limit {
			list = append(list, describeSession(&sessions[i]))
		}
	}
	s.list(ctx, struct {
		Sessions    int          `json:"sessions"`
		Matched     int          `json:"matched"`
		Connections []connection `json:"connections"`
	}{len(sessions), matched, list})
}

func describeSession(i *feed.SessionInfo) connection {
	return connection{
		Conn: i.Conn, Remote: i.Remote, Transport: transportName, TLS: i.TLS,
		Since:   time.Unix(0, i.Since).UTC().Format("2006-01-02T15:04:05.000Z07:00"),
		Entries: i.Entries, Streams: i.Streams, UnsentBytes: i.UnsentBytes, UnsentAgeMS: i.UnsentAge / 1e6,
		Skipped: i.Skipped, Conflated: i.Conflated, BytesIn: i.BytesIn, BytesOut: i.BytesOut, Closing: i.Closing,
	}
}

// subscription is a stream in /subsz.
type subscription struct {
	Stream   string `json:"stream"`
	Sessions int    `json:"sessions"`
}

// subscriptions answers /subsz: the streams that somebody hears, those with
// the most sessions first.
func (s *Server) subscriptions(ctx *fasthttp.RequestCtx) {
	limit, err := argument(ctx, "limit", listedDefault, 0, listedMax)
	if err != nil {
		s.refuse(ctx, &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), err.Error()})
		return
	}
	watched := s.shards.Watched()
	list := make([]subscription, 0, min(limit, len(watched)))
	for _, w := range watched[:min(limit, len(watched))] {
		list = append(list, subscription(w))
	}
	s.list(ctx, struct {
		Streams       int            `json:"streams"`
		Subscriptions []subscription `json:"subscriptions"`
	}{len(watched), list})
}

// list answers with v in JSON.
func (s *Server) list(ctx *fasthttp.RequestCtx, v any) {
	b, err := json.Marshal(v)
	if err != nil {
		panic("server: a list is no JSON: " + err.Error())
	}
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderCacheControl, "no-store")
	ctx.SetBody(append(b, '\n'))
}

// argument reads a number of the query.
func argument(ctx *fasthttp.RequestCtx, name string, otherwise, least, most int) (int, error) {
	text := ctx.QueryArgs().Peek(name)
	if text == nil {
		return otherwise, nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < least || n > most {
		return 0, fmt.Errorf("%s %.32q; want %d to %d", name, text, least, most)
	}
	return n, nil
}
