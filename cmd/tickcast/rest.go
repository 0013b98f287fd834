package main

import (
	"context"
	"runtime/debug"
	"time"

	"tickcast/bench"
)

// A process that used less than restShare of a processor for restTime is at
// rest, one that used more than busyShare was busy.
const (
	restTime  = 2 * time.Second
	restShare = 0.1
	busyShare = 0.15
	// restsMax is when the last of a burst is gone: history, after a minute.
	restsMax = 40
	// restsSome is when the rest of a short one is gone: logs, inboxes, states.
	restsSome = 10
)

// rest says when memory goes back to the system. Garbage is collected when the
// heap grows, and a feed makes next to none: what a burst took would stay until
// the runtime collects because two minutes have passed. While the process is
// busy nothing is collected for this: it would cost others their latency.
type rest struct {
	used  time.Duration // CPU time so far
	busy  bool          // since memory was given back for the last time
	times int           // that it was at rest since then
}

// due is told, once in restTime, what CPU time the process has used so far. It
// reports whether a burst ended a moment ago, some 20 s ago, or some 80 s ago.
func (r *rest) due(used time.Duration) bool {
	share := float64(used-r.used) / float64(restTime)
	r.used = used
	switch {
	case share > busyShare:
		r.busy, r.times = true, 0
		return false
	case share > restShare || !r.busy:
		return false
	}
	r.times++
	r.busy = r.times < restsMax
	return r.times == 1 || r.times == restsSome || r.times == restsMax
}

// settle gives memory back to the system when the process is at rest, until
// ctx ends.
func settle(ctx context.Context) error {
	tick := time.NewTicker(restTime)
	defer tick.Stop()
	var r rest
	for {
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
		if used, known := bench.OwnCPU(); known && r.due(used) {
			debug.FreeOSMemory()
		}
	}
}
