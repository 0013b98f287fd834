package wire

// EventKind says what an Event reports. The zero kind is invalid.
type EventKind uint8

// The kinds of events. One command to a book appends them in this order of
// meaning: the answer, what happened order by order, the net change level by
// level, whether the top moved.
//
//	kind      ID     Ref    Trade  Price  Qty                Count   Side        State/Reason
//	Accepted  order                limit  entered                    order's
//	Rejected  order                                                  order's     Reason
//	Trade     maker  taker  id     maker's executed                  aggressor's
//	Cancelled order                limit  cancelled                  order's     Reason
//	Replaced  order                new    remaining                  order's
//	Add       order                limit  displayed                  order's
//	Reduce    order                limit  displayed, new             order's
//	Remove    order                limit  0                          order's
//	Replace   order                new    displayed, new             order's
//	LevelSet                       level  displayed, new     orders  level's
//	TopMoved
//	StateSet                                                                     State, Reason
//	Uncross                        price  executed
const (
	EventAccepted  EventKind = iota + 1 // a new order was taken in
	EventRejected                       // a command was refused
	EventTrade                          // an execution, at the maker's price
	EventCancelled                      // an order, or the rest of it, left without trading
	EventReplaced                       // a replace was carried out, its trades before it
	EventAdd                            // L3: an order rests, last in its level
	EventReduce                         // L3: a resting order shrank and keeps its place
	EventRemove                         // L3: a resting order is gone
	EventReplace                        // L3: a resting order moved to the back of its (new) level
	EventLevelSet                       // L2: the new displayed total of a level, 0 when it is gone
	EventTopMoved                       // L1: best price or best quantity changed
	EventStateSet                       // the trading state changed
	EventUncross                        // an auction ended
)

var eventKindNames = [...]string{
	"invalid", "accepted", "rejected", "trade", "cancelled", "replaced",
	"add", "reduce", "remove", "replace", "level_set", "top_moved", "state_set", "uncross",
}

// String returns the kind's name, for logs and tests.
func (k EventKind) String() string {
	if int(k) < len(eventKindNames) {
		return eventKindNames[k]
	}
	return eventKindNames[0]
}

// Event is one fact that a book reports: flat, without pointers, 48 bytes.
// The table above says which fields a kind uses; others are zero.
//
// EventAdd, EventReduce, EventRemove and EventReplace, applied in order,
// rebuild the L3 book; EventLevelSet rebuilds L2 and is net: at most one for
// a level and a command, and only if its displayed total differs from before
// the command; a Count that changes alone is told by nothing. Hidden quantity
// shows in trades only.
type Event struct {
	ID    uint64 // order id, below 2^53
	Ref   uint64 // second order id, below 2^53
	Trade uint64 // trade id, contiguous from 1 for each symbol
	Price Price
	Qty   Qty
	Count uint32 // orders in a level

	Kind   EventKind
	Side   Side
	State  State
	Reason Reason
}

// State is a trading state. The zero State is invalid.
type State uint8

// The trading states.
const (
	StateTrading State = iota + 1 // continuous trading
	StatePreOpen                  // orders are collected, nothing matches
	StateAuction                  // as pre-open, with an uncross at the end
	StateHalt                     // cancels only
	StateClosed                   // nothing
)

var stateNames = [...]string{"invalid", "trading", "pre_open", "auction", "halt", "closed"}

// String returns the name that PROTOCOL.md gives the state.
func (s State) String() string {
	if int(s) < len(stateNames) {
		return stateNames[s]
	}
	return stateNames[0]
}

// Collecting reports whether orders rest without matching, so that the book is
// not shown.
func (s State) Collecting() bool { return s == StatePreOpen || s == StateAuction }

// Reason says why a command was rejected or an order cancelled. The zero
// Reason is none: the owner asked for it.
type Reason uint8

// The reasons.
const (
	ReasonTick      Reason = iota + 1 // price is not a multiple of the tick
	ReasonLot                         // quantity is not a multiple of the lot
	ReasonMin                         // quantity below the minimum
	ReasonLimit                       // price or quantity outside its limits
	ReasonBand                        // price outside the price band
	ReasonState                       // not possible in this trading state
	ReasonUnknown                     // no such order
	ReasonDuplicate                   // the id is in use
	ReasonSTP                         // self-trade prevention
	ReasonFOK                         // fill or kill could not fill
	ReasonPost                        // post-only would have traded
	ReasonIOC                         // rest of an immediate-or-cancel or market order
)

var reasonNames = [...]string{"", "tick", "lot", "min", "limit", "band", "state", "unknown", "duplicate", "stp", "fok", "post", "ioc"}

// String returns the code of MARKETSIM.md's match report, "" for none.
func (r Reason) String() string {
	if int(r) < len(reasonNames) {
		return reasonNames[r]
	}
	return "invalid"
}
