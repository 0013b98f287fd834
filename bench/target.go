package bench

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"net/url"
	"strconv"
)

// ErrNotLoopback is wrapped when a target is another machine: a load generator
// that can be pointed anywhere is a weapon, and its latencies would need two
// clocks that agree.
var ErrNotLoopback = errors.New("only loopback addresses can be measured")

// Target is where clients connect to: an address of this machine.
type Target struct {
	Addr netip.AddrPort
	Host string // for the Host header
	Path string // with the query
}

// ParseTarget reads ws://host:port with the native protocol's default path.
func ParseTarget(ctx context.Context, raw string) (Target, error) {
	u, err := url.Parse(raw)
	if err != nil {
		return Target{}, fmt.Errorf("bench: %w", err)
	}
	if u.Scheme != "ws" || u.Host == "" {
		return Target{}, fmt.Errorf("bench: URL %q must be ws://host:port", raw)
	}
	if u.Path == "" || u.Path == "/" {
		u.Path = "/v1/stream"
	}
	addr, err := loopback(ctx, u)
	if err != nil {
		return Target{}, fmt.Errorf("bench: %s: %w", u.Host, err)
	}
	return Target{Addr: addr, Host: u.Host, Path: u.RequestURI()}, nil
}

// loopback resolves the host of u, which must be this machine.
func loopback(ctx context.Context, u *url.URL) (netip.AddrPort, error) {
	port := 80
	if u.Port() != "" {
		p, err := strconv.ParseUint(u.Port(), 10, 16)
		if err != nil {
			return netip.AddrPort{}, err
		}
		port = int(p)
	}
	addrs, err := net.DefaultResolver.LookupNetIP(ctx, "ip", u.Hostname())
	if err != nil {
		return netip.AddrPort{}, err
	}
	var first netip.Addr
	for _, a := range addrs {
		a = a.Unmap()
		if !a.IsLoopback() {
			return netip.AddrPort{}, fmt.Errorf("%s: %w", a, ErrNotLoopback)
		}
		if !first.IsValid() || a.Is4() && !first.Is4() { // servers listen on IPv4 more often
			first = a
		}
	}
	if !first.IsValid() {
		return netip.AddrPort{}, errors.New("no address")
	}
	return netip.AddrPortFrom(first, uint16(port)), nil
}
