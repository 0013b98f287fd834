package wire

// What the server says unasked: hello, heartbeat, gap, conflated, notice.

// Hello is the first message of a connection.
type Hello struct {
	Conn      string // names the connection in logs
	Epoch     string // of the sequences
	TS        int64  // wall time, ns
	Heartbeat int    // seconds, 0 for none
	Limits    Limits
	Formats   []string
	Clock     Clock
	Features  []string
	Server    string // name and version
}

// Limits is what a client may ask for.
type Limits struct {
	Entries           int // of a connection
	RequestStreams    int // names of a request
	MessageBytes      int // of a client's message
	RequestsPerSecond int // in the long run
	RequestsBurst     int // at once
}

// Clock relates market time to wall time: what was due at market time t was
// due at wall time Wall + (t - Market) / Speed.
type Clock struct {
	Base   int64   // market time of the session's start, ns since the epoch
	Speed  float64 // market seconds a second, 0 when paused; not finite: as fast as possible
	Market int64   // ns since the epoch
	Wall   int64   // ns since the epoch
}

// AppendHello appends h.
func AppendHello(dst []byte, h *Hello) []byte {
	dst = appendOp(dst, "hello", nil)
	dst = append(dst, `,"conn":`...)
	dst = appendString(dst, h.Conn)
	dst = append(dst, `,"epoch":`...)
	dst = appendString(dst, h.Epoch)
	dst = append(dst, `,"ts":`...)
	dst = appendMicros(dst, h.TS)
	dst = append(dst, `,"heartbeat":`...)
	dst = appendInt(dst, int64(h.Heartbeat))
	dst = append(dst, `,"limits":`...)
	dst = appendLimits(dst, &h.Limits)
	dst = append(dst, `,"formats":`...)
	dst = appendStrings(dst, h.Formats)
	dst = append(dst, `,"clock":`...)
	dst = appendClock(dst, h.Clock)
	dst = append(dst, `,"faults":[],"features":`...)
	dst = appendStrings(dst, h.Features)
	dst = append(dst, `,"server":`...)
	dst = appendString(dst, h.Server)
	return append(dst, '}')
}

func appendLimits(dst []byte, l *Limits) []byte {
	dst = append(dst, `{"entries":`...)
	dst = appendInt(dst, int64(l.Entries))
	dst = append(dst, `,"request_streams":`...)
	dst = appendInt(dst, int64(l.RequestStreams))
	dst = append(dst, `,"message_bytes":`...)
	dst = appendInt(dst, int64(l.MessageBytes))
	dst = append(dst, `,"requests_per_second":`...)
	dst = appendInt(dst, int64(l.RequestsPerSecond))
	dst = append(dst, `,"requests_burst":`...)
	dst = appendInt(dst, int64(l.RequestsBurst))
	return append(dst, '}')
}

func appendClock(dst []byte, c Clock) []byte {
	dst = append(dst, `{"base":`...)
	dst = appendMicros(dst, c.Base)
	dst = append(dst, `,"speed":`...)
	dst = appendFloat(dst, c.Speed)
	dst = append(dst, `,"market":`...)
	dst = appendMicros(dst, c.Market)
	dst = append(dst, `,"wall":`...)
	dst = appendMicros(dst, c.Wall)
	return append(dst, '}')
}

// AppendHeartbeat opens a heartbeat. ts is the wall time, ns. The streams that
// were quiet since the last one follow, one by one, then AppendHeartbeatEnd.
func AppendHeartbeat(dst []byte, ts int64) []byte {
	dst = append(dst, `{"op":"heartbeat","ts":`...)
	dst = appendMicros(dst, ts)
	return append(dst, `,"cursors":{`...)
}

// AppendHeartbeatCursor adds a quiet stream and the seq of its last frame.
func AppendHeartbeatCursor(dst []byte, first bool, name []byte, seq uint64) []byte {
	dst = appendString(appendComma(dst, first), name)
	return appendUint(append(dst, ':'), seq)
}

// AppendHeartbeatEnd closes a heartbeat.
func AppendHeartbeatEnd(dst []byte) []byte { return append(dst, `}}`...) }

// GapReason says why frames will not come.
type GapReason string

// The reasons of gap and, the first two, of conflated.
const (
	GapSlow     GapReason = "slow"     // the client reads too slowly
	GapOverload GapReason = "overload" // the server is too slow
	GapUpstream GapReason = "upstream" // the source lost them
	GapHistory  GapReason = "history"  // they are too old to be sent again
	GapEpoch    GapReason = "epoch"    // the cursor is of another run, or ahead of this one
)

// AppendGap announces that frames from to to of an event stream will not come.
// from 0: unknown.
func AppendGap(dst, stream []byte, from, to uint64, reason GapReason) []byte {
	dst = append(dst, `{"op":"gap","stream":`...)
	dst = appendString(dst, stream)
	dst = append(dst, `,"from":`...)
	if from == 0 {
		dst = append(dst, "null"...)
	} else {
		dst = appendUint(dst, from)
	}
	dst = append(dst, `,"to":`...)
	dst = appendUint(dst, to)
	return appendReason(dst, reason)
}

// AppendConflated announces that frames of state streams were replaced by newer
// ones.
func AppendConflated(dst []byte, frames, streams uint64, reason GapReason) []byte {
	dst = append(dst, `{"op":"conflated","frames":`...)
	dst = appendUint(dst, frames)
	dst = append(dst, `,"streams":`...)
	dst = appendUint(dst, streams)
	return appendReason(dst, reason)
}

func appendReason(dst []byte, reason GapReason) []byte {
	dst = append(dst, `,"reason":`...)
	dst = appendString(dst, reason)
	return append(dst, '}')
}

// AppendNoticeShutdown announces the end of the server, and how long the client
// should wait before it comes back.
func AppendNoticeShutdown(dst []byte, reconnectMillis int64) []byte {
	dst = append(dst, `{"op":"notice","code":"shutdown","reconnect_ms":`...)
	dst = appendInt(dst, reconnectMillis)
	return append(dst, '}')
}

// AppendNoticeClock announces a change of speed, a pause or a step.
func AppendNoticeClock(dst []byte, c Clock) []byte {
	dst = append(dst, `{"op":"notice","code":"clock","clock":`...)
	dst = appendClock(dst, c)
	return append(dst, '}')
}
