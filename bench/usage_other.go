//go:build !linux

package bench

import "time"

// ReadUsage returns what process pid has used; false if that cannot be known,
// as on this system.
func ReadUsage(int) (Usage, bool) { return Usage{}, false }

func ownCPU() (time.Duration, bool) { return 0, false }
