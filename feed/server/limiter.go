package server

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"
)

// Handshakes that one address may begin: a bucket. Each connection is one, for
// an upgrade ends its HTTP.
const (
	handshakesPerSecond = 50
	handshakeCost       = time.Second / handshakesPerSecond
	handshakeCreditMax  = time.Second // 50 at once
)

// addressBitsIPv6 is what one customer is given at least: whoever has one
// address has them all.
const addressBitsIPv6 = 64

// limit says which cap a connection exceeded. The zero limit is none.
type limit uint8

const (
	limitConnections limit = iota + 1 // of the listener
	limitAddress                      // of one address
	limitHandshakes                   // in a second, of one address
	limitCount
)

// String returns the limit's name, for metrics.
func (l limit) String() string {
	switch l {
	case limitConnections:
		return "connections"
	case limitAddress:
		return "address"
	case limitHandshakes:
		return "handshakes"
	default:
		return "none"
	}
}

// limiter counts the connections of a listener: in total, and for each address
// that is not loopback, unless one address may have them all, as a proxy's. It
// is safe for concurrent use.
type limiter struct {
	total      int
	perAddress int
	exceeded   [limitCount]atomic.Uint64
	errs       atomic.Uint64 // accepts that failed and were retried
	handshakes atomic.Uint64 // of TLS that failed

	mu      sync.Mutex // guards all below
	open    int
	guests  map[netip.Addr]*guest
	sweepAt time.Time
}

// guest is an address that is connected, or was within the last second.
type guest struct {
	open   int
	credit time.Duration // for handshakes
	at     time.Time     // when credit was right
}

func newLimiter(total, perAddress int) *limiter {
	return &limiter{total: total, perAddress: perAddress, guests: make(map[netip.Addr]*guest)}
}

// enter counts a connection, unless that exceeds a limit, which it returns.
func (l *limiter) enter(address netip.Addr, now time.Time) limit {
	exceeded := l.admit(address, now)
	if exceeded != 0 {
		l.exceeded[exceeded].Add(1)
	}
	return exceeded
}

func (l *limiter) admit(address netip.Addr, now time.Time) limit {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open >= l.total {
		return limitConnections
	}
	if l.counts(address) {
		l.sweep(now)
		if exceeded := l.guest(network(address), now).enter(l.perAddress, now); exceeded != 0 {
			return exceeded
		}
	}
	l.open++
	return 0
}

// addressed reports whether addresses have limits at all.
func (l *limiter) addressed() bool { return l.perAddress < l.total }

func (l *limiter) counts(address netip.Addr) bool { return l.addressed() && !address.IsLoopback() }

func (l *limiter) guest(address netip.Addr, now time.Time) *guest {
	g := l.guests[address]
	if g == nil {
		g = &guest{credit: handshakeCreditMax, at: now}
		l.guests[address] = g
	}
	return g
}

func (g *guest) enter(openMax int, now time.Time) limit {
	g.credit = min(g.credit+now.Sub(g.at), handshakeCreditMax)
	g.at = now
	switch {
	case g.credit < handshakeCost:
		return limitHandshakes
	case g.open >= openMax:
		return limitAddress
	}
	g.credit -= handshakeCost
	g.open++
	return 0
}

// sweep forgets, once a second, who is gone and has all his credit.
func (l *limiter) sweep(now time.Time) {
	if now.Before(l.sweepAt) {
		return
	}
	l.sweepAt = now.Add(time.Second)
	for address, g := range l.guests {
		if g.open == 0 && now.Sub(g.at) >= handshakeCreditMax {
			delete(l.guests, address)
		}
	}
}

// leave gives back the place of a connection that enter counted.
func (l *limiter) leave(address netip.Addr) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.open--
	if l.counts(address) {
		l.guests[network(address)].open--
	}
}

// count returns how many connections are open.
func (l *limiter) count() int {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.open
}

// network returns what is counted as one address.
func network(a netip.Addr) netip.Addr {
	if !a.Is6() {
		return a
	}
	p, err := a.WithZone("").Prefix(addressBitsIPv6)
	if err != nil {
		return a
	}
	return p.Addr()
}
