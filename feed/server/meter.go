package server

import (
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/valyala/fasthttp"

	"tickcast/wire"
)

const (
	requestsPerSecond = 20 // of one address, unless Config.Requests says otherwise
	// metersMax bounds what is remembered: 6 MB. Each address had a connection
	// within the last second; with more of them newcomers have to wait.
	metersMax = 1 << 16
)

// meter counts the requests of each address: a token bucket that holds those
// of one second. It is safe for concurrent use. A nil meter counts nothing.
type meter struct {
	cost    time.Duration // of a request
	refused atomic.Uint64

	mu      sync.Mutex               // guards all below
	due     map[netip.Addr]time.Time // when all that an address took is paid for
	sweepAt time.Time
}

func newMeter(perSecond int) *meter {
	return &meter{cost: time.Second / time.Duration(perSecond), due: make(map[netip.Addr]time.Time)}
}

// allow takes a request of an address, unless that is too much.
func (m *meter) allow(address netip.Addr, now time.Time) bool {
	if m == nil {
		return true
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	m.sweep(now)
	address = network(address)
	due, known := m.due[address]
	if due.Before(now) {
		due = now
	}
	due = due.Add(m.cost)
	if due.Sub(now) > time.Second || !known && len(m.due) == metersMax {
		m.refused.Add(1)
		return false
	}
	m.due[address] = due
	return true
}

// sweep forgets, once a second, who has all his credit.
func (m *meter) sweep(now time.Time) {
	if now.Before(m.sweepAt) {
		return
	}
	m.sweepAt = now.Add(time.Second)
	for address, due := range m.due {
		if !due.After(now) {
			delete(m.due, address)
		}
	}
}

// limited serves a route as often as allowRequest has it.
func (s *Server) limited(handler fasthttp.RequestHandler) fasthttp.RequestHandler {
	return func(ctx *fasthttp.RequestCtx) {
		if s.allowRequest(ctx) {
			handler(ctx)
		}
	}
}

// allowRequest reports whether a client may have what its request asks for, and
// answers 429 if it may not. Routes whose answer is work for the server ask it
// first: a request that is refused costs next to nothing. Loopback counts like
// any other address; where addresses have no limits (Config.PerAddress) there
// is none here either.
func (s *Server) allowRequest(ctx *fasthttp.RequestCtx) bool {
	address, _ := netip.AddrFromSlice(ctx.RemoteIP())
	if s.requests.allow(address.Unmap(), time.Now()) {
		return true
	}
	ctx.Response.Header.Set(fasthttp.HeaderRetryAfter, retrySeconds)
	s.refuse(ctx, &refused{fasthttp.StatusTooManyRequests, string(wire.CodeLimitRate), "too many requests, retry later"})
	return false
}
