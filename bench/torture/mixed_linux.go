package torture

import (
	"context"
	"fmt"
	"slices"
	"time"

	"tickcast/bench"
)

// mixed is the scenario: quiet, faults, calm, nobody.
func (r *run) mixed(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	if err := r.load(ctx); err != nil {
		return err
	}
	if err := sleep(ctx, time.Second); err != nil { // until the rate is there
		return err
	}
	quiet := r.cfg.quiet()
	var err error
	if r.report.Quiet, _, err = r.measure(ctx, "quiet", quiet); err != nil {
		return err
	}
	faults := r.cfg.Duration - quiet
	r.crowd.do(func() {
		r.crowd.unleash(min(max(faults/3, time.Second), 40*time.Second), r.cfg.Reconnects)
	})
	var rss []int64
	if r.report.Faults, rss, err = r.measure(ctx, "faults", faults); err != nil {
		return err
	}
	r.disturbed()
	r.remember(rss, quiet+time.Second, faults)
	if err := r.settle(ctx); err != nil {
		return err
	}
	return r.depart(ctx)
}

// measure lets time go by, and returns what the clients and the server did in
// it, and the server's memory of each second.
func (r *run) measure(ctx context.Context, name string, d time.Duration) (*Phase, []int64, error) {
	c := r.crowd
	all := newLatency()
	var before, after int64
	c.do(func() { c.latency, before = newLatency(), c.tally.Deliveries })
	began, used := time.Now(), r.cpu()
	var rss, p99s []int64
	for left := d; left > 0; left = d - time.Since(began) {
		if err := sleep(ctx, min(left, time.Second)); err != nil {
			return nil, nil, err
		}
		if u, ok := bench.ReadUsage(r.pid); ok {
			rss = append(rss, u.RSSBytes)
		}
		broken := 0
		c.do(func() {
			after, broken = c.tally.Deliveries, c.total()
			all.Merge(c.latency)
			p99s = append(p99s, c.latency.ValueAtQuantile(99))
			c.latency.Reset()
		})
		r.cfg.Progress(fmt.Sprintf("%s %.0f of %.0f s, %.0f deliveries/s, %d violations", name,
			time.Since(began).Seconds(), d.Seconds(), float64(after-before)/time.Since(began).Seconds(), broken))
		if r.server != nil {
			if code, ended := r.server.Wait(0); ended {
				r.judge(func(l *ledger) { l.server(RuleServer, "it ended by itself, exit code %d", code) })
				return nil, nil, errEnded
			}
		}
	}
	took := time.Since(began)
	var p *Phase
	c.do(func() {
		p = newPhase(took, c.tally.Deliveries-before, all)
		p.Typical = median(p99s)
		c.latency = nil
	})
	p.account(used, r.cpu())
	return p, rss, nil
}

// disturbed compares what healthy clients had with and without the faults: all
// of it, or, where other processes make their own noise, a typical second.
func (r *run) disturbed() {
	quiet, faults := r.report.Quiet, r.report.Faults
	before, now, what := quiet.P99, faults.P99, "p99 of healthy clients"
	others := max(quiet.OthersBusy, faults.OthersBusy)
	if others > othersMax {
		before, now, what = quiet.Typical, faults.Typical, "p99 of healthy clients in a typical second"
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf("other processes used %.1f cores: latencies are theirs too", others))
	}
	before = max(before, r.cfg.Floor.Microseconds())
	if now >= 2*before {
		r.slow(RuleHealthy, "%s is %.2f ms, more than twice %.2f ms", what, float64(now)/1e3, float64(before)/1e3)
	}
}

// othersMax is how many cores other processes may use in a run whose latencies
// are judged: two full ones are what server and clients need.
const othersMax = 0.3

// What memory may grow by without being a leak: the collector's mood.
const (
	growthShare = 0.10
	growthBytes = 16 << 20
	// For a minute history grows, by 600 bytes an update, and so do the logs of
	// clients that lag, by half of what each may have; both with the collector's
	// share of them.
	fillSeconds  = 60.0
	historyBytes = 600
	logBytes     = 32 << 10 // a client
)

// remember judges the memory of each second of the faults; load ran for before
// already.
func (r *run) remember(rss []int64, before, faults time.Duration) {
	if len(rss) < 5 {
		return
	}
	n := len(rss)
	m := &Memory{Max: slices.Max(rss)}
	for i := range m.Fifths {
		m.Fifths[i] = median(rss[i*n/5 : (i+1)*n/5])
	}
	second, last := m.Fifths[1], m.Fifths[4]
	filling := func(share float64) float64 { // until a share of the time has passed
		return min(before.Seconds()+share*faults.Seconds(), fillSeconds)
	}
	fills := filling(0.9) - filling(0.3)
	history := fills * r.cfg.Rate * historyBytes
	logs := fills / fillSeconds * float64(r.cfg.Clients*logBytes)
	m.Limit = second + int64(growthShare*float64(second)) + growthBytes + int64(history+logs)
	r.report.Memory = m
	if last > m.Limit {
		r.slow(RuleMemory, "resident set %.1f MB in the second fifth of the time, %.1f MB in the last", mega(second), mega(last))
	}
}

func median(v []int64) int64 {
	v = slices.Clone(v)
	slices.Sort(v)
	return v[len(v)/2]
}

// settle ends load and faults. Then everybody has to have what a client gets
// that begins now.
func (r *run) settle(ctx context.Context) error {
	c := r.crowd
	r.cfg.Progress("settling")
	if r.paced {
		if err := r.setRate(ctx, 0); err != nil {
			return err
		}
	}
	began := time.Now()
	var reference *conn
	c.do(func() {
		c.calm()
		if !r.paced {
			return // it never stands still: nothing could be compared
		}
		reference = c.add(roleHealthy, c.every(channelBook, channelBBO, channelTrade))
		reference.pattern = []string{"book.*", "bbo.*", "trade.*"}
		reference.due = c.now
	})
	ok, err := r.await(ctx, settleMax, func() bool {
		return c.ready == len(c.conns) && (!r.paced || c.behind(reference, nil) == 0)
	})
	if err != nil {
		return err
	}
	r.report.SettleTime = time.Since(began).Seconds()
	c.do(func() {
		if !ok {
			c.server(RuleTime, "%d of %d clients have their states %v after the load", c.ready, len(c.conns), settleMax)
		}
		if r.paced {
			r.report.Settled = len(c.conns) - 1 - c.behind(reference, &c.ledger)
		}
	})
	return nil
}

// behind returns how many clients do not have what the reference has, and
// reports them to l, if there is one.
func (c *crowd) behind(reference *conn, l *ledger) (n int) {
	for _, k := range c.conns {
		if fault := k.differs(reference.follower); fault != "" {
			n++
			if l != nil {
				l.note(RuleBook, k.number, "", "at the end, a %s client: %s", k.kind, fault)
			}
		}
	}
	return n
}

// depart ends all clients and looks at what is left of them in the server.
func (r *run) depart(ctx context.Context) error {
	c := r.crowd
	r.cfg.Progress("leaving")
	c.do(func() {
		c.stay = true
		for _, k := range c.conns {
			if k.fd >= 0 && k.stage >= stageOpen {
				c.leave(k)
			} else {
				c.shut(k)
				k.stage, k.due = stageAway, 0
			}
		}
	})
	r.report.Before = r.footprint(r.base)
	r.report.Before.Sockets = 0
	var m metrics
	for deadline := time.Now().Add(leaveTime); ; {
		var err error
		if m, err = scrape(ctx, r.admin); err != nil {
			return err
		}
		r.report.After = r.footprint(m)
		if m.sum(seriesSessions) == r.base.sum(seriesSessions) && r.leaks() == "" || time.Now().After(deadline) {
			break
		}
		if err := sleep(ctx, 10*poll); err != nil {
			return err
		}
	}
	r.account(m)
	r.finish()
	r.compareLog()
	return nil
}

// leaveTime is how long a server may take to be as it was before its clients:
// fasthttp looks every 10 s after workers that were idle for as long. A lenient
// run does not wait for these.
const leaveTime = 30 * time.Second

// Goroutines and descriptors that come and go by themselves: the collector's
// workers, connections of the admin listener.
const footprintSpare = 8

func (r *run) leaks() string {
	a, b := r.report.Before, r.report.After
	left := b.Goroutines > a.Goroutines+footprintSpare && !r.cfg.Lenient
	if left || b.Files > a.Files+footprintSpare || b.Sockets > footprintSpare {
		return fmt.Sprintf("%d goroutines, %d descriptors and %d sockets are left; before: %d and %d",
			b.Goroutines, b.Files, b.Sockets, a.Goroutines, a.Files)
	}
	return ""
}

// account compares the server's books with ours.
func (r *run) account(m metrics) {
	rep := &r.report
	rep.ServerEnds, rep.Evictions = m.ends(), int64(m.sum(seriesEvictions)-r.base.sum(seriesEvictions))
	rep.Snapshots = int64(m[seriesSnapshots] - r.base[seriesSnapshots])
	rep.Replays = int64(m[seriesReplays] - r.base[seriesReplays])
	ended := int64(m.sum(seriesEnds) - r.base.sum(seriesEnds))
	r.judge(func(l *ledger) {
		t := &r.crowd.tally
		if leak := r.leaks(); leak != "" {
			l.server(RuleLeak, "%s", leak)
		}
		if n := m.sum(seriesSessions) - r.base.sum(seriesSessions); n != 0 {
			l.server(RuleLeak, "%.0f sessions are left", n)
		}
		if n := m.panics() - r.base.panics(); n > 0 {
			l.server(RuleServer, "%.0f panics", n)
		}
		if ended != t.Connects {
			l.server(RuleEnd, "%d connections were made and have ended, the server counted %d ends", t.Connects, ended)
		}
		// It may have cut some that had left in the same moment.
		told := t.Closes[4008] + t.Closes[4012] + t.Resets
		if cut := ends(m, "4008") + ends(m, "4012") - ends(r.base, "4008") - ends(r.base, "4012"); cut < told {
			l.server(RuleEnd, "%d connections were cut, the server counted %d", told, cut)
		}
		if n := int64(m.sum(seriesGaps) - r.base.sum(seriesGaps)); n < t.Gaps {
			l.server(RuleEnd, "%d gaps came, the server counted %d", t.Gaps, n)
		}
	})
	r.crowd.do(func() {
		if n := r.crowd.disturbed; n > 0 {
			rep.Warnings = append(rep.Warnings, fmt.Sprintf("clients that read were told %d times that they miss something", n))
		}
	})
	if n := m.sum(seriesOverloads) - r.base.sum(seriesOverloads); n > 0 {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("the server discarded the packets of an inbox %.0f times: overload", n))
	}
}

func ends(m metrics, code string) int64 { return m.ends()[code] }

// finish ends a server of our own, which has to end well.
func (r *run) finish() {
	if r.server == nil {
		return
	}
	r.server.Terminate()
	code, ended := r.server.Wait(promptlyMax)
	if !ended {
		r.server.Kill()
	}
	_, _, severe := r.log.logged()
	r.judge(func(l *ledger) {
		switch {
		case !ended:
			l.server(RuleServer, "it did not end within %v of SIGTERM", promptlyMax)
		case code != 0:
			l.server(RuleServer, "exit code %d after SIGTERM", code)
		}
		if severe > 0 {
			l.server(RuleServer, "%d lines of level error and worse in its log", severe)
		}
	})
}

// compareLog looks whether the log of a server that has ended tells of every
// connection.
func (r *run) compareLog() {
	if r.server == nil {
		return
	}
	lines, total, _ := r.log.logged()
	r.report.ServerLines = total
	r.judge(func(l *ledger) {
		if made := r.crowd.tally.Connects; total != made || lines[0] > 0 {
			l.server(RuleEnd, "%d connections were made, %d disconnections logged, %d of them without a code", made, total, lines[0])
		}
	})
}
