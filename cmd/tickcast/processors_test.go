package main

import "testing"

func TestProcessors(t *testing.T) {
	for _, c := range []struct {
		cores, shards int
		raw           bool
		pinned        int
		count, procs  int
	}{
		{cores: 2, raw: true, count: 2, procs: 4},
		{cores: 2, raw: true, pinned: 1, count: 2, procs: 5},
		{cores: 2, count: 2, procs: 2},
		{cores: 2, pinned: 1, count: 2, procs: 3},
		{cores: 8, shards: 3, raw: true, count: 3, procs: 11},
		{cores: 2, shards: 6, raw: true, count: 6, procs: 8},
		{cores: 128, raw: true, count: 64, procs: 192},             // a hub has no more shards
		{cores: 128, shards: 65, raw: true, count: 65, procs: 193}, // which is refused
	} {
		count, procs := processors(c.cores, c.shards, c.raw, c.pinned)
		if count != c.count || procs != c.procs {
			t.Errorf("%+v: %d shards, GOMAXPROCS %d", c, count, procs)
		}
	}
}
