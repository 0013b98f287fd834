package wire

// Partial reports whether a frame or a fragmented message has begun and is not
// complete.
func (r *FrameReader) Partial() bool { return r.inPayload || r.unended || r.headerLen > 0 }
