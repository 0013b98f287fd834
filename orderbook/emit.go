package orderbook

import (
	"slices"

	"tickcast/wire"
)

// room extends dst by n events that the caller must put.
func room(dst []wire.Event, n int) []wire.Event {
	return slices.Grow(dst, n)[:len(dst)+n]
}

// put sets every field of an event one by one. Assigning a composite literal
// builds it on the stack in 8-byte stores and copies it with 16-byte loads,
// which stall on them: 52 instead of 41 ns a command in all (near, handles).
func put(e *wire.Event, kind wire.EventKind, side wire.Side, id uint64, price wire.Price, qty int64) {
	e.ID = id
	e.Ref = 0
	e.Trade = 0
	e.Price = price
	e.Qty = wire.Qty(qty)
	e.Count = 0
	e.Kind = kind
	e.Side = side
	e.State = 0
	e.Reason = 0
}

func putLevel(e *wire.Event, side wire.Side, price wire.Price, lv *level) {
	e.ID = 0
	e.Ref = 0
	e.Trade = 0
	e.Price = price
	e.Qty = wire.Qty(lv.qty)
	e.Count = uint32(lv.count)
	e.Kind = wire.EventLevelSet
	e.Side = side
	e.State = 0
	e.Reason = 0
}

func putTrade(e *wire.Event, side wire.Side, maker, taker, trade uint64, price wire.Price, qty int64) {
	e.ID = maker
	e.Ref = taker
	e.Trade = trade
	e.Price = price
	e.Qty = wire.Qty(qty)
	e.Count = 0
	e.Kind = wire.EventTrade
	e.Side = side
	e.State = 0
	e.Reason = 0
}
