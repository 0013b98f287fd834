package feed

import (
	"fmt"
	"slices"

	"tickcast/orderbook"
	"tickcast/wire"
)

// publish lets random orders into random books.
func (w *world) publish(txns int) error {
	w.batch.Reset()
	for range txns {
		i := w.r.IntN(len(w.tales))
		w.command(i, w.order)
	}
	return w.hand()
}

// command has a symbol's book do something, as one transaction.
func (w *world) command(i int, do func(dst []wire.Event, t *tale) []wire.Event) {
	t, from := w.tales[i], len(w.batch.Events)
	w.batch.Events = do(w.batch.Events, t)
	t.note(w.batch.Events[from:])
	w.batch.Commit(uint32(i), w.market)
}

// hand publishes the batch, and compares the numbers of updates.
func (w *world) hand() error {
	if err := w.hub.Publish(&w.batch, w.now); err != nil {
		return err
	}
	for i, t := range w.tales {
		if got, want := w.hub.symbols[i].upd(), uint64(len(t.shown)-1); got != want {
			return fmt.Errorf("symbol %d is at update %d; want %d", i, got, want)
		}
	}
	return nil
}

// order is an order of any kind, or takes one back.
func (w *world) order(dst []wire.Event, t *tale) []wire.Event {
	if n := len(t.ids); n > 0 && w.r.IntN(100) < 45 {
		k := w.r.IntN(n)
		id, price := t.ids[k], wire.Price(5*(1000+w.r.IntN(30)))
		switch w.r.IntN(10) {
		case 0:
			return t.book.Reduce(dst, id, wire.Qty(1+w.r.IntN(100)))
		case 1:
			return t.book.Replace(dst, id, wire.Qty(1+w.r.IntN(300)), price)
		}
		t.ids[k] = t.ids[n-1]
		t.ids = t.ids[:n-1]
		return t.book.Cancel(dst, id)
	}
	o := orderbook.Order{
		Side: wire.Buy + wire.Side(w.r.IntN(2)), Type: orderbook.Limit,
		Qty: wire.Qty(1 + w.r.IntN(300)), Price: wire.Price(5 * (1000 + w.r.IntN(30))),
	}
	switch w.r.IntN(20) {
	case 0:
		o.Type, o.Display = orderbook.Iceberg, 1+o.Qty/5
	case 1:
		o.Hidden = true
	case 2:
		o.Type = orderbook.Market
	case 3:
		o.Type, o.Trigger = orderbook.Stop, o.Price
	}
	return t.book.Enter(dst, &o)
}

// change sets a symbol's trading state, most often back to trading.
func (w *world) change() error {
	w.batch.Reset()
	w.command(w.r.IntN(len(w.tales)), func(dst []wire.Event, t *tale) []wire.Event {
		state := wire.StateTrading
		if t.book.State() == state || w.r.IntN(3) == 0 {
			state += wire.State(w.r.IntN(5))
		}
		w.census[state.String()]++
		return t.book.SetState(dst, state)
	})
	return w.hand()
}

// pass lets time pass: in the market too, whose source says so, and for the
// beats of tiers that are due.
func (w *world) pass(nanos int64) {
	w.now += nanos
	w.market += nanos
	if w.r.IntN(4) == 0 {
		w.hub.Advance(w.market, w.now)
	}
	if w.r.IntN(10) > 0 {
		w.beat()
	}
}

// beat calls Beat if that is due.
func (w *world) beat() {
	made := false
	select {
	case <-w.hub.tiered:
		made = true
	default:
	}
	if made || w.now >= w.beatAt {
		before := slices.Concat(w.hub.derived[:]...)
		w.beatAt = w.hub.Beat(w.now)
		for _, d := range before {
			if d.symbol.derived[d.slot] != d {
				name := w.hub.listings.Load().name(nil, d.slot.Stream(d.symbol.id))
				w.died[string(name)] = d.symbol.seq(d.slot)
				w.census["derived died"]++
			}
		}
	}
}

// leap lets much time pass at once: of the market, or of the wall, so that
// what is idle dies of age.
func (w *world) leap() {
	switch w.r.IntN(6) {
	case 0:
		w.market += int64(w.r.IntN(20)) * 3600e9
	case 1, 2:
		w.market += int64(w.r.IntN(600)) * 1e9
	case 3:
		for range 1 + w.r.IntN(4) { // nobody waits for the other
			w.now += 25e9
			w.beat()
			for i := range w.shards {
				w.deliver(i)
			}
			w.drain(false)
		}
	default:
		w.market += int64(w.r.IntN(5000)) * 1e6
	}
	w.hub.Advance(w.market, w.now)
}

// storm has many clients come at once for the same, most of them only for a
// moment.
func (w *world) storm() {
	if w.calm || len(w.clients) > 10 {
		return
	}
	entries := []string{w.entry(), w.entry(), w.entry()}
	for range 12 {
		c := w.connect(SlowConflate)
		if len(c.asked) == 0 {
			w.subscribe(c, entries, "")
		}
		c.hasty = true
	}
}

// hurry ends clients that came for a moment.
func (w *world) hurry() {
	for _, c := range w.clients {
		if c.hasty && !c.m.dead && w.r.IntN(30) == 0 {
			c.m.shard.now = w.now
			c.m.kill(closeAbnormal, "test", true)
			c.m.shard.flush(w.now)
		}
	}
}
