package marketsim

// Implied is what a configuration means for one instrument, without running
// it.
type Implied struct {
	Symbol      string
	Changes     float64 // events a second at par
	Trades      float64 // trades a second at par
	Branching   float64 // events that an event sets off in the mean
	SpreadTicks float64 // mean
	SpreadShare float64 // mean, as a share of the price
	Orders      int     // that rest
	Price       string  // where the session opens, give or take half a per cent
	Tick        string
}

// Imply returns what cfg means for each of its instruments, or the reason why
// it cannot be, which wraps ErrConfig.
func Imply(cfg Config) ([]Implied, error) {
	s, err := New(cfg)
	if err != nil {
		return nil, err
	}
	out := make([]Implied, len(s.flows))
	for i := range s.flows {
		f := &s.flows[i]
		l, err := cfg.listing(i)
		if err != nil {
			return nil, err
		}
		spread := float64(f.spread) / 65536
		out[i] = Implied{
			Symbol:      l.symbol,
			Changes:     float64(l.changes) / 1000,
			Trades:      float64(l.trades) / 1000,
			Branching:   s.Branching(),
			SpreadTicks: spread,
			SpreadShare: spread / float64(f.open),
			Orders:      f.orders,
			Price:       l.price,
			Tick:        l.tick,
		}
	}
	return out, nil
}
