//go:build linux || darwin

package bench

import (
	"fmt"

	"golang.org/x/sys/unix"
)

// filesSpare is what a process opens beside its connections.
const filesSpare = 64

// RaiseFiles makes room for as many open files as connections need, in this
// process and in children that it starts from now on.
func RaiseFiles(connections int) error {
	need := uint64(connections) + filesSpare
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("bench: limit of open files: %w", err)
	}
	if limit.Cur >= need {
		return nil
	}
	old := limit.Cur
	limit.Cur = max(limit.Cur, min(limit.Max, need))
	if limit.Cur < need { // only root may
		limit.Cur, limit.Max = need, need
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		return fmt.Errorf("bench: %d connections need %d open files, the limit is %d: raise it (ulimit -n %d) or ask for fewer --connections",
			connections, need, old, need)
	}
	return nil
}
