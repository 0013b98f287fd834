package wire

// Channel is what a stream carries (PROTOCOL.md, "Streams"). The zero Channel
// is invalid.
type Channel uint8

// The channels, in the order in which a transaction's frames are published.
const (
	ChannelTrade Channel = iota + 1
	ChannelOrder
	ChannelBook
	ChannelDepth5
	ChannelDepth10
	ChannelDepth20
	ChannelBBO
	ChannelCandle1s
	ChannelCandle1m
	ChannelCandle5m
	ChannelCandle15m
	ChannelCandle1h
	ChannelCandle1d
	ChannelTicker
	ChannelStatus
)

// ChannelCount is one more than the last Channel: the length of a table
// indexed by Channel.
const ChannelCount = 16

var channelNames = [ChannelCount]string{
	"invalid", "trade", "order", "book", "depth5", "depth10", "depth20", "bbo",
	"candle1s", "candle1m", "candle5m", "candle15m", "candle1h", "candle1d", "ticker", "status",
}

// String returns the channel's name as it stands in stream names.
func (c Channel) String() string {
	if int(c) < len(channelNames) {
		return channelNames[c]
	}
	return channelNames[0]
}

// Stateful reports whether a frame of the channel is its whole state, so that
// a newer frame replaces an older one. The others are event channels, whose
// every loss is announced with its range.
func (c Channel) Stateful() bool { return c > ChannelBook }

// Image reports whether the frames of an event channel change an image, so
// that whoever begins needs a snapshot first.
func (c Channel) Image() bool { return c == ChannelBook || c == ChannelOrder }

// Depth returns how many levels a side a depth channel shows, 0 for others.
func (c Channel) Depth() int {
	if int(c) < len(channelDepths) {
		return channelDepths[c]
	}
	return 0
}

var channelDepths = [ChannelCount]int{ChannelDepth5: 5, ChannelDepth10: 10, ChannelDepth20: 20}

// Interval returns the length of a candle channel's candles in ns, 0 for other
// channels.
func (c Channel) Interval() int64 {
	if c-ChannelCandle1s < CandleCount {
		return candleIntervals[c-ChannelCandle1s]
	}
	return 0
}

// CandleCount is the number of candle channels: ChannelCandle1s + i, the
// shortest interval first.
const CandleCount = 6

const second = int64(1e9)

var candleIntervals = [CandleCount]int64{second, 60 * second, 300 * second, 900 * second, 3600 * second, 86400 * second}

// Rate is how often a stream publishes at most, in wall time. The zero Rate is
// every change.
type Rate uint8

// The rates.
const (
	RateEvery Rate = iota // every change
	Rate20ms
	Rate100ms
	Rate1s
)

// RateCount is the length of a table indexed by Rate.
const RateCount = 4

var rateNames = [RateCount]string{"", "20ms", "100ms", "1s"}

// String returns the rate as it stands in stream names, "" for every change.
func (r Rate) String() string {
	if int(r) < len(rateNames) {
		return rateNames[r]
	}
	return "invalid"
}

// Period returns the time between two frames in ns, 0 for every change.
func (r Rate) Period() int64 {
	if int(r) < len(ratePeriods) {
		return ratePeriods[r]
	}
	return 0
}

var ratePeriods = [RateCount]int64{Rate20ms: 20e6, Rate100ms: 100e6, Rate1s: 1e9}

func parseChannel(s string) Channel {
	for c := Channel(1); c < ChannelCount; c++ {
		if channelNames[c] == s {
			return c
		}
	}
	return 0
}

func parseRate(s string) (Rate, bool) {
	for r := Rate20ms; r < RateCount; r++ {
		if rateNames[r] == s {
			return r, true
		}
	}
	return 0, false
}
