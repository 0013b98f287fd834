//go:build !linux

package main

import "time"

const napMax = time.Millisecond

// napper sleeps as precisely as the runtime does.
type napper struct{}

func newNapper() napper { return napper{} }

// nap sleeps for d, at most napMax.
func (napper) nap(d time.Duration) { time.Sleep(min(d, napMax)) }

// descriptorLimit is not known here.
func descriptorLimit() int { return 0 }
