package main

import (
	"fmt"

	"tickcast/feed/server"
)

// limitFlags bound what one address may have.
type limitFlags struct {
	PerAddress int `name:"per-address" default:"100" help:"Connections of one address, of one /64 of IPv6; loopback has no such limit. Behind a proxy all clients have its address: 0 takes all limits from addresses (${env})."`
	Requests   int `default:"20" help:"REST requests a second of one address, loopback too; 0: any number (${env})."`
}

func (f *limitFlags) check() error {
	if f.PerAddress < 0 || f.Requests < 0 {
		return fmt.Errorf("%d connections and %d requests a second of an address; want 0 or more", f.PerAddress, f.Requests)
	}
	return nil
}

// limit sets the limits of a server.
func (f *limitFlags) limit(cfg *server.Config) {
	cfg.Connections = connectionLimit()
	if cfg.PerAddress = f.PerAddress; cfg.PerAddress == 0 {
		cfg.PerAddress = server.Unlimited
	}
	if cfg.Requests = f.Requests; cfg.Requests == 0 {
		cfg.Requests = server.Unlimited
	}
}

// descriptorsSpare is what the process needs beside its clients, and to tell
// one more that it is one too many.
const descriptorsSpare = 64

// connectionLimit is 80 % of the descriptors that the process may have, or
// what leaves descriptorsSpare.
func connectionLimit() int {
	if n := descriptorLimit(); n > 0 {
		return max(min(n*8/10, n-descriptorsSpare), 1)
	}
	return 0
}
