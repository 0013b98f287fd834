package marketsim

import (
	"cmp"
	"math"
	"slices"

	"tickcast/wire"
)

// step is what a script does at a time.
type step struct {
	at   int64
	kind stepKind

	conditions // of stepMode and stepOverlay
	state      wire.State
	share      int64 // of the price, Q16: of stepDrift and stepBand
	span       int64 // ns: of stepDrift, stepBurst and stepStuff
	rate       int64 // times the listed one, of stepBurst and stepStuff
}

type stepKind uint8

const (
	stepMode    stepKind = iota + 1 // the conditions from here on
	stepOverlay                     // and those on top of them
	stepState                       // another trading state
	stepDrift                       // the latent price moves by share over span; at once if that is 0
	stepBurst                       // more events
	stepStuff                       // orders that are cancelled at once
	stepBand                        // a price band; of share 0 none
)

// conditions scale a profile, in per mille.
type conditions struct{ pace, sigma, spread, orders, trades int64 }

var par = conditions{1000, 1000, 1000, 1000, 1000}

// times returns what two conditions make together.
func (c conditions) times(d conditions) conditions {
	return conditions{
		c.pace * d.pace / 1000, c.sigma * d.sigma / 1000, c.spread * d.spread / 1000,
		c.orders * d.orders / 1000, c.trades * d.trades / 1000,
	}
}

var modes = [...]conditions{
	ScenarioCalm:     {pace: 500, sigma: 500, spread: 1000, orders: 1000, trades: 800},
	ScenarioNormal:   par,
	ScenarioBusy:     {pace: 3000, sigma: 1200, spread: 1200, orders: 1200, trades: 1300},
	ScenarioIlliquid: {pace: 250, sigma: 1500, spread: 3000, orders: 250, trades: 700},
}

var (
	rush    = conditions{pace: 4000, sigma: 1500, spread: 1500, orders: 1000, trades: 1500}
	settle  = conditions{pace: 2000, sigma: 1200, spread: 1200, orders: 1000, trades: 1200}
	panics  = conditions{pace: 5000, sigma: 2000, spread: 3000, orders: 400, trades: 2000}
	rebound = conditions{pace: 3000, sigma: 1500, spread: 2000, orders: 600, trades: 1200}
)

// microburst and stuffing are how many times the listed rate there is.
const (
	microburstRate = 200
	stuffingRate   = 50
)

// steps returns what the cue is made of. coin is drawn for it.
func (c *Cue) steps(coin int64) []step {
	d := c.Duration
	size := int64(c.Size)
	if size == 0 {
		size = int64(defaults[c.Scenario].size) * coin
	}
	share := size << 16 / 1000
	fall := -max(share, -share)
	overlay := func(after int64, with conditions) step {
		return step{at: c.At + after, kind: stepOverlay, conditions: with}
	}
	state := func(after int64, s wire.State) step { return step{at: c.At + after, kind: stepState, state: s} }
	drift := func(after, by, span int64) step {
		return step{at: c.At + after, kind: stepDrift, share: by, span: span}
	}
	switch c.Scenario {
	case ScenarioOpen:
		return []step{
			state(0, wire.StateAuction), state(auctionNanos, wire.StateTrading),
			overlay(auctionNanos, rush), overlay(auctionNanos+d/5, settle), overlay(auctionNanos+d, par),
		}
	case ScenarioClose:
		return []step{
			overlay(0, settle), overlay(d-d/5, rush), overlay(d, par),
			state(d, wire.StateAuction), state(d+auctionNanos, wire.StateClosed),
		}
	case ScenarioTrend:
		return []step{drift(0, share, d)}
	case ScenarioNews:
		return []step{drift(0, share, 0), overlay(0, rush), overlay(d/2, settle), overlay(d, par)}
	case ScenarioFlashCrash:
		return []step{
			overlay(0, panics), drift(0, fall, d/5),
			// What fell by a share rises by more to be where it was.
			overlay(d/4, rebound), drift(d/4, -fall<<16/(1<<16+fall), d/2), overlay(d, par),
		}
	case ScenarioHalt:
		return []step{state(0, wire.StateHalt), state(d, wire.StateAuction), state(d+auctionNanos, wire.StateTrading)}
	case ScenarioLimitBand:
		width := max(share, -share)
		return []step{
			{at: c.At, kind: stepBand, share: width},
			overlay(0, settle), drift(0, share*13/10, d/20),
			overlay(d/10, par),
			{at: c.At + d, kind: stepBand},
		}
	case ScenarioMicroburst:
		return []step{{at: c.At, kind: stepBurst, span: d, rate: microburstRate}}
	case ScenarioQuoteStuffing:
		return []step{{at: c.At, kind: stepStuff, span: d, rate: stuffingRate}}
	default: // a mode
	}
	out := []step{{at: c.At, kind: stepMode, conditions: modes[c.Scenario]}}
	if d > 0 {
		out = append(out, step{at: c.At + d, kind: stepMode, conditions: par})
	}
	return out
}

// script is what is to happen to a symbol, and what is happening.
type script struct {
	// static
	listed *profile // as it was before any conditions

	steps         []step // to come, in order
	rand          random // the script's own: what comes before a cue does not change
	mode, overlay conditions
	drift         int64 // of the latent price a slice, Q16 ticks
	slices        int64 // with a drift, to come
	burst         burst
	band          band
}

// newScript returns the script of a symbol's cues.
func newScript(cues []Cue, listed *profile, r random) script {
	s := script{listed: listed, rand: r, mode: par, overlay: par}
	s.burst.next = math.MaxInt64
	for i := range cues {
		coin := int64(1)
		if s.rand.chance(1 << 15) {
			coin = -1
		}
		s.steps = append(s.steps, cues[i].steps(coin)...)
	}
	slices.SortStableFunc(s.steps, func(a, b step) int { return cmp.Compare(a.at, b.at) })
	return s
}

// next returns the time of the next step, MaxInt64 for none.
func (s *script) next() int64 {
	if len(s.steps) == 0 {
		return math.MaxInt64
	}
	return s.steps[0].at
}

// insert adds a step behind those of the same time.
func (s *script) insert(st step) {
	i := 0
	for i < len(s.steps) && s.steps[i].at <= st.at {
		i++
	}
	s.steps = slices.Insert(s.steps, i, st)
}

// advance carries out the next step. A market that is closed after the last one
// has no more events.
func (f *flow) advance(dst []wire.Event) []wire.Event {
	s := &f.script
	st := s.steps[0]
	s.steps = s.steps[1:]
	dst = f.carryOut(dst, &st)
	if len(s.steps) == 0 && f.state == wire.StateClosed {
		f.next = math.MaxInt64
	}
	return dst
}

func (f *flow) carryOut(dst []wire.Event, st *step) []wire.Event {
	s := &f.script
	switch st.kind {
	case stepMode:
		s.mode = st.conditions
		f.adapt(s.mode.times(s.overlay))
	case stepOverlay:
		s.overlay = st.conditions
		f.adapt(s.mode.times(s.overlay))
	case stepState:
		return f.enterState(dst, st.state)
	case stepDrift:
		total := f.latent.price >> 16 * st.share
		s.slices = max(st.span/sliceNanos, 1)
		s.drift = total / s.slices
		if st.span == 0 {
			f.shift(total)
			s.slices = 0
		}
	case stepBurst, stepStuff:
		s.burst = burst{
			next: st.at, end: st.at + st.span, stuffs: st.kind == stepStuff,
			gap: 1e12 / max(s.listed.changes*(st.rate-1), 1),
		}
	case stepBand:
		f.setBand(st.share)
	}
	return dst
}

// adapt scales the profile.
func (f *flow) adapt(c conditions) {
	l := f.script.listed
	f.pace = c.pace << 16 / 1000
	f.sigma = l.sigma * c.sigma / 1000
	f.impact = l.impact * c.sigma / 1000
	f.marketStep = l.marketStep * c.sigma / 1000
	f.sectorStep = l.sectorStep * c.sigma / 1000
	f.half = l.half * c.spread / 1000
	f.edge = l.edge * c.spread / 1000
	f.near = l.near * c.spread / 1000
	f.orders = max(int(int64(l.orders)*c.orders/1000), ordersMin)
	f.trades = l.trades * c.trades / 1000
	f.perHalf = 1 << 32 / f.half
	f.perOrder = 1 << 16 / int64(f.orders)
}

// shift moves the latent price, and with it what binds it.
func (f *flow) shift(by int64) {
	f.latent.price += by
	f.latent.anchor += by
}

// slice is what the script does at the edge of a slice, before an event at now.
func (f *flow) slice(now int64) {
	if s := &f.script; s.slices > 0 {
		s.slices--
		f.shift(s.drift)
	}
	f.watchBand(now)
}
