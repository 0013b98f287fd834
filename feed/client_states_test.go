package feed

import (
	"errors"
	"fmt"
	"reflect"

	"tickcast/wire"
)

// trade checks an execution against what happened.
func (s *followed) trade(f *clientFrame) error {
	if f.Seq > uint64(len(s.tale.trades)) {
		return errors.New("was not traded")
	}
	e := &s.tale.trades[f.Seq-1]
	l := level([2]string{f.Price, f.Qty})
	if l.Price != e.Price || l.Qty != e.Qty || f.Side != e.Side.String() || e.Trade != f.Seq {
		return fmt.Errorf("what was traded is %+v", *e)
	}
	return nil
}

// followState checks a state by itself, against what happened, and against
// the one before.
func (s *followed) followState(f *clientFrame) error {
	before := s.last
	if before == nil {
		before = &clientFrame{}
	}
	if f.Seq == before.Seq && !reflect.DeepEqual(f, before) {
		return fmt.Errorf("another frame of this number was %+v", before)
	}
	if f.Upd < before.Upd || f.OpenTime < before.OpenTime {
		return errors.New("goes back")
	}
	switch c := s.channel(); {
	case c == wire.ChannelBBO:
		return s.bbo(f)
	case c.Depth() > 0:
		return s.depth(f)
	case c.Interval() > 0:
		return s.candle(f, before)
	case c == wire.ChannelTicker:
		return tickerIsSane(f)
	}
	return s.status(f)
}

func (s *followed) bbo(f *clientFrame) error {
	var best [2][]wire.Level
	for i, l := range []*[2]string{f.Bid, f.Ask} {
		if l != nil {
			best[i] = []wire.Level{level(*l)}
		}
	}
	return s.tale.same(f.Upd, 1, best[0], best[1])
}

func (s *followed) depth(f *clientFrame) error {
	bids, err := levels(f.Bids, wire.Buy, false)
	if err != nil {
		return err
	}
	asks, err := levels(f.Asks, wire.Sell, false)
	if err != nil {
		return err
	}
	return s.tale.same(f.Upd, s.channel().Depth(), bids, asks)
}

func (s *followed) candle(f, before *clientFrame) error {
	interval := s.channel().Interval() / 1000
	open, high, low, last := units(f.Open), units(f.High), units(f.Low), units(f.Close)
	volume := units(f.Volume)
	switch {
	case f.OpenTime%interval != 0 || f.CloseTime != f.OpenTime+interval:
		return errors.New("of another interval")
	case low > min(open, last) || high < max(open, last):
		return errors.New("prices contradict each other")
	case f.Trades == 0 && (low != high || volume != 0 || units(f.QuoteVolume) != 0 || !f.Closed):
		return errors.New("without executions, but not flat")
	case f.Trades > 0 && (volume <= 0 || units(f.QuoteVolume) < low*volume || units(f.QuoteVolume) > high*volume):
		return errors.New("volumes contradict the prices")
	case f.TS > f.CloseTime || f.TS < f.OpenTime || f.Closed && f.TS != f.CloseTime:
		return errors.New("of another time")
	}
	if before.Seq == 0 || f.Seq == before.Seq {
		return nil
	}
	contiguous := f.Seq == before.Seq+1 && s.slot.Rate() == wire.RateEvery
	switch {
	case f.OpenTime > before.OpenTime:
		if contiguous && (f.OpenTime != before.CloseTime || !before.Closed) {
			return fmt.Errorf("follows an open one or not the one before: %+v", before)
		}
	case before.Closed:
		return errors.New("was closed before")
	case f.Open != before.Open || high < units(before.High) || low > units(before.Low) || f.Trades < before.Trades || volume < units(before.Volume):
		return fmt.Errorf("contradicts the one before: %+v", before)
	case contiguous && !f.Closed && f.Trades == before.Trades:
		return errors.New("says nothing new")
	}
	return nil
}

func tickerIsSane(f *clientFrame) error {
	open, high, low, last, vwap := units(f.Open), units(f.High), units(f.Low), units(f.Last), units(f.VWAP)
	switch {
	case units(f.Change) != last-open:
		return errors.New("change is not last - open")
	case f.Trades == 0 && (open != last || high != last || low != last || vwap != last || units(f.Volume) != 0):
		return errors.New("without executions, but not flat")
	case f.Trades > 0 && (low > min(open, last, vwap) || high < max(open, last, vwap) || units(f.Volume) <= 0):
		return errors.New("prices contradict each other")
	}
	return nil
}

func (s *followed) status(f *clientFrame) error {
	collecting := false
	switch f.State {
	case "trading", "halt", "closed":
	case "pre_open", "auction":
		collecting = true
	default:
		return fmt.Errorf("state %q", f.State)
	}
	if f.Indicative != nil && !collecting {
		return errors.New("indicative outside auctions")
	}
	return nil
}

// agree compares the streams of a symbol with each other: for a client that
// has been sent everything.
func (c *simClient) agree() error {
	for name, s := range c.streams {
		if s.channel() != wire.ChannelStatus || s.last == nil || s.last.State != "pre_open" && s.last.State != "auction" {
			continue
		}
		for other, o := range c.streams {
			if o.tale != s.tale || o.blind {
				continue
			}
			empty := len(o.book[0])+len(o.book[1]) == 0
			if f := o.last; f != nil {
				empty = empty && f.Bid == nil && f.Ask == nil && len(f.Bids)+len(f.Asks) == 0
			}
			if !empty {
				return fmt.Errorf("%s is not empty, and %s is %s", other, name, s.last.State)
			}
		}
	}
	return nil
}
