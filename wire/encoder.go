package wire

// FrameBytesMax bounds every payload that leaves the server (PROTOCOL.md
// section 4): clients and proxies size their buffers by it.
const FrameBytesMax = 512 << 10

// BBOFrame is a frame of a bbo stream.
type BBOFrame struct {
	Seq, Upd uint64
	Top      Top   // a side with Qty 0 is empty
	TS, TP   int64 // market time and time of publication, ns since the epoch
}

// TradeFrame is a frame of a trade stream.
type TradeFrame struct {
	Seq, ID uint64
	Price   Price
	Qty     Qty
	Side    Side  // the aggressor's
	TS, TP  int64 // market time and time of publication, ns since the epoch
}

// BookFrame is a frame of a book stream: a snapshot, or absolute quantities
// of changed levels. The encoder only reads Bids and Asks.
type BookFrame struct {
	Seq         uint64
	First, Upd  uint64 // the range of book updates that it covers
	Snapshot    bool
	Bids, Asks  []Level // best level first
	CRC         uint32  // of the book after this frame, if HasCRC
	HasCRC      bool
	Part, Parts int   // segment, from 1; Parts 0 or 1: it is whole
	TS, TP      int64 // market time and time of publication, ns since the epoch
}

// Encoder writes the data frames of one instrument. It is immutable and safe
// for concurrent use.
//
// A frame costs no allocation as long as dst has room. A template patched in
// place would save the copies of constant text, a tenth of the cost, but numbers
// vary in width.
type Encoder struct {
	prefix     [ChannelCount]string // `{"stream":"bbo.BTCUSDT","seq":`
	priceScale uint8
	qtyScale   uint8
}

// NewEncoder returns the encoder of in's frames. It keeps no reference to in.
func NewEncoder(in *Instrument) *Encoder {
	e := &Encoder{priceScale: in.PriceScale, qtyScale: in.QtyScale}
	for c := Channel(1); c < ChannelCount; c++ {
		name := NewStreamID(0, c).AppendName(nil, in.Symbol)
		e.prefix[c] = `{"stream":"` + string(name) + `","seq":`
	}
	return e
}

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
