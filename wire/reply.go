package wire

// The control messages of the server. Keys stand in exactly the order of
// PROTOCOL.md, "What you get: answers", the id behind op if there is one. Times are given in
// ns and written in microseconds.

// appendOp begins a control message.
func appendOp(dst []byte, op string, id RequestID) []byte {
	dst = append(dst, `{"op":"`...)
	dst = append(dst, op...)
	dst = append(dst, '"')
	if id != nil {
		dst = append(dst, `,"id":`...)
		dst = append(dst, id...)
	}
	return dst
}

// appendComma separates the elements of a list.
func appendComma(dst []byte, first bool) []byte {
	if first {
		return dst
	}
	return append(dst, ',')
}

// AppendSubscribed opens an acknowledgement, or part of parts of one (from 1;
// parts 0 or 1: it is whole). Its streams follow, one by one, then its end,
// which is another one for the announcement of a listing:
//
//	dst = AppendSubscribed(dst, id, 1, 1)
//	dst = AppendSubscribedStream(dst, true, name, epoch, seq, false, "")
//	dst = AppendSubscribedEnd(dst, errs)
func AppendSubscribed(dst []byte, id RequestID, part, parts int) []byte {
	dst = appendOp(dst, "subscribed", id)
	if parts > 1 {
		dst = appendPartJSON(dst, part, parts)
	}
	return append(dst, `,"streams":[`...)
}

// AppendSubscribedStream adds a stream that the client will get. epoch has no
// byte that JSON would escape; entry is the pattern that matched the stream, ""
// if it was named itself.
func AppendSubscribedStream(dst []byte, first bool, name []byte, epoch string, seq uint64, recovered bool, entry string) []byte {
	dst = appendComma(dst, first)
	dst = append(dst, `{"stream":`...)
	dst = appendString(dst, name)
	dst = append(dst, `,"cursor":"`...)
	dst = AppendCursor(dst, epoch, seq)
	if recovered {
		dst = append(dst, `","recovered":true`...)
	} else {
		dst = append(dst, `","recovered":false`...)
	}
	if entry != "" {
		dst = append(dst, `,"entry":`...)
		dst = appendString(dst, entry)
	}
	return append(dst, '}')
}

// AppendSubscribedEnd closes an acknowledgement with what was wrong.
func AppendSubscribedEnd(dst []byte, errs []StreamError) []byte {
	dst = append(dst, `],"errors":`...)
	dst = appendStreamErrors(dst, errs)
	return append(dst, '}')
}

// AppendSubscribedBy closes the announcement of a listing; by is the entry
// that matched the new streams.
func AppendSubscribedBy(dst []byte, by string) []byte {
	dst = append(dst, `],"by":`...)
	dst = appendString(dst, by)
	return append(dst, '}')
}

func appendStreamErrors(dst []byte, errs []StreamError) []byte {
	dst = append(dst, '[')
	for i := range errs {
		dst = appendStreamError(appendComma(dst, i == 0), &errs[i])
	}
	return append(dst, ']')
}

func appendStreamError(dst []byte, e *StreamError) []byte {
	dst = append(dst, `{"stream":`...)
	dst = appendString(dst, e.Stream)
	dst = append(dst, `,"code":`...)
	dst = appendString(dst, e.Code)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, e.Message)
	if e.Code == CodeUnknownSymbol || len(e.Near) > 0 {
		dst = append(dst, `,"near":`...)
		dst = appendStrings(dst, e.Near)
	}
	return append(dst, '}')
}

// AppendUnsubscribed answers an unsubscribe: the entries that were removed, and
// the names that were none, if any.
func AppendUnsubscribed(dst []byte, id RequestID, names [][]byte, errs []StreamError) []byte {
	dst = appendOp(dst, "unsubscribed", id)
	dst = append(dst, `,"streams":`...)
	dst = appendStrings(dst, names)
	if len(errs) > 0 {
		dst = append(dst, `,"errors":`...)
		dst = appendStreamErrors(dst, errs)
	}
	return append(dst, '}')
}

// AppendList answers a list with the connection's entries.
func AppendList(dst []byte, id RequestID, entries []string) []byte {
	dst = appendOp(dst, "list", id)
	dst = append(dst, `,"streams":`...)
	dst = appendStrings(dst, entries)
	return append(dst, '}')
}

// AppendErrorReply answers a request that cannot be carried out.
func AppendErrorReply(dst []byte, id RequestID, code Code, message string) []byte {
	dst = appendOp(dst, "error", id)
	dst = append(dst, `,"code":`...)
	dst = appendString(dst, code)
	dst = append(dst, `,"message":`...)
	dst = appendString(dst, message)
	return append(dst, '}')
}

// Lag is how far a connection is behind, and what that has cost it.
type Lag struct {
	Bytes     int    // due and not yet written
	AgeMillis int64  // of the oldest of them
	Skipped   uint64 // frames of event streams that gaps announced, in total
	Conflated uint64 // frames of state streams that newer ones replaced, in total
}

// AppendPong answers a ping. ts is the wall time, ns.
func AppendPong(dst []byte, id RequestID, ts int64, lag Lag) []byte {
	dst = appendOp(dst, "pong", id)
	dst = append(dst, `,"ts":`...)
	dst = appendMicros(dst, ts)
	dst = append(dst, `,"lag":{"bytes":`...)
	dst = appendInt(dst, int64(lag.Bytes))
	dst = append(dst, `,"age_ms":`...)
	dst = appendInt(dst, lag.AgeMillis)
	dst = append(dst, `,"skipped":`...)
	dst = appendUint(dst, lag.Skipped)
	dst = append(dst, `,"conflated":`...)
	dst = appendUint(dst, lag.Conflated)
	return append(dst, `}}`...)
}
