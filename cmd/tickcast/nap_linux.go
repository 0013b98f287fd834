package main

import (
	"context"
	"time"

	"golang.org/x/sys/unix"
)

// nap sleeps for d, at most napMax, to some 60 us: the runtime's own timers
// round an idle process's sleep up to a millisecond.
func nap(_ context.Context, d time.Duration) {
	end := time.Now().Add(min(d, napMax))
	// The runtime's preemption signal cuts a sleep short.
	for d := time.Until(end); d > 0; d = time.Until(end) {
		ts := unix.NsecToTimespec(int64(d))
		if err := unix.Nanosleep(&ts, nil); err != nil && err != unix.EINTR {
			return
		}
	}
}

// descriptorLimit returns how many descriptors the process may have open, as
// far as it is known.
func descriptorLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<20 {
		return 0
	}
	return int(r.Cur)
}
