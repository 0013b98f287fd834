package wire

// FrameBytesMax bounds every payload that leaves the server (PROTOCOL.md,
// "What you get: market data"): clients and proxies size their buffers by it.
const FrameBytesMax = 512 << 10

// The data frames as Go values, one type a kind of stream. TS is market time
// and TP the wall time of publication, both ns since the epoch. Encoders only
// read slices.

// BBOFrame is a frame of a bbo stream.
type BBOFrame struct {
	Rate     Rate
	Seq, Upd uint64
	Top      Top // a side with Qty 0 is empty
	TS, TP   int64
}

// TradeFrame is a frame of a trade stream.
type TradeFrame struct {
	Seq, ID uint64
	Price   Price
	Qty     Qty
	Side    Side // the aggressor's
	TS, TP  int64
}

// BookFrame is a frame of a book stream: a snapshot, or absolute quantities
// of changed levels.
type BookFrame struct {
	Rate        Rate
	Seq         uint64
	First, Upd  uint64 // the range of book updates that it covers
	Snapshot    bool
	Bids, Asks  []Level // best level first
	CRC         uint32  // of the book after this frame, if HasCRC
	HasCRC      bool
	Part, Parts int // segment, from 1; Parts 0 or 1: it is whole
	TS, TP      int64
}

// OrderFrame is a frame of an order stream: all resting orders, or what
// happened to some of them in one transaction.
type OrderFrame struct {
	Seq, Upd uint64
	Snapshot bool
	// Events are of a snapshot the resting orders in priority order, bids
	// first, each an EventAdd; else EventAdd, EventReduce, EventRemove and
	// EventReplace in the order in which they happened.
	Events      []Event
	Part, Parts int // segment, from 1; Parts 0 or 1: it is whole
	TS, TP      int64
}

// DepthFrame is a frame of a depth stream: the best levels of each side.
type DepthFrame struct {
	Channel    Channel // ChannelDepth5, ChannelDepth10 or ChannelDepth20
	Rate       Rate
	Seq, Upd   uint64
	Bids, Asks []Level // best level first, at most Channel.Depth() of each
	TS, TP     int64
}

// CandleFrame is a frame of a candle stream.
type CandleFrame struct {
	Channel                Channel // its Interval says how long the candle is
	Rate                   Rate
	Seq                    uint64
	OpenTime               int64 // market time, ns since the epoch, a multiple of the interval
	Open, High, Low, Close Price
	Volume                 Sum // of quantities
	QuoteVolume            Sum // of prices times quantities
	Trades                 uint64
	Closed                 bool // nothing will be added
	TS, TP                 int64
}

// TickerFrame is a frame of a ticker stream: the last 24 hours of market time.
type TickerFrame struct {
	Rate                  Rate
	Seq                   uint64
	Last, Open, High, Low Price
	Volume                Sum // of quantities
	QuoteVolume           Sum // of prices times quantities
	Trades                uint64
	TS, TP                int64
}

// VWAP returns the mean price of the executions, weighted by quantity and
// rounded half up; the last price if there were none.
func (f *TickerFrame) VWAP() Price {
	if f.Volume.Sign() == 0 {
		return f.Last
	}
	return Price(f.QuoteVolume.DivRound(f.Volume))
}

// ChangePercent returns the change from the open in hundredths of a percent,
// rounded half up; 0 if the open is 0.
func (f *TickerFrame) ChangePercent() int64 {
	return Product(int64(f.Last-f.Open), 10_000).DivRound(SumOf(int64(f.Open)))
}

// StatusFrame is a frame of a status stream.
type StatusFrame struct {
	Seq    uint64
	State  State
	Reason Reason
	// Indicative is price and quantity at which an auction would uncross now,
	// Qty 0 if it would not. It is shown in StatePreOpen and StateAuction.
	Indicative Level
	TS, TP     int64
}
