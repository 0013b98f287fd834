package bench

import (
	"fmt"
	"math"
	"time"
)

// observation is what is read at both ends of the window.
type observation struct {
	at      time.Time
	server  Usage
	known   bool // server is
	own     time.Duration
	ownOK   bool
	message int64
}

func (r *run) observe() observation {
	o := observation{at: time.Now(), message: r.meter.counts().messages}
	o.server, o.known = ReadUsage(r.cfg.PID)
	o.own, o.ownOK = OwnCPU()
	return o
}

// account fills in what server and generator spent between a and b.
func (r *run) account(a, b observation) {
	rep, wall := &r.report, b.at.Sub(a.at)
	if a.known && b.known {
		cpu := b.server.CPU - a.server.CPU
		rep.ServerBusy = share(cpu, wall)
		growth := b.server.RSSBytes - a.server.RSSBytes
		rep.Growth = &growth
		if n := b.message - a.message; n > 0 {
			each := math.Round(float64(cpu) / float64(n))
			rep.CPUPerMessage = &each
		}
	}
	if a.ownOK && b.ownOK {
		rep.GeneratorBusy = share(b.own-a.own, wall)
	}
}

// received fills in what arrived.
func (r *run) received() {
	rep, t := &r.report, r.meter.counts()
	_, rep.Closed, _ = r.meter.state()
	rep.Delivered = t.messages
	rep.Lost = max(rep.Expected-t.messages, 0)
	rep.Gaps, rep.Duplicates, rep.Skipped = t.missing, t.duplicates, t.announced
	rep.Latency = newLatencyOf(r.meter.latencies())
	if t.messages > 0 {
		rep.BytesEach = round(float64(t.bytes)/float64(t.messages), 1)
	}
	if t.reads > 0 {
		rep.PerRead = round(float64(t.messages)/float64(t.reads), 2)
	}
	if t.unstamped > 0 {
		rep.Warnings = append(rep.Warnings, fmt.Sprintf("%s messages had no readable ts and have no latency", group(t.unstamped)))
	}
}

// share is a part of one processor.
func share(cpu, wall time.Duration) *float64 {
	v := round(cpu.Seconds()/wall.Seconds(), 4)
	return &v
}

func round(v float64, decimals int) float64 {
	p := math.Pow10(decimals)
	return math.Round(v*p) / p
}
