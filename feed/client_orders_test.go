package feed

import (
	"errors"
	"fmt"
	"slices"
	"sort"

	"tickcast/wire"
)

// clientOrder is one of an order frame.
type clientOrder struct {
	Do, Side   string
	ID         uint64
	Price, Qty string
}

// orderList is a client's L3 book: the orders of each side in order of
// priority, best price first, then who came first.
type orderList struct {
	sides [2][]heldOrder
	known map[uint64]heldOrder // to find them
}

type heldOrder struct {
	id         uint64
	price, qty int64
	side       int
}

// held reads an order of a frame.
func (o *clientOrder) held() (heldOrder, error) {
	h := heldOrder{id: o.ID, price: units(o.Price), qty: units(o.Qty)}
	switch o.Side {
	case "buy":
	case "sell":
		h.side = 1
	default:
		return h, fmt.Errorf("side %q", o.Side)
	}
	if o.ID == 0 || o.ID >= 1<<53 {
		return h, fmt.Errorf("id %d", o.ID)
	}
	return h, nil
}

// level returns where the orders of a price begin and end, or would.
func (l *orderList) level(side int, price int64) (from, to int) {
	orders := l.sides[side]
	before := func(a, b int64) bool { return a != b && (a < b) == (side == 1) }
	from = sort.Search(len(orders), func(i int) bool { return !before(orders[i].price, price) })
	to = from + sort.Search(len(orders)-from, func(i int) bool { return before(price, orders[from+i].price) })
	return from, to
}

// find returns where an order is, -1 if it is not on that side.
func (l *orderList) find(id uint64, side int) int {
	h, ok := l.known[id]
	if !ok || h.side != side {
		return -1
	}
	from, to := l.level(side, h.price)
	for i := from; i < to; i++ {
		if l.sides[side][i].id == id {
			return i
		}
	}
	return -1
}

// add puts an order last at its price, and returns where that is.
func (l *orderList) add(h heldOrder) (int, error) {
	if _, known := l.known[h.id]; known {
		return 0, errors.New("is there already")
	}
	if h.qty <= 0 {
		return 0, fmt.Errorf("quantity %d", h.qty)
	}
	_, at := l.level(h.side, h.price)
	l.sides[h.side] = slices.Insert(l.sides[h.side], at, h)
	l.known[h.id] = h
	return at, nil
}

func (l *orderList) remove(side, at int) {
	delete(l.known, l.sides[side][at].id)
	l.sides[side] = slices.Delete(l.sides[side], at, at+1)
}

// beginOrders makes the client's L3 book what a snapshot says.
func (s *followed) beginOrders(f *clientFrame) error {
	s.orders = orderList{known: map[uint64]heldOrder{}}
	for i := range f.Orders {
		h, err := f.Orders[i].held()
		if err != nil {
			return err
		}
		if h.side == 0 && len(s.orders.sides[1]) > 0 {
			return errors.New("a bid behind an ask")
		}
		at, err := s.orders.add(h)
		if err == nil && at != len(s.orders.sides[h.side])-1 {
			err = errors.New("is not where its priority is")
		}
		if err != nil {
			return fmt.Errorf("order %d: %w", h.id, err)
		}
	}
	return s.summed(f.Upd)
}

// applyOrders applies a delta, event by event.
func (s *followed) applyOrders(f *clientFrame) error {
	if len(f.Events) == 0 {
		return errors.New("without events")
	}
	for i := range f.Events {
		if err := s.orders.apply(&f.Events[i]); err != nil {
			return fmt.Errorf("%s order %d: %w", f.Events[i].Do, f.Events[i].ID, err)
		}
	}
	return s.summed(f.Upd)
}

func (l *orderList) apply(o *clientOrder) error {
	h, err := o.held()
	if err != nil {
		return err
	}
	if o.Do == "add" {
		_, err = l.add(h)
		return err
	}
	at := l.find(h.id, h.side)
	if at < 0 {
		return errors.New("is not there")
	}
	known := &l.sides[h.side][at]
	switch o.Do {
	case "reduce":
		if h.price != known.price || h.qty <= 0 || h.qty >= known.qty {
			return fmt.Errorf("was %+v", *known)
		}
		known.qty = h.qty
	case "remove":
		if h.qty != 0 { // its price is a new one if it was replaced and traded away
			return fmt.Errorf("was %+v", *known)
		}
		l.remove(h.side, at)
	case "replace":
		l.remove(h.side, at)
		_, err = l.add(h)
	default:
		err = errors.New("unknown")
	}
	return err
}

// sum adds a side's orders up, level by level, and returns the best n.
func (l *orderList) sum(side, n int) []wire.Level {
	var out []wire.Level
	for _, o := range l.sides[side] {
		if k := len(out); k > 0 && out[k-1].Price == wire.Price(o.price) {
			out[k-1].Qty += wire.Qty(o.qty)
			continue
		}
		if len(out) == n {
			break
		}
		out = append(out, wire.Level{Price: wire.Price(o.price), Qty: wire.Qty(o.qty)})
	}
	return out
}

// summed compares the orders, added up, with the displayed book, unless that
// is hidden.
func (s *followed) summed(upd uint64) error {
	if s.tale.hiddenAt(upd) {
		return nil
	}
	return s.tale.same(upd, taleLevels, s.orders.sum(0, taleLevels), s.orders.sum(1, taleLevels))
}
