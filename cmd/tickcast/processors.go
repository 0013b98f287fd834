package main

import "tickcast/feed"

// processors returns how many shards there are and what GOMAXPROCS should be,
// where cores is what it is by default: the cores that this process may use,
// and no more than its cgroup's quota of CPU time, rounded up, but at least 2
// (go.dev/blog/container-aware-gomaxprocs). shards is what was asked for, 0 for
// as many as cores; pinned is how many other threads make raw system calls.
//
// A thread in a raw call keeps its place in the scheduler, even while it
// sleeps: each needs one beside those of the cores.
func processors(cores, shards int, raw bool, pinned int) (count, procs int) {
	count = shards
	if count == 0 {
		count = min(cores, feed.ShardsMax)
	}
	procs = cores + pinned
	if raw {
		procs += count
	}
	return count, procs
}
