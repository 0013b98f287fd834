package feed

import (
	"slices"

	"tickcast/wire"
)

// frame is a data frame of any kind: the field that its channel says is set.
type frame struct {
	channel wire.Channel
	trade   *wire.TradeFrame
	order   *wire.OrderFrame
	book    *wire.BookFrame
	depth   *wire.DepthFrame
	bbo     *wire.BBOFrame
	candle  *wire.CandleFrame
	ticker  *wire.TickerFrame
	status  *wire.StatusFrame
}

// append appends the frame's payloads in dialect d, and their ends: one unless
// it would be larger than a frame may be.
func (f *frame) append(dst []byte, ends []int, e *wire.Encoder, d wire.Dialect) ([]byte, []int) {
	switch f.channel {
	case wire.ChannelTrade:
		dst = e.AppendTrade(dst, d, f.trade)
	case wire.ChannelOrder:
		return e.AppendOrderParts(dst, d, f.order, ends)
	case wire.ChannelBook:
		return e.AppendBookParts(dst, d, f.book, ends)
	case wire.ChannelDepth5, wire.ChannelDepth10, wire.ChannelDepth20:
		dst = e.AppendDepth(dst, d, f.depth)
	case wire.ChannelBBO:
		dst = e.AppendBBO(dst, d, f.bbo)
	case wire.ChannelCandle1s, wire.ChannelCandle1m, wire.ChannelCandle5m,
		wire.ChannelCandle15m, wire.ChannelCandle1h, wire.ChannelCandle1d:
		dst = e.AppendCandle(dst, d, f.candle)
	case wire.ChannelTicker:
		dst = e.AppendTicker(dst, d, f.ticker)
	case wire.ChannelStatus:
		dst = e.AppendStatus(dst, d, f.status)
	}
	return dst, append(ends, len(dst))
}

// clone returns a copy of a state stream's frame that nobody changes.
func (f frame) clone() frame {
	switch {
	case f.depth != nil:
		c := *f.depth
		c.Bids, c.Asks = slices.Clone(c.Bids), slices.Clone(c.Asks)
		f.depth = &c
	case f.bbo != nil:
		c := *f.bbo
		f.bbo = &c
	case f.candle != nil:
		c := *f.candle
		f.candle = &c
	case f.ticker != nil:
		c := *f.ticker
		f.ticker = &c
	case f.status != nil:
		c := *f.status
		f.status = &c
	}
	return f
}
