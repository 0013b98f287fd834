package wire

import (
	"errors"
	"strings"
	"testing"
	"time"
)

// channelFacts is the table of PROTOCOL.md, "Streams".
var channelFacts = []struct {
	channel  Channel
	name     string
	stateful bool
	rates    string
}{
	{ChannelTrade, "trade", false, ""},
	{ChannelOrder, "order", false, ""},
	{ChannelBook, "book", false, "20ms 100ms 1s"},
	{ChannelDepth5, "depth5", true, "20ms 100ms 1s"},
	{ChannelDepth10, "depth10", true, "20ms 100ms 1s"},
	{ChannelDepth20, "depth20", true, "20ms 100ms 1s"},
	{ChannelBBO, "bbo", true, "20ms 100ms 1s"},
	{ChannelCandle1s, "candle1s", true, "1s"},
	{ChannelCandle1m, "candle1m", true, "1s"},
	{ChannelCandle5m, "candle5m", true, "1s"},
	{ChannelCandle15m, "candle15m", true, "1s"},
	{ChannelCandle1h, "candle1h", true, "1s"},
	{ChannelCandle1d, "candle1d", true, "1s"},
	{ChannelTicker, "ticker", true, "1s"},
	{ChannelStatus, "status", true, ""},
}

func TestChannels(t *testing.T) {
	equal(t, ChannelCount, len(channelFacts)+1)
	for i, want := range channelFacts {
		c := want.channel
		equal(t, Channel(i+1), c)
		equal(t, want.name, c.String())
		equal(t, want.stateful, c.Stateful())
		equal(t, c == ChannelBook || c == ChannelOrder, c.Image())
		depth := map[Channel]int{ChannelDepth5: 5, ChannelDepth10: 10, ChannelDepth20: 20}[c]
		equal(t, depth, c.Depth())
		interval, isCandle := strings.CutPrefix(want.name, "candle")
		if !isCandle {
			equal(t, int64(0), c.Interval())
			continue
		}
		length, err := time.ParseDuration(strings.Replace(interval, "1d", "24h", 1))
		if err != nil {
			t.Fatal(err)
		}
		equal(t, int64(length), c.Interval())
	}
	equal(t, int64(0), Channel(0).Interval())
	equal(t, CandleCount, int(ChannelCandle1d-ChannelCandle1s)+1)
}

// Each channel has the rates of the page and no other.
func TestRatesOfChannels(t *testing.T) {
	for _, facts := range channelFacts {
		for r := range Rate(RateCount) {
			slot := NewSlot(facts.channel, r)
			name := facts.name + ".BTCUSDT"
			if r != RateEvery {
				name += "." + r.String()
			}
			e, err := ParseEntry(name)
			if r == RateEvery || strings.Contains(" "+facts.rates+" ", " "+r.String()+" ") {
				if err != nil || e.Slot != slot || slot.Channel() != facts.channel || slot.Rate() != r {
					t.Errorf("%s: got %v, %v; want slot %d", name, e, err, slot)
				}
				continue
			}
			if !errors.Is(err, ErrBadRate) || slot != 0 {
				t.Errorf("%s: got %v, %v; want %v", name, e, err, ErrBadRate)
			}
		}
	}
}

func TestRates(t *testing.T) {
	equal(t, RateCount, int(Rate1s)+1)
	equal(t, "", RateEvery.String())
	equal(t, int64(0), RateEvery.Period())
	for r := Rate20ms; r < RateCount; r++ {
		period, err := time.ParseDuration(r.String())
		if err != nil {
			t.Fatal(err)
		}
		equal(t, int64(period), r.Period())
	}
	equal(t, "invalid", Rate(RateCount).String())
}
