package torture

import (
	"context"
	"fmt"
	"time"

	"tickcast/feed/client"
)

// drainMargin is what a shutdown may take beyond the drain time: the closing
// handshake of who does not answer takes 2 s.
const drainMargin = 5 * time.Second

// shutdown is the scenario: SIGTERM under load.
func (r *run) shutdown(ctx context.Context) error {
	c := r.crowd
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	c.do(func() { c.unleash(time.Second, 0) }) // some stop reading
	if err := sleep(ctx, r.cfg.Duration); err != nil {
		return err
	}
	r.cfg.Progress(fmt.Sprintf("SIGTERM, %v drain", r.cfg.Drain))
	c.do(func() { c.down, c.stay = true, true })
	asked := time.Now()
	r.server.Terminate()
	e := &Ending{Drain: r.cfg.Drain.Seconds(), Unready: -1}
	for time.Since(asked) < r.cfg.Drain { // then nobody answers any more
		if _, err := r.main.Get(ctx, "/readyz"); err != nil {
			e.Unready = float64(time.Since(asked)) / 1e6
			break
		}
		if err := sleep(ctx, poll/2); err != nil {
			return err
		}
	}
	code, ended := r.server.Wait(r.cfg.Drain + drainMargin + promptlyMax)
	e.Seconds, e.Code = time.Since(asked).Seconds(), code
	if !ended {
		r.server.Kill()
	}
	if _, err := r.await(ctx, promptlyMax, c.silent); err != nil {
		return err
	}
	r.report.Shutdown = e
	r.farewell(e, ended)
	return nil
}

// silent reports whether all clients that read know of the end.
func (c *crowd) silent() bool {
	for _, k := range c.conns {
		if k.fd >= 0 && !k.frozen() {
			return false
		}
	}
	return true
}

// farewell judges a shutdown.
func (r *run) farewell(e *Ending, ended bool) {
	lines, _, severe := r.log.logged()
	r.report.ServerEnds = make(map[string]int64)
	for code, n := range lines {
		r.report.ServerEnds[fmt.Sprint(code)] = n
	}
	r.judge(func(l *ledger) {
		c := r.crowd
		for _, k := range c.conns {
			if k.role != roleHealthy {
				continue
			}
			e.Readers++
			if k.noticed {
				e.Noticed++
			}
			if k.code == int(client.CloseShutdown) {
				e.Goodbyes++
			} else {
				l.note(RuleEnd, k.number, "", "close code %d at shutdown; want 1012", k.code)
			}
		}
		if e.Noticed != e.Readers {
			l.server(RuleEnd, "%d of %d clients that read got the notice", e.Noticed, e.Readers)
		}
		switch {
		case !ended:
			l.server(RuleServer, "it did not end within %.1f s of SIGTERM", e.Seconds)
		case e.Code != 0:
			l.server(RuleServer, "exit code %d after SIGTERM", e.Code)
		}
		if e.Unready < 0 {
			l.server(RuleServer, "it was ready until the end")
		}
		if severe > 0 {
			l.server(RuleServer, "%d lines of level error and worse in its log", severe)
		}
	})
	r.compareLog()
	if limit := r.cfg.Drain + drainMargin; e.Seconds > limit.Seconds() {
		r.slow(RuleTime, "the server ended %.1f s after SIGTERM; want %v", e.Seconds, limit)
	}
}
