package torture

import (
	"context"
	"fmt"
	"strings"
	"time"

	"tickcast/bench"
)

// servedMax is the promise: how long a server takes that has come back, until
// the last of a thousand clients has all its snapshots.
const servedMax = 2 * time.Second

// storm is the scenario: kill -9 under all clients, who come back at once.
func (r *run) storm(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	for i := range r.cfg.Rounds {
		if err := sleep(ctx, r.cfg.Duration); err != nil {
			return err
		}
		r.cfg.Progress(fmt.Sprintf("kill %d of %d", i+1, r.cfg.Rounds))
		if err := r.kill(ctx); err != nil {
			return err
		}
	}
	if err := sleep(ctx, r.cfg.Duration); err != nil {
		return err
	}
	if err := r.settle(ctx); err != nil {
		return err
	}
	m, err := scrape(ctx, r.admin)
	if err != nil {
		return err
	}
	r.report.ServerEnds, r.report.Snapshots, r.report.Replays = m.ends(), int64(m[seriesSnapshots]), int64(m[seriesReplays])
	r.judge(func(l *ledger) {
		if n := m.panics(); n > 0 {
			l.server(RuleServer, "%.0f panics", n)
		}
	})
	r.crowd.do(func() { r.crowd.down, r.crowd.stay = true, true })
	r.finish()
	return nil
}

// kill is a round: it kills the server and starts another one in its place.
func (r *run) kill(ctx context.Context) error {
	c := r.crowd
	var before Tally
	c.do(func() {
		c.down, c.restart, c.connected, c.upgraded = true, true, 0, 0
		c.dialMax = len(c.conns)
		before = c.tally
	})
	killed := time.Now()
	r.server.Kill()
	place := bench.ServerConfig{Addr: r.server.Addr(), Admin: strings.TrimPrefix(r.server.Admin, "http://")}
	// The clients are measured from outside: nothing else knocks meanwhile.
	var err error
	if r.server, err = bench.LaunchServer(r.serverConfig(place)); err != nil {
		return err
	}
	r.pid = r.server.PID
	if err := r.loadAgain(ctx); err != nil {
		return err
	}
	back, err := r.await(ctx, connectMax, func() bool { return c.ready == len(c.conns) && c.connected > killed.UnixNano() })
	if err != nil {
		return err
	}
	if !back {
		return fmt.Errorf("torture: %v after the kill not all clients are back", connectMax)
	}
	m, err := scrape(ctx, r.admin)
	if err != nil {
		return err
	}
	var round Round
	c.do(func() {
		c.down = false
		round = Round{
			Away: float64(c.connected-killed.UnixNano()) / 1e6, Served: float64(c.readyAt-c.connected) / 1e6,
			Streams: c.asked(), Encoded: int(m[seriesSnapshots]),
			Foreign: c.tally.ForeignAsked - before.ForeignAsked, Answered: c.tally.ForeignRefused - before.ForeignRefused,
		}
		if round.Encoded != round.Streams {
			c.server(RuleTime, "%d snapshots were encoded for %d streams", round.Encoded, round.Streams)
		}
		if round.Foreign != round.Answered || round.Foreign == 0 {
			c.server(RuleResume, "%d of %d resumes of another epoch were answered with a gap", round.Answered, round.Foreign)
		}
	})
	r.report.Rounds = append(r.report.Rounds, round)
	if round.Served > float64(servedMax.Milliseconds()) {
		r.slow(RuleTime, "the last client had its snapshots %.0f ms after the server was back; want %v", round.Served, servedMax)
	}
	return nil
}

// loadAgain has the new server publish as soon as it can be asked to: a storm
// comes under load.
func (r *run) loadAgain(ctx context.Context) error {
	for deadline := time.Now().Add(connectMax); ; {
		err := r.load(ctx)
		if err == nil || time.Now().After(deadline) {
			return err
		}
		if err := sleep(ctx, poll); err != nil {
			return err
		}
	}
}

// asked returns how many distinct streams the clients hear.
func (c *crowd) asked() int {
	distinct := make(map[int32]bool)
	for _, k := range c.conns {
		for i := range k.streams {
			distinct[k.streams[i].id] = true
		}
	}
	return len(distinct)
}
