package feed

import "tickcast/wire"

// Bounds of what a client may send, whatever it means (RELIABILITY.md section
// 4). Control messages have a bucket of their own beside these: see budget.
const (
	// inboundPerSecond is 20 of the largest subscriptions a second, and
	// inboundBurst four of the largest messages. Who sends more is not read
	// until this is paid for: nothing is lost, TCP holds it back.
	inboundPerSecond = 64 << 10
	inboundBurst     = 256 << 10
	// frameBytes is what a message costs beside its bytes, for a frame without
	// a payload is work too: at most 1,024 of them a second.
	frameBytes = 64

	// Pings and pongs are answered and borne up to this rate. A library sends
	// one in 20 s or so; 50 at once is a client that comes out of a sleep.
	chatterPerSecond = 10
	chatterBurst     = 50
	// ignoredMax is how many above it are ignored, without five seconds of
	// silence between them, until it is called abuse.
	ignoredMax = 200

	// assemblyNanos is for a message from its first byte to its last: whoever
	// takes longer holds a buffer for nothing. It is looked at once a second.
	assemblyNanos = int64(5e9)
)

const (
	inboundByteNanos  = int64(1e9) / inboundPerSecond
	inboundBurstNanos = inboundByteNanos * inboundBurst
	chatterNanos      = int64(1e9) / chatterPerSecond
	chatterBurstNanos = chatterNanos * chatterBurst
)

// flooded returns for how long the client is not to be read, ns.
func (m *session) flooded() int64 { return m.inbound.wait(m.shard.now, inboundBurstNanos) }

// assembly is called after each step of the reader: it notes when a message
// began that is not complete, and charges for one that is.
func (m *session) assembly(complete bool) {
	if complete {
		m.inbound.take(m.shard.now, frameBytes*inboundByteNanos)
	}
	switch {
	case !m.reader.Partial():
		m.partialAt = 0
	case m.partialAt == 0:
		m.partialAt = m.shard.now
		m.attend()
	}
}

// overdue reports whether the client has not completed a message that it
// began. While it is not read that is not its fault.
func (m *session) overdue() bool {
	return m.partialAt != 0 && !m.paused && len(m.pending) == 0 && m.shard.now-m.partialAt > assemblyNanos
}

// chat pays for a ping or pong; false means that it is to be ignored.
func (m *session) chat() bool {
	now := m.shard.now
	if m.chatter.full(now) {
		m.ignored = 0
	}
	if m.chatter.spend(now, chatterNanos, chatterBurstNanos) {
		return true
	}
	m.shard.stats.Limits[LimitPings]++
	if m.ignored++; m.ignored > ignoredMax {
		m.close(wire.ClosePolicy, "too many pings")
	}
	return false
}
