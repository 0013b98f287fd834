package feed

// Pacing of rounds. A write costs some 4 us whatever it carries up to a few
// KiB, so under sustained load a round that begins later carries more for the
// same price; when there is little to do, it begins at once.
const (
	// pacedPackets is how many packets a round must carry for the time between
	// rounds to be half as much again as a round takes. With fewer it is less, by
	// the square of their share: a round of a thousand writes carries eight at a
	// thousand ticks a second, and to wait would cost more latency than it saves.
	pacedPackets = 32
	// pauseMax bounds the time between rounds, and so what pacing adds to a
	// tick's latency.
	pauseMax = int64(10e6)
	// pauseWriteNanos bounds it too, for each write of the round: beyond it
	// writes are so rare that fewer of them save nothing.
	pauseWriteNanos = 56_000
	// hotNanos is for how long after packets a shard avoids the scheduler, for
	// more may come; answerNanos is for how long after other writes, heartbeats and
	// pings: their answers come at once.
	hotNanos    = int64(1e9)
	answerNanos = int64(50e6)
)

// pacing decides when the next round begins.
type pacing struct {
	next     int64 // no round before
	hotUntil int64 // when what the rounds carried will not be followed by more
}

// round notes a round, with the packets that it took and the writes that it
// made.
func (p *pacing) round(began, ended int64, packets, writes int) {
	switch {
	case packets > 0:
		p.hotUntil = max(p.hotUntil, began+hotNanos)
	case writes > 0:
		p.hotUntil = max(p.hotUntil, ended+answerNanos)
	}
	p.next = 0
	if writes == 0 || packets < 2 {
		return
	}
	took := ended - began
	share := min(int64(packets), pacedPackets)
	pause := took + took*share*share/(2*pacedPackets*pacedPackets)
	p.next = began + min(pause, int64(writes)*pauseWriteNanos, pauseMax)
}

// due returns the instant before which no round begins, 0 if there is none.
func (p *pacing) due() int64 { return p.next }

// hot reports whether more work is likely to come in a moment.
func (p *pacing) hot(now int64) bool { return now < p.hotUntil }
