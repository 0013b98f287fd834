package wire

// Encoder writes the data frames of one instrument. It is immutable and safe
// for concurrent use.
//
// A frame costs no allocation as long as dst has room. A template patched in
// place would save the copies of constant text, a tenth of the cost, but numbers
// vary in width.
type Encoder struct {
	heads      string // of all slots, one after another: `{"stream":"bbo.BTCUSDT","seq":`
	priceScale uint8
	qtyScale   uint8
	ends       [SlotCount]uint16 // of the slots' heads
}

// NewEncoder returns the encoder of in's frames. It keeps no reference to in.
func NewEncoder(in *Instrument) *Encoder {
	e := &Encoder{priceScale: in.PriceScale, qtyScale: in.QtyScale}
	var all []byte
	for s := Slot(1); s < SlotCount; s++ {
		all = append(all, `{"stream":"`...)
		all = s.Stream(0).AppendName(all, in.Symbol)
		all = append(all, `","seq":`...)
		e.ends[s] = uint16(len(all))
	}
	e.heads = string(all)
	return e
}

// Preload loads what frames of a slot's stream need, and changes nothing. The
// result means nothing; whoever uses it keeps the load.
func (e *Encoder) Preload(s Slot) (used uint64) { return uint64(e.heads[e.ends[s]-1]) }

// AppendBBO appends f in dialect d.
func (e *Encoder) AppendBBO(dst []byte, d Dialect, f *BBOFrame) []byte {
	switch d {
	case JSON:
		return e.appendBBOJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendTrade appends f in dialect d.
func (e *Encoder) AppendTrade(dst []byte, d Dialect, f *TradeFrame) []byte {
	switch d {
	case JSON:
		return e.appendTradeJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendBook appends f in dialect d as one payload, however long it is. Use
// AppendBookParts for what may exceed FrameBytesMax.
func (e *Encoder) AppendBook(dst []byte, d Dialect, f *BookFrame) []byte {
	switch d {
	case JSON:
		return e.appendBookJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendOrder appends f in dialect d as one payload, however long it is. Use
// AppendOrderParts for what may exceed FrameBytesMax.
func (e *Encoder) AppendOrder(dst []byte, d Dialect, f *OrderFrame) []byte {
	switch d {
	case JSON:
		return e.appendOrderJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendDepth appends f in dialect d.
func (e *Encoder) AppendDepth(dst []byte, d Dialect, f *DepthFrame) []byte {
	switch d {
	case JSON:
		return e.appendDepthJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendCandle appends f in dialect d.
func (e *Encoder) AppendCandle(dst []byte, d Dialect, f *CandleFrame) []byte {
	switch d {
	case JSON:
		return e.appendCandleJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendTicker appends f in dialect d.
func (e *Encoder) AppendTicker(dst []byte, d Dialect, f *TickerFrame) []byte {
	switch d {
	case JSON:
		return e.appendTickerJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendStatus appends f in dialect d.
func (e *Encoder) AppendStatus(dst []byte, d Dialect, f *StatusFrame) []byte {
	switch d {
	case JSON:
		return e.appendStatusJSON(dst, f)
	}
	panic("wire: unknown dialect")
}

// AppendBookParts appends f in dialect d as one or more payloads of at most
// FrameBytesMax each, and their ends to ends: indices in the returned slice,
// whose first payload begins at len(dst). The levels of all parts together
// are f's, bids first; everything else is repeated in each. f.Part and
// f.Parts are not read.
func (e *Encoder) AppendBookParts(dst []byte, d Dialect, f *BookFrame, ends []int) ([]byte, []int) {
	part := *f
	part.Part, part.Parts = 0, e.bookParts(f)
	bids, asks := f.Bids, f.Asks
	for part.Part < part.Parts {
		part.Part++
		nb, na := e.cutBook(bids, asks)
		part.Bids, bids = bids[:nb], bids[nb:]
		part.Asks, asks = asks[:na], asks[na:]
		dst = e.AppendBook(dst, d, &part)
		ends = append(ends, len(dst))
	}
	return dst, ends
}

// AppendOrderParts is AppendBookParts for the orders of f.
func (e *Encoder) AppendOrderParts(dst []byte, d Dialect, f *OrderFrame, ends []int) ([]byte, []int) {
	part := *f
	part.Part, part.Parts = 0, max(1, (len(f.Events)+ordersPartMax-1)/ordersPartMax)
	rest := f.Events
	for part.Part < part.Parts {
		part.Part++
		n := min(len(rest), ordersPartMax)
		part.Events, rest = rest[:n], rest[n:]
		dst = e.AppendOrder(dst, d, &part)
		ends = append(ends, len(dst))
	}
	return dst, ends
}

// head returns how a stream's frames begin. A channel and a rate without a
// stream are the caller's error.
func (e *Encoder) head(c Channel, r Rate) string {
	slot := NewSlot(c, r)
	if slot == 0 {
		panic("wire: no stream of this channel and rate")
	}
	return e.heads[e.ends[slot-1]:e.ends[slot]]
}
