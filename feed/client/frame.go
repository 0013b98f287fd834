package client

import "bytes"

// Frame is one message of the feed. Exactly one of Op and Stream is set.
type Frame struct {
	// Op is a control frame's operation: "subscribed", "gap", "heartbeat" …
	Op string
	// Stream is a data frame's stream, for example "bbo.BTCUSDT".
	Stream string
	Seq    uint64
	TS     int64 // market time, microseconds since the epoch; 0 if absent
	TP     int64 // wall time of publication, likewise
	// Raw is the whole message. It is valid until the next call of Next.
	Raw []byte
}

// Head is what Scan finds in a frame; Op and Stream alias the frame.
type Head struct {
	Op, Stream []byte // one of them is nil
	Seq        uint64
	TS, TP     int64 // 0 if absent
}

var (
	streamPrefix = []byte(`{"stream":"`)
	opPrefix     = []byte(`{"op":"`)
	seqKey       = []byte(`,"seq":`)
	tsKey        = []byte(`,"ts":`)
	tpKey        = []byte(`,"tp":`)
)

// Scan reads the head of a JSON frame, and reports whether it is one. It
// relies on what PROTOCOL.md section 3 promises: the order of keys, no spaces,
// and names that need no escapes. It does not verify that the rest is JSON. The
// stamps stand at a data frame's end, so they are looked for from there: a
// 512 KiB snapshot costs no more than a tick.
func Scan(raw []byte) (Head, bool) {
	if name, _, ok := scanName(raw, opPrefix); ok {
		return Head{Op: name}, true
	}
	name, rest, ok := scanName(raw, streamPrefix)
	if !ok {
		return Head{}, false
	}
	h := Head{Stream: name}
	if rest, ok = bytes.CutPrefix(rest, seqKey); !ok {
		return Head{}, false
	}
	seq, n := scanInt(rest)
	if n == 0 {
		return Head{}, false
	}
	h.Seq = uint64(seq)
	rest = rest[n:]
	h.TP, rest = lastInt(rest, tpKey)
	h.TS, _ = lastInt(rest, tsKey)
	return h, true
}

// lastInt returns the integer that follows the last key in p, and what stands
// before that key; without one it returns 0 and p. In almost every frame the
// integer is the last thing, but for a brace.
func lastInt(p, key []byte) (int64, []byte) {
	end := len(p)
	if end > 0 && p[end-1] == '}' {
		end--
	}
	at := end
	for at > 0 && p[at-1]-'0' <= 9 {
		at--
	}
	if !bytes.HasSuffix(p[:at], key) {
		i := bytes.LastIndex(p, key)
		if i < 0 {
			return 0, p
		}
		at = i + len(key)
	}
	v, _ := scanInt(p[at:])
	return v, p[:at-len(key)]
}

func scanName(raw, prefix []byte) (name, rest []byte, ok bool) {
	rest, ok = bytes.CutPrefix(raw, prefix)
	if !ok {
		return nil, nil, false
	}
	i := bytes.IndexByte(rest, '"')
	if i <= 0 {
		return nil, nil, false
	}
	return rest[:i:i], rest[i+1:], true
}

// digitsMax keeps scanInt within an int64: the protocol's integers are below
// 2^53, which has 16 digits.
const digitsMax = 18

// scanInt reads a non-negative integer at the beginning of p; n is the number
// of its digits, 0 if there is none or too many.
func scanInt(p []byte) (v int64, n int) {
	for n < len(p) && p[n]-'0' <= 9 {
		if n == digitsMax {
			return 0, 0
		}
		v = v*10 + int64(p[n]-'0')
		n++
	}
	return v, n
}

// opName returns the operation as a string, without an allocation for those
// that the protocol has.
func opName(op []byte) string {
	switch string(op) {
	case "hello":
		return "hello"
	case "subscribed":
		return "subscribed"
	case "unsubscribed":
		return "unsubscribed"
	case "list":
		return "list"
	case "error":
		return "error"
	case "pong":
		return "pong"
	case "heartbeat":
		return "heartbeat"
	case "gap":
		return "gap"
	case "conflated":
		return "conflated"
	case "notice":
		return "notice"
	}
	return string(op)
}
