package torture

import (
	"math"
	"strings"
)

// Shares of the population.
const (
	othersShare = 0.2 // clients that also hear bbo and trades
	others      = 3   // symbols of which they do
)

// Receive buffers, so that the server feels soon that nobody reads. Through a
// tiny one come some 13 KB/s: its window is less than a segment, so each waits
// for the sender's timer.
const (
	bufferTiny  = 4 << 10
	bufferSmall = 16 << 10
	bufferCalm  = 256 << 10
)

// add makes a client that does not connect yet.
func (c *crowd) add(role role, ids []int32) *conn {
	k := &conn{follower: newFollower(c.audit, len(c.conns), ids), role: role, how: resumeNone, fd: -1, stage: stageAway}
	k.kind = role.String()
	k.healthy = role == roleHealthy || role == roleFlapper
	k.timed = role == roleHealthy
	switch role {
	case roleFrozen, roleSlow:
		k.buffer = bufferTiny
	case roleSleeper:
		k.buffer = bufferSmall
	case roleHealthy, roleFlapper:
	}
	c.conns = append(c.conns, k)
	return k
}

// populate draws the clients: their roles in Mixed, their streams.
func (r *run) populate() {
	c, cfg := r.crowd, &r.cfg
	roles := make([]role, cfg.Clients)
	for i := range roles {
		roles[i] = roleHealthy
	}
	if cfg.Scenario == Mixed {
		at := 0
		fill := func(role role, n int) {
			for range n {
				roles[at] = role
				at++
			}
		}
		frozen := share(cfg.Clients, cfg.Frozen)
		fill(roleFrozen, frozen/2)
		fill(roleSleeper, frozen-frozen/2)
		fill(roleSlow, share(cfg.Clients, cfg.Slow))
		fill(roleFlapper, int(math.Ceil(cfg.Reconnects*flapperLives)))
	} else if cfg.Scenario == Shutdown {
		for i := range share(cfg.Clients, cfg.Frozen) {
			roles[i] = roleFrozen
		}
	}
	c.rng.Shuffle(len(roles), func(i, j int) { roles[i], roles[j] = roles[j], roles[i] })
	seen := make(map[role]int)
	r.report.Roles = make(map[string]int)
	for _, role := range roles {
		k := c.add(role, r.draw())
		k.query = cfg.Query
		seen[role]++
		switch {
		case role == roleFrozen && seen[role]%2 == 0 && cfg.Scenario == Mixed:
			k.query = strings.Trim(k.query+"&slow=close", "&")
		case role == roleSleeper && seen[role]%3 == 0:
			// A third of those that fall behind do so on hundreds of streams.
			k.streams = newFollower(c.audit, k.number, c.every(channelBook, channelBBO)).streams
			k.pattern = []string{"book.*", "bbo.*"}
		}
		r.report.Roles[role.String()]++
	}
	if len(r.report.Roles) == 1 {
		r.report.Roles = nil
	}
}

// share returns a share of n, at least one unless it is 0.
func share(n int, of float64) int { return int(math.Ceil(float64(n) * of)) }

// draw returns the streams of a client.
func (r *run) draw() (ids []int32) {
	c := r.crowd
	symbols := c.rng.Perm(len(r.symbols))[:min(r.cfg.PerClient, len(r.symbols))]
	for _, s := range symbols {
		ids = append(ids, c.id(channelBook, s))
	}
	if r.cfg.Scenario == Mixed && c.rng.Float64() < othersShare {
		for _, s := range symbols[:min(others, len(symbols))] {
			ids = append(ids, c.id(channelBBO, s), c.id(channelTrade, s))
		}
	}
	return ids
}

// every returns all streams of channels.
func (c *crowd) every(channels ...channel) (ids []int32) {
	for _, ch := range channels {
		for s := range c.symbols() {
			ids = append(ids, c.id(ch, s))
		}
	}
	return ids
}
