package marketsim

import (
	"tickcast/orderbook"
	"tickcast/wire"
)

// flow is the order flow of one symbol and its book. An event of its clock is
// one command to the book: the efficient price moves, then somebody takes,
// cancels or adds.
type flow struct {
	// static
	profile
	tables *tables
	book   *orderbook.Book

	rand   random
	clock  clock
	latent latent
	pool   pool
	next   int64 // market time of the next event

	program program
	script  script
	aside   int64 // market time of the next thing that is not of the clock

	market market
	state  wire.State
	pace   int64 // of the clock, Q16

	bid, ask int64  // best prices in ticks; where they would be while a side is empty
	counts   [2]int // resting orders: bids, asks
	owed     int64  // trades that the symbol is behind its rate, Q16

	reach, least [2]int64 // what a price band allows, by side, in signed ticks

	recent [recentMax]uint64 // ids of orders placed near the touch
	newest uint64            // placements near the touch
}

// Ages of up to 32 placements near the touch cover the lifetimes of fleeting
// orders, 50 ms to 2 s.
const (
	recentBits = 5
	recentMax  = 1 << recentBits
)

// newFlow returns the flow of a profile at time 0, its book empty. The cues are
// those of its symbol.
func newFlow(p *profile, seed uint64, cues []Cue, program program) (flow, error) {
	in := &p.instrument
	book, err := orderbook.New(orderbook.Config{Tick: in.Tick, Lot: in.Lot, Orders: p.orders * 9 / 8})
	if err != nil {
		return flow{}, err
	}
	f := flow{
		profile: *p,
		tables:  sharedTables(),
		book:    book,
		rand:    newRandom(seed, string(in.Symbol)),
		clock:   newClock(&p.excitation),
		market: market{
			all:    newRandom(seed, "the market"),
			mood:   newRandom(seed, "the mood"),
			sector: newRandom(seed, p.sector),
		},
		program: program,
		script:  newScript(cues, p, newRandom(seed, "script of "+string(in.Symbol))),
		state:   wire.StateTrading,
		pace:    1 << 16,
		reach:   reachAll,
		least:   leastAll,
	}
	f.plan()
	// Half a per cent around the listed price.
	start := p.open<<16 - p.open<<16/200 + int64(f.rand.below(uint64(p.open<<16/100)))
	f.latent = latent{price: start, anchor: start}
	f.next = f.clock.begin(f.tables, &f.rand)
	return f, nil
}

// opening enters the orders of the opening book, a transaction each, at time 0.
func (f *flow) opening(b *wire.Batch, instrument uint32) {
	for i := range f.orders {
		sign := int64(1 - i&1*2)
		at := f.quote(sign)
		if i > 1 {
			at -= f.distance()
		}
		b.Events = f.enter(b.Events, sign, at, orderbook.Limit, f.size())
		b.Commit(instrument, 0)
	}
	for f.aside == 0 { // cues at time 0, so that time 0 is in order of symbols
		b.Events = f.turnAside(b.Events)
		b.Commit(instrument, 0)
	}
}

// run appends the transactions up to time until, at most as many as fit limit.
func (f *flow) run(b *wire.Batch, instrument uint32, until int64, limit int) {
	for f.due() <= until && len(b.Txns) < limit {
		if f.aside < f.next {
			at := f.aside
			b.Events = f.turnAside(b.Events)
			b.Commit(instrument, at)
			continue
		}
		b.Events = f.act(b.Events, f.next)
		b.Commit(instrument, f.next)
		f.next = f.clock.happen(f.tables, &f.rand, &f.excitation, f.next)
	}
}

// due returns the market time of the next transaction.
func (f *flow) due() int64 { return min(f.next, f.aside) }

// plan finds out when the next thing happens that is not of the clock.
func (f *flow) plan() { f.aside = min(f.program.next, f.script.next(), f.script.burst.next) }

// turnAside carries out the thing that is due and not of the clock.
func (f *flow) turnAside(dst []wire.Event) []wire.Event {
	switch f.aside {
	case f.script.next():
		dst = f.advance(dst)
	case f.program.next:
		dst = f.child(dst)
	default:
		dst = f.erupt(dst)
	}
	f.plan()
	return dst
}

// act carries out an event at now.
func (f *flow) act(dst []wire.Event, now int64) []wire.Event {
	for now >= f.market.edge {
		f.crossEdge(now)
	}
	if f.state != wire.StateTrading {
		return f.actStopped(dst)
	}
	// Four numbers of 16 bits decide.
	u := f.rand.next()
	f.latent.diffuse(f.tables, &f.rand, f.market.calm, f.sigma, u&1)
	if u&0xffff < jumpChance {
		f.latent.jump(f.tables, &f.rand, f.sigma)
	}
	// Trading is busier when the price moves.
	pace := f.tables.scale(f.market.calm>>f.steady, f.latent.wild)
	f.owed = min(f.owed+f.trades*pace/paceMean, owedMax)
	if sign := f.thin(); sign != 0 {
		start := len(dst)
		if dst = f.place(dst, sign); len(dst) > start {
			return dst
		}
	}
	informed := f.informed()
	switch {
	case u>>48 < f.takeChance(informed):
		return f.take(dst, informed)
	case u>>32&0xffff < pullShare:
		if sign := f.exposed(); sign != 0 {
			if front, ok := f.book.Front(sideOf(sign)); ok {
				return f.cancel(dst, front.ID)
			}
		}
	}
	if u>>16&0xffff < f.cancelChance() {
		return f.withdraw(dst)
	}
	return f.place(dst, f.side())
}

// jumpChance is the chance of a jump at an event, Q16.
const jumpChance = 3

// crossEdge takes over what symbols share at the edge of a slice, before an
// event at now.
func (f *flow) crossEdge(now int64) {
	f.clock.setBase(f.excitation.base * activityAt(f.market.edge) >> 16 * uint64(f.pace) >> 16)
	all, sector := f.market.next()
	f.latent.price += (all*f.marketStep + sector*f.sectorStep) >> 16 * f.latent.scale >> 16
	f.slice(now)
}

// informed returns the sign of the side that is worth taking, because the
// latent price is more than half a spread from mid, beyond the other touch; 0
// if neither is.
func (f *flow) informed() int64 {
	switch {
	case f.latent.price > f.ask<<16:
		return 1
	case f.latent.price < f.bid<<16:
		return -1
	}
	return 0
}

// pullShare of events are spent on an exposed quote if there is one, Q16.
const pullShare = 65536 * 90 / 100

// exposed returns the sign of the side whose best price is nearer to the latent
// price than half of what quotes keep away from it, 0 if neither is: its
// owners pull it before somebody takes it.
func (f *flow) exposed() int64 {
	switch {
	case f.latent.price-f.bid<<16 < f.near:
		return 1
	case f.ask<<16-f.latent.price < f.near:
		return -1
	}
	return 0
}

// thinShare of the orders is the least that a side keeps: below, nothing takes
// or cancels there.
const thinShare = 8

// thin returns the sign of a side that needs orders, 0 if none does.
func (f *flow) thin() int64 {
	least := f.orders / thinShare
	switch {
	case f.counts[0] < least:
		return 1
	case f.counts[1] < least:
		return -1
	}
	return 0
}

// owedMax bounds the memory of the trade rate: 64 trades.
const owedMax = 64 << 16

// takeChance returns the chance of an aggressor, Q16. It is raised while the
// symbol is behind its rate of trades, and while the latent price is beyond
// the touch.
func (f *flow) takeChance(informed int64) uint64 {
	// 0.7 aggressors a trade at par; an eighth to three times of it.
	factor := min(max(1<<16+f.owed>>5, 1<<13), 3<<16)
	chance := f.trades * 7 / 10 * factor >> 16
	if informed != 0 {
		chance *= f.haste
	}
	return uint64(chance)
}

// cancelChance returns the chance of a cancel among cancels and placements,
// Q16: a half when the book has the orders it should have, all of it when
// there are half as many again.
func (f *flow) cancelChance() uint64 {
	excess := int64(f.counts[0]+f.counts[1]-f.orders) * f.perOrder
	return uint64(min(max(1<<15+excess, 1<<12), 1<<16))
}

// side returns the sign of the side of the next placement: the one with fewer
// orders more often.
func (f *flow) side() int64 {
	missing := int64(f.counts[1]-f.counts[0]) * f.perOrder >> 1
	if f.rand.chance(uint64(min(max(1<<15+missing, 1<<13), 7<<13))) {
		return 1
	}
	return -1
}

// enter sends an order to the book, at a price of the given sign's side; none if
// the price is beyond a band.
func (f *flow) enter(dst []wire.Event, sign, at int64, typ orderbook.Type, qty int64) []wire.Event {
	at, ok := f.within(sign, at)
	if !ok {
		return dst
	}
	o := orderbook.Order{
		Side:  sideOf(sign),
		Type:  typ,
		Qty:   wire.Qty(qty),
		Price: wire.Price(at * sign * f.tick),
	}
	start := len(dst)
	dst = f.book.Enter(dst, &o)
	f.observe(dst[start:])
	return dst
}

// observe keeps the flow's counts in step with what a command did.
func (f *flow) observe(events []wire.Event) {
	for i := range events {
		switch e := &events[i]; e.Kind {
		case wire.EventAdd:
			f.counts[e.Side-wire.Buy]++
		case wire.EventRemove:
			f.counts[e.Side-wire.Buy]--
		case wire.EventTrade:
			f.owed = max(f.owed-1<<16, -owedMax)
		case wire.EventTopMoved:
			top := f.book.Top()
			f.bid, f.ask = int64(top.Bid.Price), int64(top.Ask.Price)
			if f.tick > 1 {
				f.bid, f.ask = f.bid/f.tick, f.ask/f.tick
			}
			if top.Bid.Qty == 0 || top.Ask.Qty == 0 {
				f.imagine(top)
			}
		}
	}
}

// imagine sets the best price of an empty side to where it would be.
func (f *flow) imagine(top wire.Top) {
	price, away := f.latent.price>>16, 4*f.spread>>16
	if top.Ask.Qty == 0 {
		f.ask = max(price+away, f.bid+1)
	}
	if top.Bid.Qty == 0 {
		f.bid = min(price-away, f.ask-1)
	}
}

func sideOf(sign int64) wire.Side {
	if sign > 0 {
		return wire.Buy
	}
	return wire.Sell
}

func signOf(side wire.Side) int64 {
	if side == wire.Buy {
		return 1
	}
	return -1
}
