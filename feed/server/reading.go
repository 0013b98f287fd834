package server

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/valyala/fasthttp"

	"tickcast/feed"
	"tickcast/wire"
)

// Bounds of what one HTTP answer carries.
const (
	limitDefault   = 1000
	limitMax       = 10_000
	readBytesMax   = 1 << 20 // of an answer; what belongs together may be more
	sinceMax       = 1024    // streams of since, as many as a connection may have entries
	cursorBytesMax = 64      // of the longest cursor that was ever given out, and more

	// answerBytesPerSecond is what a client has to take of a large answer, the
	// snapshots of many books say, beyond what writeTimeout is for.
	answerBytesPerSecond = 64 << 10
)

// readQuery is what a client wants to read: the query of the routes that read by
// position.
type readQuery struct {
	streams []string
	cursor  string
	since   []since
	limit   int
	wait    time.Duration
}

// since is where a client stopped reading a stream.
type since struct {
	epoch, stream string
	seq           uint64
}

// resumes reports whether the client has read before.
func (q *readQuery) resumes() bool { return q.cursor != "" || len(q.since) > 0 }

// badRequest is the answer to a parameter that is not what it should be.
func badRequest(format string, args ...any) *refused {
	return &refused{fasthttp.StatusBadRequest, string(wire.CodeBadRequest), fmt.Sprintf(format, args...)}
}

// parseReading reads the query. Unknown parameters are ignored, unsupported
// values are not.
func parseReading(args *fasthttp.Args) (*readQuery, *refused) {
	q := &readQuery{limit: limitDefault, wait: waitDefault}
	for key, value := range args.All() {
		if bad := q.parse(string(key), string(value)); bad != nil {
			return nil, bad
		}
	}
	if len(q.streams) == 0 {
		return nil, badRequest("streams: at least one name is needed")
	}
	return q, nil
}

func (q *readQuery) parse(key, value string) *refused {
	switch key {
	case "streams":
		return q.parseStreams(value)
	case "cursor", "lastEventId":
		q.cursor = value
	case "since":
		return q.parseSince(value)
	case "limit":
		return parseCount(&q.limit, key, value, 1, limitMax)
	case "wait":
		seconds := 0
		bad := parseCount(&seconds, key, value, 0, int(waitMax/time.Second))
		q.wait = time.Duration(seconds) * time.Second
		return bad
	case "format":
		if _, ok := wire.ParseDialect(value); !ok {
			return badRequest("format %.32q is not supported; want json", value)
		}
	}
	return nil
}

// parseStreams adds names of the URL, within the bounds of those in a message.
func (q *readQuery) parseStreams(list string) *refused {
	for name := range strings.SplitSeq(list, ",") {
		switch {
		case len(name) > wire.StreamBytesMax:
			return badRequest("streams: a name has at most %d bytes", wire.StreamBytesMax)
		case len(q.streams) == wire.RequestStreamsMax:
			return &refused{fasthttp.StatusBadRequest, string(wire.CodeLimitStreams), errStreamCount.Error()}
		}
		q.streams = append(q.streams, name)
	}
	return nil
}

// parseSince reads `epoch:stream=seq,stream=seq`.
func (q *readQuery) parseSince(value string) *refused {
	if value == "" {
		return nil
	}
	epoch, list, _ := strings.Cut(value, ":")
	for item := range strings.SplitSeq(list, ",") {
		stream, number, _ := strings.Cut(item, "=")
		seq, err := strconv.ParseUint(number, 10, 64)
		if err != nil || stream == "" || epoch == "" || len(epoch) > wire.EpochBytesMax {
			return badRequest("since %.64q; want epoch:stream=seq,stream=seq", value)
		}
		if len(q.since) == sinceMax {
			return badRequest("since: more than %d streams", sinceMax)
		}
		q.since = append(q.since, since{epoch, stream, seq})
	}
	return nil
}

// parseCount reads a number from least to most.
func parseCount(n *int, key, value string, least, most int) *refused {
	v, err := strconv.Atoi(value)
	if err != nil || v < least || v > most {
		return badRequest("%s %.32q; want %d to %d", key, value, least, most)
	}
	*n = v
	return nil
}

// reader returns a reader of what the request asks for, or answers what is
// wrong with it and returns nil. A wrong name spoils the whole request: there
// is no acknowledgement that could tell it from the right ones.
func (s *Server) reader(ctx *fasthttp.RequestCtx) (*feed.Reader, *readQuery) {
	q, bad := parseReading(ctx.QueryArgs())
	if bad != nil {
		s.refuse(ctx, bad)
		return nil, nil
	}
	// An EventSource that comes back repeats its URL, so the header is newer.
	if id := ctx.Request.Header.Peek(headerLastEventID); len(id) > 0 {
		q.cursor = string(id)
	}
	if len(q.cursor) > cursorBytesMax {
		q.cursor = q.cursor[:cursorBytesMax] // no cursor either
	}
	r, errs := s.hub.NewReader(wire.JSON, q.streams)
	if len(errs) > 0 {
		s.refuseStream(ctx, &errs[0])
		return nil, nil
	}
	for _, w := range q.since {
		r.Since(w.epoch, w.stream, w.seq)
	}
	if q.cursor != "" {
		r.Resume(q.cursor)
	}
	return r, q
}

const headerLastEventID = "Last-Event-ID"

// refuseStream answers what is wrong with a name: 404 if there is no such
// thing.
func (s *Server) refuseStream(ctx *fasthttp.RequestCtx, e *wire.StreamError) {
	status := fasthttp.StatusBadRequest
	if e.Code == wire.CodeUnknownSymbol || e.Code == wire.CodeUnknownChannel {
		status = fasthttp.StatusNotFound
	}
	s.refuse(ctx, &refused{status, string(e.Code), e.Message})
	b := wire.AppendString([]byte(`{"error":{"code":`), string(e.Code))
	b = append(b, `,"message":`...)
	b = wire.AppendString(b, e.Message)
	b = append(b, `,"stream":`...)
	b = wire.AppendString(b, string(e.Stream))
	if e.Near != nil {
		b = append(b, `,"near":[`...)
		for i, symbol := range e.Near {
			if i > 0 {
				b = append(b, ',')
			}
			b = wire.AppendString(b, symbol)
		}
		b = append(b, ']')
	}
	ctx.SetBody(append(b, "}}\n"...))
}

// answerReading answers frames, as they are, and the cursor behind them.
func answerReading(ctx *fasthttp.RequestCtx, out *feed.Reading) {
	b := []byte(`{"frames":[`)
	for i := range out.Frames {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, out.Frames[i].Payload...)
	}
	b = append(b, `],"cursor":`...)
	b = wire.AppendString(b, out.Cursor)
	answerJSON(ctx, append(b, "}\n"...))
}

// answerFrames answers frames without a cursor.
func answerFrames(ctx *fasthttp.RequestCtx, frames [][]byte) {
	b := []byte(`{"frames":[`)
	for i, f := range frames {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(b, f...)
	}
	answerJSON(ctx, append(b, "]}\n"...))
}

func answerJSON(ctx *fasthttp.RequestCtx, body []byte) {
	ctx.SetContentType("application/json")
	ctx.Response.Header.Set(fasthttp.HeaderXContentTypeOptions, "nosniff")
	ctx.Response.SetBodyRaw(body)
	if len(body) > answerBytesPerSecond {
		late := time.Duration(len(body)) * time.Second / answerBytesPerSecond
		_ = ctx.SetWriteDeadline(time.Now().Add(writeTimeout + late)) // without it the answer has less time
	}
}
