//go:build !linux

package main

import (
	"context"
	"time"
)

// nap sleeps for d, at most napMax, or until ctx ends.
func nap(ctx context.Context, d time.Duration) {
	if d <= 0 {
		return
	}
	timer := time.NewTimer(min(d, napMax))
	defer timer.Stop()
	select {
	case <-ctx.Done():
	case <-timer.C:
	}
}

// descriptorLimit is not known here.
func descriptorLimit() int { return 0 }
