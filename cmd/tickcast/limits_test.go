package main

import (
	"testing"

	"tickcast/feed/server"
)

func TestLimitFlags(t *testing.T) {
	for _, c := range []struct{ flags, want limitFlags }{
		{limitFlags{100, 20}, limitFlags{100, 20}},
		{limitFlags{0, 20}, limitFlags{server.Unlimited, 20}},
		{limitFlags{5, 0}, limitFlags{5, server.Unlimited}},
	} {
		var cfg server.Config
		c.flags.limit(&cfg)
		if err := c.flags.check(); err != nil || cfg.PerAddress != c.want.PerAddress || cfg.Requests != c.want.Requests {
			t.Errorf("%+v: %d connections, %d requests, %v", c.flags, cfg.PerAddress, cfg.Requests, err)
		}
	}
	for _, f := range []limitFlags{{-1, 20}, {100, -1}} {
		if f.check() == nil {
			t.Errorf("%+v was accepted", f)
		}
	}
}
