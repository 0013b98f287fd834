package client

import "encoding/json"

// The control frames, to be decoded from Frame.Raw with encoding/json.
// Times are integer microseconds since the epoch.
type (
	// Hello is the first frame of a connection.
	Hello struct {
		Conn      string          `json:"conn"`
		Epoch     string          `json:"epoch"` // one uninterrupted run of the sequences
		TS        int64           `json:"ts"`
		Heartbeat int             `json:"heartbeat"` // seconds, 0 for none
		Limits    Limits          `json:"limits"`
		Formats   []string        `json:"formats"`
		Clock     Clock           `json:"clock"`
		Faults    json.RawMessage `json:"faults"`
		Features  []string        `json:"features"`
		Server    string          `json:"server"`

		Raw []byte `json:"-"` // the whole frame
	}

	// Limits is what the server takes; 0 is unknown.
	Limits struct {
		Entries           int `json:"entries"`         // of a connection
		RequestStreams    int `json:"request_streams"` // names in one request
		MessageBytes      int `json:"message_bytes"`   // of a client's message
		RequestsPerSecond int `json:"requests_per_second"`
		RequestsBurst     int `json:"requests_burst"`
	}

	// Clock maps market time to wall time: what is stamped ts was due at
	// Wall + (ts - Market) / Speed.
	Clock struct {
		Base   int64   `json:"base"`
		Speed  float64 `json:"speed"` // 0 while paused, and (null) as fast as possible
		Market int64   `json:"market"`
		Wall   int64   `json:"wall"`
	}

	// Subscribed acknowledges a subscription, or tells of a listing that
	// extended one.
	Subscribed struct {
		ID      json.RawMessage    `json:"id"`
		Part    []int              `json:"part"` // this part, parts in all; nil if there is one
		Streams []SubscribedStream `json:"streams"`
		Errors  []StreamError      `json:"errors"`
		By      string             `json:"by"` // the entry, if a listing extended it
	}

	// SubscribedStream is one stream that a subscription matched.
	SubscribedStream struct {
		Stream    string `json:"stream"`
		Entry     string `json:"entry"` // the pattern that matched it, if one did
		Cursor    string `json:"cursor"`
		Recovered bool   `json:"recovered"`
	}

	// StreamError is an entry of a subscription that was refused; the others
	// stand.
	StreamError struct {
		Stream  string   `json:"stream"`
		Code    string   `json:"code"`
		Message string   `json:"message"`
		Near    []string `json:"near"`
	}

	// Gap says that frames From to To of an event stream will not come.
	Gap struct {
		Stream string  `json:"stream"`
		From   *uint64 `json:"from"` // nil if unknown
		To     uint64  `json:"to"`
		Reason string  `json:"reason"`
	}

	// Conflated says that frames of state streams were replaced by newer ones.
	Conflated struct {
		Frames  uint64 `json:"frames"`
		Streams uint64 `json:"streams"` // how many streams they belong to
		Reason  string `json:"reason"`
	}

	// Notice is news about the server.
	Notice struct {
		Code        string          `json:"code"`
		ReconnectMS int64           `json:"reconnect_ms"` // with "shutdown"
		Clock       *Clock          `json:"clock"`        // with "clock"
		Faults      json.RawMessage `json:"faults"`       // with "faults"
	}

	// Fault is the content of an error frame.
	Fault struct {
		ID      json.RawMessage `json:"id"`
		Code    string          `json:"code"`
		Message string          `json:"message"`
	}
)

// Complete reports whether this is the last part of its acknowledgement.
func (s *Subscribed) Complete() bool {
	return len(s.Part) != 2 || s.Part[0] == s.Part[1]
}

// Due returns the wall time at which what is stamped ts was due, in
// microseconds since the epoch. It is meaningless while the clock is paused.
func (c *Clock) Due(ts int64) int64 {
	if c.Speed == 1 {
		return c.Wall + ts - c.Market // exact, unlike the division
	}
	return c.Wall + int64(float64(ts-c.Market)/c.Speed)
}
