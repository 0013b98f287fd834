package wire

// Code names an error to a client (PROTOCOL.md, "Errors"). Codes are stable:
// clients branch on them.
type Code string

// The codes.
const (
	CodeBadJSON        Code = "bad_json"        // not one JSON object
	CodeBadRequest     Code = "bad_request"     // JSON, but not a request
	CodeUnknownOp      Code = "unknown_op"      // no such operation
	CodeUnknownChannel Code = "unknown_channel" // no such channel
	CodeUnknownSymbol  Code = "unknown_symbol"  // no such symbol
	CodeBadRate        Code = "bad_rate"        // the channel has no such rate
	CodeNotSubscribed  Code = "not_subscribed"  // unsubscribe of what is no entry
	CodeLimitStreams   Code = "limit_streams"   // too many names or entries
	CodeLimitRate      Code = "limit_rate"      // too many requests
	CodeNotAuthorized  Code = "not_authorized"  // no or bad credentials
	CodeNotEntitled    Code = "not_entitled"    // the credentials do not cover it
	CodeInternal       Code = "internal"        // the server's fault
)

// Error is what a client did wrong, in the words that it is answered with.
// What Message repeats of the client's bytes is quoted and at most 64 bytes.
type Error struct {
	Code    Code
	Message string // for people, may change
}

// Error returns code and message.
func (e *Error) Error() string { return string(e.Code) + ": " + e.Message }

// StreamError is what was wrong with one name of a list.
type StreamError struct {
	Stream  []byte // as the client wrote it
	Code    Code
	Message string
	Near    []string // symbols that resemble an unknown one
}
