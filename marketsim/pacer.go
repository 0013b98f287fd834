package marketsim

import (
	"errors"
	"fmt"
	"math"
)

// SpeedLimit bounds finite speeds. At it a year passes in half a minute.
const SpeedLimit = 1e6

// ErrSpeed is returned for a speed that is not above 0 and up to SpeedLimit,
// nor SpeedMax.
var ErrSpeed = errors.New("speed must be above 0 and at most 1e6, or as fast as possible")

// SpeedMax returns the speed that stands for as fast as possible, at which
// everything is due at once: positive infinity.
func SpeedMax() float64 { return math.Inf(1) }

// Clock is how market time maps to wall time since the last change, as clients
// are told it (PROTOCOL.md sections 3 and 4): what has timestamp ts was due at
// Wall + (ts - Market)/Speed. Times are ns since the Unix epoch.
type Clock struct {
	Base   int64   // timestamp of market time 0, fixed for a session
	Speed  float64 // market seconds a wall second; 0 paused, SpeedMax unbounded
	Market int64   // Base + market time at Wall
	Wall   int64
}

// Pacer maps market time, ns since the session's start, to wall time. It is
// arithmetic only: every method takes the wall time as an argument. It belongs
// to one goroutine.
//
// A source asks Due how far the market may go, goes there, and sleeps until
// WallAt of the next transaction. If it could not keep up it calls Slip: the
// clock falls back to what the market has reached, and the tape stays what it
// is.
type Pacer struct {
	base int64

	speed  float64
	paused bool

	// The anchor: at wall the market stood at market.
	wall, market int64

	slipped int64
}

// NewPacer returns a pacer whose market time 0 is at wall. The speed is as for
// SetSpeed.
func NewPacer(wall int64, speed float64) (*Pacer, error) {
	p := &Pacer{base: wall, wall: wall}
	if err := p.SetSpeed(wall, speed); err != nil {
		return nil, err
	}
	return p, nil
}

// Due returns the market time that is due at wall: MaxInt64 at SpeedMax. It
// never goes back while wall does not, except by Slip.
func (p *Pacer) Due(wall int64) int64 {
	speed := p.now()
	switch {
	case speed == 0 || wall <= p.wall:
		return p.market
	case math.IsInf(speed, 1):
		return math.MaxInt64
	case speed == 1:
		return saturateAdd(p.market, wall-p.wall) // exact
	}
	return saturateAdd(p.market, saturate(float64(wall-p.wall)*speed))
}

// WallAt returns the first wall time at which the market time is due: MaxInt64
// if it never will be, because the market is paused or the time is the MaxInt64
// of a Source without a next transaction, and the anchor's wall time for all
// that was due there.
func (p *Pacer) WallAt(market int64) int64 {
	speed := p.now()
	switch {
	case market <= p.market || math.IsInf(speed, 1):
		return p.wall
	case speed == 0 || market == math.MaxInt64:
		return math.MaxInt64
	case speed == 1:
		return saturateAdd(p.wall, market-p.market)
	}
	wall := saturateAdd(p.wall, saturate(math.Ceil(float64(market-p.market)/speed)))
	for wall < math.MaxInt64 && p.Due(wall) < market {
		wall++ // floats rounded down: some thousand steps after centuries, else one
	}
	return wall
}

// SetSpeed changes the speed from wall on. A paused market stays paused, and
// resumes at the new speed. Before leaving SpeedMax tell Slip how far the
// market got.
func (p *Pacer) SetSpeed(wall int64, speed float64) error {
	if !(speed > 0 && (speed <= SpeedLimit || math.IsInf(speed, 1))) {
		return fmt.Errorf("speed %g: %w", speed, ErrSpeed)
	}
	p.anchor(wall)
	p.speed = speed
	return nil
}

// Pause stops market time at wall.
func (p *Pacer) Pause(wall int64) {
	p.anchor(wall)
	p.paused = true
}

// Resume lets market time go on from wall.
func (p *Pacer) Resume(wall int64) {
	p.anchor(wall)
	p.paused = false
}

// Paused reports whether the market is paused.
func (p *Pacer) Paused() bool { return p.paused }

// Step makes a paused market advance by ns, at once. On a running one it does
// nothing.
func (p *Pacer) Step(wall, ns int64) {
	if !p.paused || ns <= 0 {
		return
	}
	p.anchor(wall)
	p.market = saturateAdd(p.market, ns)
}

// Slip tells the pacer that at wall the market has reached only market, and
// reports whether that changed the clock. At SpeedMax, where nothing is late,
// it tells how far the market is.
func (p *Pacer) Slip(wall, market int64) bool {
	if math.IsInf(p.now(), 1) {
		p.wall, p.market = max(wall, p.wall), max(market, p.market)
		return true
	}
	due := p.Due(wall)
	if market >= due {
		return false
	}
	p.slipped = saturateAdd(p.slipped, due-market)
	p.wall, p.market = max(wall, p.wall), market
	return true
}

// Slipped returns by how much market time the clock has fallen back in all.
func (p *Pacer) Slipped() int64 { return p.slipped }

// Clock returns the mapping in force.
func (p *Pacer) Clock() Clock {
	return Clock{Base: p.base, Speed: p.now(), Market: saturateAdd(p.base, p.market), Wall: p.wall}
}

// anchor moves the anchor to wall without changing what is due there.
func (p *Pacer) anchor(wall int64) {
	if math.IsInf(p.now(), 1) {
		p.wall = max(wall, p.wall)
		return
	}
	p.market = p.Due(wall)
	p.wall = max(wall, p.wall)
}

// now returns the speed in force.
func (p *Pacer) now() float64 {
	if p.paused {
		return 0
	}
	return p.speed
}

func saturate(f float64) int64 {
	if f >= math.MaxInt64 {
		return math.MaxInt64
	}
	return int64(f)
}

func saturateAdd(a, b int64) int64 {
	if sum := a + b; sum >= a || b < 0 {
		return sum
	}
	return math.MaxInt64
}
