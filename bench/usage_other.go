//go:build !linux

package bench

import "time"

// ReadUsage returns what process pid has used; false if that cannot be known,
// as on this system.
func ReadUsage(int) (Usage, bool) { return Usage{}, false }

// OwnCPU returns what this process has used; false, as on this system.
func OwnCPU() (time.Duration, bool) { return 0, false }
