package wire

import (
	"strconv"
	"unicode/utf8"
)

// Limits of a request (PROTOCOL.md, "Limits").
const (
	RequestStreamsMax = 200     // names of a list
	StreamBytesMax    = 64      // a name, a pattern, a cursor
	RequestIDBytesMax = 64      // a string id
	requestDigitsMax  = 20      // an integer id: what 64 bits need
	requestTokenMax   = 8 << 10 // credentials: a JWT with a long list of claims
)

// Op is what a client asks for. The zero Op is invalid.
type Op uint8

// The operations.
const (
	OpSubscribe Op = iota + 1
	OpUnsubscribe
	OpList
	OpPing
	OpAuth
)

var opNames = [...]string{"invalid", "subscribe", "unsubscribe", "list", "ping", "auth"}

// String returns the operation's name as it stands in messages.
func (o Op) String() string {
	if int(o) < len(opNames) {
		return opNames[o]
	}
	return opNames[0]
}

// RequestID is the id that a client gave a request: the JSON token, an integer
// or a quoted string, ready to be echoed. It is nil if there was none.
type RequestID []byte

// Since is where a client stopped reading a stream.
type Since struct {
	Stream []byte
	Cursor []byte // for ParseCursor
}

// Request is a control message of a client. It is reusable: what a Parse
// returned aliases the message and a buffer of the Request, and is valid until
// the next Parse.
type Request struct {
	Op       Op
	ID       RequestID
	Streams  [][]byte // names and patterns, as written
	Since    []Since
	Snapshot bool // send snapshots and last values; true unless refused
	Token    []byte

	buf []byte // what was unescaped
}

// Parse reads one message. Unknown members are ignored, null is as good as
// absent, of members with the same name the last counts. The error is an
// *Error; r.ID is set even then if an id could be read, so that the answer can
// echo it.
func (r *Request) Parse(msg []byte) error {
	*r = Request{Streams: r.Streams[:0], Since: r.Since[:0], Snapshot: true, buf: r.buf[:0]}
	p := requestParser{scanner: scanner{src: msg}, r: r}
	p.message()
	if p.bad {
		return &Error{CodeBadJSON, "malformed at byte " + strconv.Itoa(p.pos)}
	}
	if p.op == nil {
		return errNoOp
	}
	if r.Op == 0 {
		return &Error{CodeUnknownOp, "unknown op " + quoteClient(p.op) + ": " + opsExpected}
	}
	if p.fault == nil {
		p.fault = r.incomplete()
	}
	if p.fault != nil {
		return p.fault
	}
	return nil
}

const opsExpected = `"op" must be one of subscribe, unsubscribe, list, ping, auth`

// Faults of a request.
var (
	errNoOp        = &Error{CodeBadRequest, opsExpected}
	errID          = &Error{CodeBadRequest, `"id" must be an integer or a string of at most 64 bytes`}
	errStreams     = &Error{CodeBadRequest, `"streams" must be a list of stream names`}
	errNoStreams   = &Error{CodeBadRequest, `"streams" must name at least one stream`}
	errStreamName  = &Error{CodeBadRequest, "a stream name has at most 64 bytes"}
	errStreamCount = &Error{CodeLimitStreams, "a request has at most 200 stream names"}
	errSince       = &Error{CodeBadRequest, `"since" must map stream names to cursors`}
	errSnapshot    = &Error{CodeBadRequest, `"snapshot" must be true or false`}
	errToken       = &Error{CodeBadRequest, `"token" must be a string of at most 8192 bytes`}
)

// incomplete returns what the request lacks, nil if nothing.
func (r *Request) incomplete() *Error {
	if (r.Op == OpSubscribe || r.Op == OpUnsubscribe) && len(r.Streams) == 0 {
		return errNoStreams
	}
	if r.Op == OpAuth && len(r.Token) == 0 {
		return errToken
	}
	return nil
}

// requestParser is one Parse. Malformed JSON ends it; a fault, of which the
// first counts, does not: an id may still follow.
type requestParser struct {
	scanner
	r     *Request
	op    []byte
	fault *Error
}

func (p *requestParser) message() {
	for more := p.open('{', '}'); more; more = p.more('}') {
		token, escaped := p.key()
		p.member(p.unescape(token, escaped))
	}
	if p.peek(); p.pos < len(p.src) {
		p.fail()
	}
}

func (p *requestParser) member(name []byte) {
	switch string(name) {
	case "op":
		p.operation()
	case "id":
		p.id()
	case "streams":
		p.streams()
	case "since":
		p.since()
	case "snapshot":
		p.snapshot()
	case "token":
		p.token()
	default:
		p.skip(1)
	}
}

func (p *requestParser) operation() {
	p.op, p.r.Op = nil, 0
	if p.null() {
		return
	}
	if name, ok := p.string(len(p.src), errNoOp); ok {
		p.op, p.r.Op = name, parseOp(name)
	}
}

func parseOp(name []byte) Op {
	for o := OpSubscribe; int(o) < len(opNames); o++ {
		if opNames[o] == string(name) {
			return o
		}
	}
	return 0
}

func (p *requestParser) id() {
	p.r.ID = nil
	if p.null() {
		return
	}
	if c := p.peek(); c == '-' || c >= '0' && c <= '9' {
		token, integer := p.number()
		if !integer || len(token) > requestDigitsMax {
			p.blame(errID)
			return
		}
		p.r.ID = token
		return
	}
	start := p.pos
	text, ok := p.string(RequestIDBytesMax, errID)
	if !ok {
		return
	}
	p.r.ID = RequestID(p.src[start:p.pos])
	if !utf8.Valid(text) {
		at := len(p.r.buf)
		p.r.buf = appendString(p.r.buf, text)
		p.r.ID = p.r.buf[at:len(p.r.buf):len(p.r.buf)]
	}
}

func (p *requestParser) streams() {
	p.r.Streams = p.r.Streams[:0]
	if p.null() {
		return
	}
	if p.peek() != '[' {
		p.wrong(errStreams)
		return
	}
	for more := p.open('[', ']'); more; more = p.more(']') {
		name, ok := p.name(errStreams)
		switch {
		case !ok:
		case len(p.r.Streams) == RequestStreamsMax:
			p.blame(errStreamCount)
		default:
			p.r.Streams = append(p.r.Streams, name)
		}
	}
}

func (p *requestParser) since() {
	p.r.Since = p.r.Since[:0]
	if p.null() {
		return
	}
	if p.peek() != '{' {
		p.wrong(errSince)
		return
	}
	for more := p.open('{', '}'); more; more = p.more('}') {
		token, escaped := p.key()
		stream := p.unescape(token, escaped)
		if len(stream) > StreamBytesMax {
			p.blame(errStreamName)
		}
		cursor, ok := p.string(StreamBytesMax, errSince)
		switch {
		case !ok:
		case len(p.r.Since) == RequestStreamsMax:
			p.blame(errStreamCount)
		default:
			p.r.Since = append(p.r.Since, Since{stream, cursor})
		}
	}
}

func (p *requestParser) snapshot() {
	p.r.Snapshot = true
	switch p.peek() {
	case 'n':
		p.literal("null")
	case 't':
		p.literal("true")
	case 'f':
		p.literal("false")
		p.r.Snapshot = false
	default:
		p.wrong(errSnapshot)
	}
}

func (p *requestParser) token() {
	p.r.Token = nil
	if !p.null() {
		p.r.Token, _ = p.string(requestTokenMax, errToken)
	}
}

// name reads a string that is short enough for a stream's name.
func (p *requestParser) name(other *Error) ([]byte, bool) {
	name, ok := p.string(len(p.src), other)
	if ok && len(name) > StreamBytesMax {
		p.blame(errStreamName)
		return nil, false
	}
	return name, ok
}

// string reads a string of at most bytesMax; other is the fault if the value
// is something else.
func (p *requestParser) string(bytesMax int, other *Error) ([]byte, bool) {
	if p.peek() != '"' {
		p.wrong(other)
		return nil, false
	}
	token, escaped := p.text()
	text := p.unescape(token, escaped)
	if len(text) > bytesMax {
		p.blame(other)
		return nil, false
	}
	return text, !p.bad
}

// unescape returns the meaning of a string's token: the token itself, or a
// piece of the request's buffer. A piece stays valid when the buffer grows.
func (p *requestParser) unescape(token []byte, escaped bool) []byte {
	if !escaped || p.bad {
		return token
	}
	at := len(p.r.buf)
	p.r.buf = appendUnescaped(p.r.buf, token)
	return p.r.buf[at:len(p.r.buf):len(p.r.buf)]
}

// wrong skips a value of the wrong type.
func (p *requestParser) wrong(fault *Error) {
	p.blame(fault)
	p.skip(1)
}

func (p *requestParser) blame(fault *Error) {
	if p.fault == nil {
		p.fault = fault
	}
}
