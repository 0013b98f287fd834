package orderbook

import (
	"fmt"
	"slices"
	"sort"

	"tickcast/wire"
)

// naive is the oracle: the rules again, over one slice of orders, with nothing
// cached and nothing fast. It answers in report lines.
type naive struct {
	book      []*nOrder // in order of time
	stops     []*nOrder // in order of time
	state     wire.State
	last, ref wire.Price
	traded    bool
	low, high wire.Price
	out       []string
}

type nOrder struct {
	Order
	left    wire.Qty // displayed, or all of a hidden order
	reserve wire.Qty
}

func newNaive() *naive { return &naive{state: wire.StateTrading} }

func (n *naive) say(format string, a ...any) { n.out = append(n.out, fmt.Sprintf(format, a...)) }

func (n *naive) do(c *Command) []string {
	n.out = nil
	switch c.Kind {
	case CommandNew:
		n.enter(c.Order)
	case CommandCancel:
		n.cancel(c.ID)
	case CommandReduce:
		n.reduce(c.ID, c.Qty)
	case CommandReplace:
		n.replace(c.ID, c.Qty, c.Price)
	case CommandState:
		before := n.state
		n.state = c.State
		n.say("state %v", c.State)
		if c.State == wire.StateTrading || before == wire.StateAuction && c.State == wire.StateClosed {
			n.uncross()
		}
	case CommandBand:
		n.low, n.high = c.Price, c.High
	case CommandReference:
		n.ref = c.Price
	}
	n.cascade()
	return n.out
}

func (n *naive) collecting() bool {
	return n.state == wire.StatePreOpen || n.state == wire.StateAuction
}

func (n *naive) outside(p wire.Price) bool {
	return (n.low != 0 || n.high != 0) && (p < n.low || p > n.high)
}

func (n *naive) find(id uint64) *nOrder {
	for _, o := range append(append([]*nOrder{}, n.book...), n.stops...) {
		if o.ID == id {
			return o
		}
	}
	return nil
}

func (n *naive) drop(o *nOrder) {
	keep := func(s []*nOrder) []*nOrder {
		var out []*nOrder
		for _, x := range s {
			if x != o {
				out = append(out, x)
			}
		}
		return out
	}
	n.book, n.stops = keep(n.book), keep(n.stops)
}

// opposite returns the orders that o could trade with, in order of priority.
func (n *naive) opposite(o *nOrder) []*nOrder {
	var out []*nOrder
	for _, m := range n.book {
		if m.Side == o.Side {
			continue
		}
		price := o.Price
		if o.Type == Market || o.Type == Stop {
			price = m.Price
			if n.outside(price) && (o.Side == wire.Buy && price > n.high || o.Side == wire.Sell && price < n.low) {
				continue
			}
		}
		if o.Side == wire.Buy && m.Price <= price || o.Side == wire.Sell && m.Price >= price {
			out = append(out, m)
		}
	}
	sort.SliceStable(out, func(i, j int) bool {
		if o.Side == wire.Buy {
			return out[i].Price < out[j].Price
		}
		return out[i].Price > out[j].Price
	})
	return out
}

func (o *nOrder) own(m *nOrder) bool { return o.STP != 0 && o.Owner != 0 && o.Owner == m.Owner }

func (n *naive) refuse(o *nOrder) string {
	stop := o.Type == Stop || o.Type == StopLimit
	switch {
	case n.state != wire.StateTrading && !n.collecting():
		return "state"
	case n.collecting() && (o.Type == Market || o.Type == IOC || o.Type == FOK || o.Min > 0):
		return "state"
	case n.find(o.ID) != nil:
		return "duplicate"
	case o.Type != Market && o.Type != Stop && n.outside(o.Price):
		return "band"
	case o.Type == Iceberg && o.Display > o.Qty:
		return "limit"
	case o.Min > o.Qty:
		return "min"
	case o.Type == PostOnly && len(n.opposite(o)) > 0:
		return "post"
	}
	can := wire.Qty(0)
	levelReserve, levelPrice := wire.Qty(0), wire.Price(0)
	for _, m := range n.opposite(o) {
		if m.Price != levelPrice {
			can += levelReserve
			levelReserve, levelPrice = 0, m.Price
		}
		if o.own(m) {
			if o.STP == STPOldest {
				continue
			}
			levelReserve = 0
			break
		}
		can += m.left
		levelReserve += m.reserve
	}
	can += levelReserve
	switch {
	case o.Type == FOK && can < o.Qty:
		return "fok"
	case !stop && can < o.Min:
		return "min"
	}
	return ""
}

func (n *naive) enter(order Order) {
	o := &nOrder{Order: order, left: order.Qty}
	if why := n.refuse(o); why != "" {
		n.say("rejected %d %s", o.ID, why)
		return
	}
	n.say("accepted %d", o.ID)
	if o.Type == Stop || o.Type == StopLimit {
		n.stops = append(n.stops, o)
		return
	}
	n.execute(o)
}

func (n *naive) execute(o *nOrder) {
	if !n.collecting() {
		n.match(o)
	}
	switch {
	case o.left == 0:
	case o.Type == Market || o.Type == Stop || o.Type == IOC || o.Type == FOK:
		n.say("cancelled %d %d", o.ID, o.left)
	default:
		if o.Type == Iceberg && o.left > o.Display {
			o.reserve = o.left - o.Display
			o.left = o.Display
		}
		n.book = append(n.book, o)
	}
}

func (n *naive) match(o *nOrder) {
	for o.left > 0 {
		makers := n.opposite(o)
		if len(makers) == 0 {
			return
		}
		m := makers[0]
		qty := min(o.left, m.left)
		if !o.own(m) {
			n.trade(m.Price, qty, m, o.ID)
			o.left -= qty
			continue
		}
		switch o.STP {
		case STPNewest:
			n.say("cancelled %d %d", o.ID, o.left)
			o.left = 0
		case STPOldest:
			n.say("cancelled %d %d", m.ID, m.left+m.reserve)
			n.drop(m)
		case STPBoth:
			n.say("cancelled %d %d", m.ID, m.left+m.reserve)
			n.drop(m)
			n.say("cancelled %d %d", o.ID, o.left)
			o.left = 0
		case STPDecrement:
			n.say("cancelled %d %d", o.ID, qty)
			n.say("cancelled %d %d", m.ID, qty)
			o.left -= qty
			n.use(m, qty)
		}
	}
}

func (n *naive) trade(price wire.Price, qty wire.Qty, m *nOrder, taker uint64) {
	n.say("trade %d %d %d %d", price, qty, m.ID, taker)
	n.last, n.traded = price, true
	n.use(m, qty)
}

// use takes displayed quantity off a resting order, with refill.
func (n *naive) use(m *nOrder, qty wire.Qty) {
	if m.left -= qty; m.left > 0 {
		return
	}
	n.drop(m)
	if m.reserve > 0 {
		m.left = min(m.Display, m.reserve)
		m.reserve -= m.left
		n.book = append(n.book, m)
	}
}

func (n *naive) cancel(id uint64) {
	o := n.find(id)
	switch {
	case n.state == wire.StateClosed:
		n.say("rejected %d state", id)
	case o == nil:
		n.say("rejected %d unknown", id)
	default:
		n.say("cancelled %d %d", id, o.left+o.reserve)
		n.drop(o)
	}
}

func (n *naive) reduce(id uint64, by wire.Qty) {
	o := n.find(id)
	if n.state == wire.StateClosed || o == nil || by >= o.left+o.reserve {
		n.cancel(id)
		return
	}
	n.say("cancelled %d %d", id, by)
	n.shrink(o, by)
}

func (n *naive) shrink(o *nOrder, by wire.Qty) {
	off := min(by, o.reserve)
	o.reserve -= off
	o.left -= by - off
}

func (n *naive) replace(id uint64, qty wire.Qty, price wire.Price) {
	o := n.find(id)
	if n.state != wire.StateTrading && !n.collecting() {
		n.say("rejected %d state", id)
		return
	}
	if o == nil {
		n.say("rejected %d unknown", id)
		return
	}
	if o.Type == Stop || o.Type == StopLimit {
		if slices.Contains(n.stops, o) {
			n.replaceStop(o, qty, price)
			return
		}
	}
	if n.outside(price) {
		n.say("rejected %d band", id)
		return
	}
	moved := *o
	moved.Price, moved.left = price, qty
	if o.Type == PostOnly && len(n.opposite(&moved)) > 0 {
		n.say("rejected %d post", id)
		return
	}
	if price == o.Price && qty <= o.left+o.reserve {
		n.shrink(o, o.left+o.reserve-qty)
		n.say("replaced %d", id)
		return
	}
	n.drop(o)
	o.Price, o.left, o.reserve = price, qty, 0
	if o.Type == IOC || o.Type == Market {
		panic("rests")
	}
	n.execute(o)
	n.say("replaced %d", id)
}

func (n *naive) replaceStop(o *nOrder, qty wire.Qty, price wire.Price) {
	keep := qty <= o.left
	if o.Type == StopLimit {
		if n.outside(price) {
			n.say("rejected %d band", o.ID)
			return
		}
		o.Price = price
	} else {
		keep = keep && price == o.Trigger
		o.Trigger = price
	}
	o.left = qty
	if !keep {
		n.drop(o)
		n.stops = append(n.stops, o)
	}
	n.say("replaced %d", o.ID)
}

// cascade executes stops until the last trade elects none.
func (n *naive) cascade() {
	for n.traded && n.state == wire.StateTrading {
		var elected []*nOrder
		for _, side := range sidesOf {
			var of []*nOrder
			for _, o := range n.stops {
				if o.Side == side && (side == wire.Buy && n.last >= o.Trigger || side == wire.Sell && n.last <= o.Trigger) {
					of = append(of, o)
				}
			}
			sort.SliceStable(of, func(i, j int) bool {
				if side == wire.Buy {
					return of[i].Trigger < of[j].Trigger
				}
				return of[i].Trigger > of[j].Trigger
			})
			elected = append(elected, of...)
		}
		if len(elected) == 0 {
			return
		}
		for _, o := range elected {
			n.drop(o)
		}
		for _, o := range elected {
			if o.Type == StopLimit {
				o.Type = Limit
			}
			n.execute(o)
		}
	}
}

// uncross tries every price one by one.
func (n *naive) uncross() {
	lowest, highest := wire.Price(1<<62), wire.Price(0)
	for _, o := range n.book {
		lowest, highest = min(lowest, o.Price), max(highest, o.Price)
	}
	type candidate struct {
		price          wire.Price
		qty, imbalance wire.Qty
	}
	var best []candidate
	for p := lowest; p <= highest; p++ {
		var demand, supply wire.Qty
		for _, o := range n.book {
			if o.Side == wire.Buy && o.Price >= p {
				demand += o.left + o.reserve
			} else if o.Side == wire.Sell && o.Price <= p {
				supply += o.left + o.reserve
			}
		}
		c := candidate{p, min(demand, supply), demand - supply}
		size := func(c candidate) wire.Qty { return max(c.imbalance, -c.imbalance) }
		if len(best) > 0 && (c.qty > best[0].qty || c.qty == best[0].qty && size(c) < size(best[0])) {
			best = nil
		}
		if len(best) == 0 || c.qty == best[0].qty && size(c) == size(best[0]) {
			best = append(best, c)
		}
	}
	if len(best) == 0 || best[0].qty == 0 {
		return
	}
	buyers, sellers := true, true
	for _, c := range best {
		buyers, sellers = buyers && c.imbalance > 0, sellers && c.imbalance < 0
	}
	ref := n.ref
	if ref == 0 {
		ref = n.last
	}
	pick := best[0]
	switch {
	case buyers:
		pick = best[len(best)-1]
	case !sellers:
		for _, c := range best {
			if max(c.price-ref, ref-c.price) < max(pick.price-ref, ref-pick.price) {
				pick = c
			}
		}
	}
	for left := pick.qty; left > 0; {
		bid := n.opposite(&nOrder{Order: Order{Side: wire.Sell, Price: 1}})[0]
		ask := n.opposite(&nOrder{Order: Order{Side: wire.Buy, Price: 1 << 61}})[0]
		qty := min(left, bid.left, ask.left)
		n.trade(pick.price, qty, bid, ask.ID)
		n.use(ask, qty)
		left -= qty
	}
	n.say("uncross %d %d", pick.price, pick.qty)
}
