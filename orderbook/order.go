package orderbook

import "tickcast/wire"

// Type is an order type. The zero Type is invalid.
type Type uint8

// The order types.
const (
	Limit     Type = iota + 1 // trades to its price, the rest stays
	Market                    // trades at any price inside the band, the rest is cancelled
	IOC                       // trades to its price, the rest is cancelled
	FOK                       // trades its whole quantity to its price, or is rejected
	PostOnly                  // a limit order, rejected if it would trade
	Stop                      // a market order once the last trade reaches Trigger
	StopLimit                 // a limit order once the last trade reaches Trigger
	Iceberg                   // a limit order that displays at most Display at a time
)

var typeNames = [...]string{"invalid", "limit", "market", "ioc", "fok", "post", "stop", "stoplimit", "iceberg"}

// String returns the type's word in match scripts.
func (t Type) String() string {
	if int(t) < len(typeNames) {
		return typeNames[t]
	}
	return typeNames[0]
}

// STP is what happens instead of a trade between two orders of one owner. The
// mode of the arriving order decides. The zero STP is none: they trade.
type STP uint8

// The modes of self-trade prevention.
const (
	STPNewest    STP = iota + 1 // the rest of the arriving order is cancelled
	STPOldest                   // the resting order is cancelled
	STPBoth                     // both are cancelled
	STPDecrement                // both shrink by the smaller one's quantity
)

var stpNames = [...]string{"none", "newest", "oldest", "both", "decrement"}

// String returns the mode's word in match scripts.
func (s STP) String() string {
	if int(s) < len(stpNames) {
		return stpNames[s]
	}
	return "invalid"
}

// Order is a new order. Enter reads it and keeps no reference.
type Order struct {
	ID    uint64 // with Config.OutsideIDs: 1 to IDMax; ignored otherwise
	Owner uint32 // for self-trade prevention; 0 is nobody
	Side  wire.Side
	Type  Type
	Qty   wire.Qty
	Price wire.Price // ignored for Market and Stop

	Trigger wire.Price // Stop and StopLimit
	Display wire.Qty   // Iceberg: 1 to Qty
	Min     wire.Qty   // rejected (an elected stop: cancelled) unless that much trades at once; 0: no minimum
	STP     STP
	Hidden  bool // Limit, PostOnly and StopLimit: rests without being displayed
}

// waits reports whether an order waits for its trigger first.
func (o *Order) waits() bool { return o.Type == Stop || o.Type == StopLimit }

// IDMax is the largest order id: what a JSON number can hold.
const IDMax = 1<<53 - 1

// Resting is an order in the book.
type Resting struct {
	ID    uint64
	Side  wire.Side
	Price wire.Price // of a waiting stop: its trigger
	Qty   wire.Qty   // displayed; of a hidden order or a waiting stop all of it
}

// order is one slot of the slab, 32 bytes, half a cache line.
type order struct {
	id         uint64 // id and, above it, flags
	qty        int64  // what is left; of an iceberg the displayed part
	next, prev int32  // in its level, 0 at the ends; next links free slots
	level      int32
	owner      uint32
}

// The flags above an order's id. A slot without any is a plain buy order.
const (
	idMask     = IDMax
	flagSell   = 1 << 53
	flagHidden = 1 << 54
	flagRare   = 1 << 55 // has a record in Book.rares
	flagStop   = 1 << 56 // waits in a ladder of triggers
	flagPost   = 1 << 57
	shiftSTP   = 58 // 3 bits
	flagFree   = 1 << 63

	flagsOdd = flagHidden | flagRare | flagStop // not for the fast paths
)

// side returns the index of the order's side: 0 buy, 1 sell.
func (o *order) side() int { return int(o.id >> 53 & 1) }

// stp returns the mode that the order arrived with.
func (o *order) stp() STP { return STP(o.id >> shiftSTP & 7) }

// rare is what few orders need, kept beside the slab.
type rare struct {
	reserve int64 // of an iceberg: not displayed
	display int64 // of an iceberg, or a stop: 0 if it is none
	price   int64 // of a waiting stop-limit order
	min     int64 // of a waiting stop
	typ     Type  // of a waiting stop: Stop or StopLimit
	hidden  bool  // of a waiting stop-limit order
}

// level is one price of a side.
type level struct {
	key        uint64 // price, turned so that the best key of a side is the smallest
	qty        int64  // displayed
	head, tail int32  // orders; next of a free level is its head
	count      int32  // displayed orders
	touch      int32  // 1 + index in Book.touched, 0 if untouched by this command
}
