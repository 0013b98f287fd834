package wire

import "encoding/binary"

// The JSON dialect, byte for byte (PROTOCOL.md, "What you get: market data"): keys in this order,
// no spaces, times in microseconds. The frames that the feed derives are in
// json_derived.go.
//
//	{"stream":"bbo.S","seq":n,"upd":n,"bid":["p","q"]|null,"ask":["p","q"]|null,"ts":µs,"tp":µs}
//	{"stream":"trade.S","seq":n,"id":n,"price":"p","qty":"q","side":"buy|sell","ts":µs,"tp":µs}
//	{"stream":"book.S","seq":n,"type":"snapshot|delta"[,"part":[i,n]],"first":n,"upd":n,
//	 "bids":[["p","q"],…],"asks":[…][,"crc":n],"ts":µs,"tp":µs}
//	{"stream":"order.S","seq":n,"type":"snapshot"[,"part":[i,n]],"upd":n,
//	 "orders":[{"id":n,"side":"buy|sell","price":"p","qty":"q"},…],"ts":µs,"tp":µs}
//	{"stream":"order.S","seq":n,"type":"delta"[,"part":[i,n]],"upd":n,
//	 "events":[{"do":"add|reduce|remove|replace","id":n,"side":"buy|sell","price":"p","qty":"q"},…],"ts":µs,"tp":µs}

func (e *Encoder) appendBBOJSON(dst []byte, f *BBOFrame) []byte {
	dst = append(dst, e.head(ChannelBBO, f.Rate)...)
	dst = appendUint(dst, f.Seq)
	dst = append(dst, `,"upd":`...)
	dst = appendUint(dst, f.Upd)
	dst = append(dst, `,"bid":`...)
	dst = e.appendBestJSON(dst, f.Top.Bid)
	dst = append(dst, `,"ask":`...)
	dst = e.appendBestJSON(dst, f.Top.Ask)
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendBestJSON(dst []byte, l Level) []byte {
	if l.Qty == 0 {
		return append(dst, "null"...)
	}
	return e.appendLevelJSON(dst, l)
}

func (e *Encoder) appendLevelJSON(dst []byte, l Level) []byte {
	dst = append(dst, `["`...)
	dst = AppendDecimal(dst, int64(l.Price), e.priceScale)
	dst = append(dst, `","`...)
	dst = AppendDecimal(dst, int64(l.Qty), e.qtyScale)
	return append(dst, `"]`...)
}

func (e *Encoder) appendTradeJSON(dst []byte, f *TradeFrame) []byte {
	dst = append(dst, e.head(ChannelTrade, RateEvery)...)
	dst = appendUint(dst, f.Seq)
	dst = append(dst, `,"id":`...)
	dst = appendUint(dst, f.ID)
	dst = append(dst, `,"price":"`...)
	dst = AppendDecimal(dst, int64(f.Price), e.priceScale)
	dst = append(dst, `","qty":"`...)
	dst = AppendDecimal(dst, int64(f.Qty), e.qtyScale)
	dst = append(dst, `","side":"`...)
	dst = append(dst, f.Side.String()...)
	dst = append(dst, '"')
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendBookJSON(dst []byte, f *BookFrame) []byte {
	dst = append(dst, e.head(ChannelBook, f.Rate)...)
	dst = appendUint(dst, f.Seq)
	if f.Snapshot {
		dst = append(dst, `,"type":"snapshot"`...)
	} else {
		dst = append(dst, `,"type":"delta"`...)
	}
	if f.Parts > 1 {
		dst = appendPartJSON(dst, f.Part, f.Parts)
	}
	dst = append(dst, `,"first":`...)
	dst = appendUint(dst, f.First)
	dst = append(dst, `,"upd":`...)
	dst = appendUint(dst, f.Upd)
	dst = append(dst, `,"bids":`...)
	dst = e.appendLevelsJSON(dst, f.Bids)
	dst = append(dst, `,"asks":`...)
	dst = e.appendLevelsJSON(dst, f.Asks)
	if f.HasCRC {
		dst = append(dst, `,"crc":`...)
		dst = appendUint(dst, uint64(f.CRC))
	}
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendOrderJSON(dst []byte, f *OrderFrame) []byte {
	dst = append(dst, e.head(ChannelOrder, RateEvery)...)
	dst = appendUint(dst, f.Seq)
	list := `,"events":[`
	if f.Snapshot {
		dst = append(dst, `,"type":"snapshot"`...)
		list = `,"orders":[`
	} else {
		dst = append(dst, `,"type":"delta"`...)
	}
	if f.Parts > 1 {
		dst = appendPartJSON(dst, f.Part, f.Parts)
	}
	dst = append(dst, `,"upd":`...)
	dst = appendUint(dst, f.Upd)
	dst = append(dst, list...)
	for i := range f.Events {
		dst = appendComma(dst, i == 0)
		if f.Snapshot {
			dst = append(dst, `{"id":`...)
		} else {
			dst = append(dst, `{"do":"`...)
			dst = append(dst, f.Events[i].Kind.String()...)
			dst = append(dst, `","id":`...)
		}
		dst = e.appendOrderEventJSON(dst, &f.Events[i])
	}
	dst = append(dst, ']')
	return appendTimesJSON(dst, f.TS, f.TP)
}

func (e *Encoder) appendOrderEventJSON(dst []byte, ev *Event) []byte {
	dst = appendUint(dst, ev.ID)
	dst = append(dst, `,"side":"`...)
	dst = append(dst, ev.Side.String()...)
	dst = append(dst, `","price":"`...)
	dst = AppendDecimal(dst, int64(ev.Price), e.priceScale)
	dst = append(dst, `","qty":"`...)
	dst = AppendDecimal(dst, int64(ev.Qty), e.qtyScale)
	return append(dst, `"}`...)
}

func (e *Encoder) appendLevelsJSON(dst []byte, levels []Level) []byte {
	dst = append(dst, '[')
	for i := range levels {
		if i > 0 {
			dst = append(dst, ',')
		}
		dst = e.appendLevelJSON(dst, levels[i])
	}
	return append(dst, ']')
}

// appendPartJSON appends the key of segment part of parts, comma first.
func appendPartJSON(dst []byte, part, parts int) []byte {
	dst = append(dst, `,"part":[`...)
	dst = appendInt(dst, int64(part))
	dst = append(dst, ',')
	dst = appendInt(dst, int64(parts))
	return append(dst, ']')
}

// appendTimesJSON ends a data frame.
func appendTimesJSON(dst []byte, ts, tp int64) []byte {
	ts, tp, n := ts/1000, tp/1000, len(dst)
	if !sixteenDigits(ts) || !sixteenDigits(tp) || cap(dst)-n < timesJSONRoom {
		return appendAnyTimesJSON(dst, ts, tp)
	}
	room := dst[n : n+timesJSONRoom]
	copy(room, `,"ts":0123456789012345,"tp":0123456789012345}`)
	binary.LittleEndian.PutUint64(room[6:], eightDigits(uint32(ts/pow8))|asciiZeros)
	binary.LittleEndian.PutUint64(room[14:], eightDigits(uint32(ts%pow8))|asciiZeros)
	binary.LittleEndian.PutUint64(room[28:], eightDigits(uint32(tp/pow8))|asciiZeros)
	binary.LittleEndian.PutUint64(room[36:], eightDigits(uint32(tp%pow8))|asciiZeros)
	return dst[:n+timesJSONRoom]
}

const timesJSONRoom = len(`,"ts":0123456789012345,"tp":0123456789012345}`)

// sixteenDigits holds for times from 2001 to 2286.
func sixteenDigits(micros int64) bool { return micros >= pow16/10 && micros < pow16 }

func appendAnyTimesJSON(dst []byte, ts, tp int64) []byte {
	dst = append(dst, `,"ts":`...)
	dst = appendInt(dst, ts)
	dst = append(dst, `,"tp":`...)
	dst = appendInt(dst, tp)
	return append(dst, '}')
}

// appendMicros appends a time in ns as microseconds, truncated: exact in a
// JavaScript number until the year 2255.
func appendMicros(dst []byte, nanos int64) []byte {
	return appendInt(dst, nanos/1000)
}

const (
	// frameJSONFixed bounds what a book or order frame takes besides its levels
	// or orders: the prefix is at most 50 bytes, the keys are 85, the numbers
	// at most 20 each.
	frameJSONFixed = 384

	// levelJSONFixed is what a level of a book frame takes besides its two
	// numbers, comma included.
	levelJSONFixed = len(`["",""],`)
	// levelJSONMax bounds a level: 19 digits, sign and point a number.
	levelJSONMax = levelJSONFixed + 2*(ScaleMax+3)

	// orderJSONMax bounds an order of an order frame, comma included: the keys
	// and words are 57 bytes, the id has at most 20 digits, the other two
	// numbers 21 bytes each.
	orderJSONMax = 128
	// ordersPartMax is how many orders a payload of at most FrameBytesMax
	// holds, whatever they are. They are not measured one by one as levels
	// are: books of more orders than this are rare.
	ordersPartMax = (FrameBytesMax - frameJSONFixed) / orderJSONMax
)

// bookParts returns the number of payloads that f takes.
func (e *Encoder) bookParts(f *BookFrame) int {
	bids, asks := f.Bids, f.Asks
	for parts := 1; ; parts++ {
		nb, na := e.cutBook(bids, asks)
		bids, asks = bids[nb:], asks[na:]
		if len(bids)+len(asks) == 0 {
			return parts
		}
	}
}

// cutBook returns how many levels go into the next payload.
func (e *Encoder) cutBook(bids, asks []Level) (nb, na int) {
	room := FrameBytesMax - frameJSONFixed
	if (len(bids)+len(asks))*levelJSONMax <= room {
		return len(bids), len(asks) // the rule: no need to count
	}
	nb, room = e.levelsWithin(bids, room)
	if nb < len(bids) {
		return nb, 0
	}
	na, _ = e.levelsWithin(asks, room)
	return nb, na
}

// levelsWithin returns how many of levels fit room bytes, and what is left.
func (e *Encoder) levelsWithin(levels []Level, room int) (n, rest int) {
	for i, l := range levels {
		size := levelJSONFixed + decimalBytes(int64(l.Price), e.priceScale) + decimalBytes(int64(l.Qty), e.qtyScale)
		if size > room {
			return i, room
		}
		room -= size
	}
	return len(levels), room
}
