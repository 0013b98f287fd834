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
	cfg       Config
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

// newNaive takes the configuration of a book, with its defaults.
func newNaive(cfg Config) *naive { return &naive{cfg: cfg, state: wire.StateTrading} }

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
		if c.Price > c.High {
			n.say("rejected 0 band")
			return n.out
		}
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

// worst is a limit at which an order would trade with all of a side.
func (n *naive) worst(side wire.Side) wire.Price {
	if side == wire.Buy {
		return -PriceMax
	}
	return PriceMax
}

func (o *nOrder) own(m *nOrder) bool { return o.STP != 0 && o.Owner != 0 && o.Owner == m.Owner }

// offGrid returns what is wrong with a price, band aside.
func (n *naive) offGrid(p wire.Price) string {
	switch {
	case p < n.cfg.MinPrice || p > n.cfg.MaxPrice:
		return "limit"
	case p%n.cfg.Tick != 0:
		return "tick"
	}
	return ""
}

func (n *naive) badPrice(p wire.Price) string {
	if why := n.offGrid(p); why != "" {
		return why
	}
	if n.outside(p) {
		return "band"
	}
	return ""
}

func (n *naive) badQty(q wire.Qty) string {
	switch {
	case q < n.cfg.MinQty:
		return "min"
	case q > n.cfg.MaxQty:
		return "limit"
	case q%n.cfg.Lot != 0:
		return "lot"
	}
	return ""
}

func (n *naive) refuse(o *nOrder) string {
	stop := o.Type == Stop || o.Type == StopLimit
	switch {
	case n.state != wire.StateTrading && !n.collecting():
		return "state"
	case n.collecting() && (o.Type == Market || o.Type == IOC || o.Type == FOK || o.Min > 0 && !stop):
		return "state"
	case n.find(o.ID) != nil:
		return "duplicate"
	case n.badQty(o.Qty) != "":
		return n.badQty(o.Qty)
	case stop && n.offGrid(o.Trigger) != "":
		return n.offGrid(o.Trigger)
	case o.Type != Market && o.Type != Stop && n.badPrice(o.Price) != "":
		return n.badPrice(o.Price)
	case o.Type == Iceberg && (o.Display < 1 || o.Display > o.Qty || o.Display%n.cfg.Lot != 0):
		return "limit"
	case o.Min > o.Qty:
		return "min"
	case o.Type == PostOnly && len(n.opposite(o)) > 0:
		return "post"
	case o.Type == FOK && n.tradable(o) < o.Qty:
		return "fok"
	case !stop && n.tradable(o) < o.Min:
		return "min"
	}
	return ""
}

// tradable is what an order would trade at once.
func (n *naive) tradable(o *nOrder) wire.Qty {
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
	return can + levelReserve
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
	switch {
	case n.state == wire.StateClosed || o == nil:
		n.cancel(id)
		return
	case by < 1:
		n.say("rejected %d min", id)
		return
	case by%n.cfg.Lot != 0:
		n.say("rejected %d lot", id)
		return
	case by >= o.left+o.reserve:
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
	if why := n.badQty(qty); why != "" {
		n.say("rejected %d %s", id, why)
		return
	}
	if o.Type == Stop || o.Type == StopLimit {
		if slices.Contains(n.stops, o) {
			n.replaceStop(o, qty, price)
			return
		}
	}
	if why := n.badPrice(price); why != "" {
		n.say("rejected %d %s", id, why)
		return
	}
	moved := *o
	moved.Price, moved.left = price, qty
	if o.Type == PostOnly && len(n.opposite(&moved)) > 0 {
		n.say("rejected %d post", id)
		return
	}
	if price == o.Price && qty <= o.left+o.reserve && !n.cfg.Requeue {
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
	why := n.offGrid(price)
	if o.Type == StopLimit {
		why = n.badPrice(price)
	}
	if why != "" {
		n.say("rejected %d %s", o.ID, why)
		return
	}
	if o.Type == StopLimit {
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
	if !n.traded || n.state != wire.StateTrading {
		return
	}
	elected := n.elect()
	for ; len(elected) > 0; elected = append(elected[1:], n.elect()...) {
		o := elected[0]
		if n.tradable(o) < min(o.Min, o.left) {
			n.say("cancelled %d %d", o.ID, o.left)
			continue
		}
		if o.Type == StopLimit {
			o.Type = Limit
		}
		n.execute(o)
	}
}

// elect takes out the stops that the last trade reaches.
func (n *naive) elect() []*nOrder {
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
	for _, o := range elected {
		n.drop(o)
	}
	return elected
}
