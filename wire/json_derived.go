package wire

// The JSON dialect of what a feed derives from trades, books and states
// (PROTOCOL.md, "What you get: market data"):
//
//	{"stream":"depth5.S","seq":n,"upd":n,"bids":[["p","q"],…],"asks":[…],"ts":µs,"tp":µs}
//	{"stream":"candle1m.S","seq":n,"open_time":µs,"close_time":µs,"open":"p","high":"p","low":"p","close":"p",
//	 "volume":"q","quote_volume":"pq","trades":n,"closed":false,"ts":µs,"tp":µs}
//	{"stream":"ticker.S","seq":n,"last":"p","open":"p","high":"p","low":"p","volume":"q","quote_volume":"pq",
//	 "vwap":"p","change":"p","change_pct":"d.dd","trades":n,"ts":µs,"tp":µs}
//	{"stream":"status.S","seq":n,"state":"trading","reason":""[,"indicative":["p","q"]|null],"ts":µs,"tp":µs}
//
// A quote volume pq has the decimals of price and quantity together: it is
// exact.

func (e *Encoder) appendDepthJSON(dst []byte, f *DepthFrame) []byte {
	dst = append(dst, e.head(f.Channel, f.Rate)...)
	dst = appendUint(dst, f.Seq)
	dst = append(dst, `,"upd":`...)
	dst = appendUint(dst, f.Upd)
	dst = append(dst, `,"bids":`...)
	dst = e.appendLevelsJSON(dst, f.Bids)
	dst = append(dst, `,"asks":`...)
	dst = e.appendLevelsJSON(dst, f.Asks)
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendCandleJSON(dst []byte, f *CandleFrame) []byte {
	dst = append(dst, e.head(f.Channel, f.Rate)...)
	dst = appendUint(dst, f.Seq)
	dst = append(dst, `,"open_time":`...)
	dst = appendMicros(dst, f.OpenTime)
	dst = append(dst, `,"close_time":`...)
	dst = appendMicros(dst, f.OpenTime+f.Channel.Interval())
	dst = e.appendPriceJSON(dst, `,"open":"`, f.Open)
	dst = e.appendPriceJSON(dst, `,"high":"`, f.High)
	dst = e.appendPriceJSON(dst, `,"low":"`, f.Low)
	dst = e.appendPriceJSON(dst, `,"close":"`, f.Close)
	dst = e.appendVolumesJSON(dst, f.Volume, f.QuoteVolume)
	dst = append(dst, `,"trades":`...)
	dst = appendUint(dst, f.Trades)
	if f.Closed {
		dst = append(dst, `,"closed":true`...)
	} else {
		dst = append(dst, `,"closed":false`...)
	}
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendTickerJSON(dst []byte, f *TickerFrame) []byte {
	dst = append(dst, e.head(ChannelTicker, f.Rate)...)
	dst = appendUint(dst, f.Seq)
	dst = e.appendPriceJSON(dst, `,"last":"`, f.Last)
	dst = e.appendPriceJSON(dst, `,"open":"`, f.Open)
	dst = e.appendPriceJSON(dst, `,"high":"`, f.High)
	dst = e.appendPriceJSON(dst, `,"low":"`, f.Low)
	dst = e.appendVolumesJSON(dst, f.Volume, f.QuoteVolume)
	dst = e.appendPriceJSON(dst, `,"vwap":"`, f.VWAP())
	dst = e.appendPriceJSON(dst, `,"change":"`, f.Last-f.Open)
	dst = append(dst, `,"change_pct":"`...)
	dst = AppendDecimal(dst, f.ChangePercent(), 2)
	dst = append(dst, `","trades":`...)
	dst = appendUint(dst, f.Trades)
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendStatusJSON(dst []byte, f *StatusFrame) []byte {
	dst = append(dst, e.head(ChannelStatus, RateEvery)...)
	dst = appendUint(dst, f.Seq)
	dst = append(dst, `,"state":"`...)
	dst = append(dst, f.State.String()...)
	dst = append(dst, `","reason":"`...)
	dst = append(dst, f.Reason.String()...)
	dst = append(dst, '"')
	if f.State.Collecting() {
		dst = append(dst, `,"indicative":`...)
		dst = e.appendBestJSON(dst, f.Indicative)
	}
	return appendTimesJSON(dst, f.TS, f.TP)
}

// appendPriceJSON appends a member whose value is a price.
func (e *Encoder) appendPriceJSON(dst []byte, key string, p Price) []byte {
	dst = append(dst, key...)
	dst = AppendDecimal(dst, int64(p), e.priceScale)
	return append(dst, '"')
}

func (e *Encoder) appendVolumesJSON(dst []byte, volume, quote Sum) []byte {
	dst = append(dst, `,"volume":"`...)
	dst = AppendSum(dst, volume, e.qtyScale)
	dst = append(dst, `","quote_volume":"`...)
	dst = AppendSum(dst, quote, e.priceScale+e.qtyScale)
	return append(dst, '"')
}
