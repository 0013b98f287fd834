package orderbook

import "tickcast/wire"

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
		if p%n.cfg.Tick != 0 {
			continue
		}
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
		bid := n.opposite(&nOrder{Order: Order{Side: wire.Sell, Price: n.worst(wire.Buy)}})[0]
		ask := n.opposite(&nOrder{Order: Order{Side: wire.Buy, Price: n.worst(wire.Sell)}})[0]
		qty := min(left, bid.left, ask.left)
		n.trade(pick.price, qty, bid, ask.ID)
		n.use(ask, qty)
		left -= qty
	}
	n.say("uncross %d %d", pick.price, pick.qty)
}
