package bench

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tickcast/feed/client"
)

// netPopulation reads each connection in a goroutine of its own. It works
// everywhere.
type netPopulation struct {
	meter  *meter
	conns  []net.Conn // all, also those that nobody reads
	wg     sync.WaitGroup
	closed atomic.Bool
}

func connectNet(ctx context.Context, c *crowd) (population, error) {
	p := &netPopulation{meter: c.meter}
	readers := 0
	for i := range c.profile.Connections {
		slow := c.profile.slow(i)
		nc, rest, err := dialNet(ctx, c, i, slow)
		if err != nil {
			p.close()
			return nil, fmt.Errorf("bench: connection %d: %w", i, err)
		}
		p.conns = append(p.conns, nc)
		if !slow {
			in := c.newInbox(readers)
			in.carry = rest
			readers++
			p.wg.Go(func() { p.read(nc, &in) })
		}
		c.progress(i + 1)
	}
	return p, nil
}

func dialNet(ctx context.Context, c *crowd, i int, slow bool) (net.Conn, []byte, error) {
	d := net.Dialer{Timeout: handshakeTimeout}
	nc, err := d.DialContext(ctx, "tcp", c.target.Addr.String())
	if err != nil {
		return nil, nil, err
	}
	if tc, ok := nc.(*net.TCPConn); ok && slow {
		_ = tc.SetReadBuffer(slowReceiveBytes) // a larger buffer only delays the effect
	}
	_ = nc.SetDeadline(time.Now().Add(handshakeTimeout))
	rest, err := c.join(nc, i)
	if err != nil {
		_ = nc.Close()
		return nil, nil, err
	}
	_ = nc.SetDeadline(time.Time{})
	return nc, rest, nil
}

// netBufBytes is what a connection reads at once.
const netBufBytes = 16 << 10

func (p *netPopulation) read(nc net.Conn, in *inbox) {
	buf := make([]byte, netBufBytes)
	n := copy(buf, in.carry)
	in.carry = nil
	for {
		used, err := p.meter.take(in, buf[:n], time.Now().UnixMicro())
		n = copy(buf, buf[used:n])
		if n == len(buf) && len(buf) < client.FrameBytesMax+netBufBytes {
			buf = append(buf, make([]byte, len(buf))...)
		}
		if err == nil && len(in.pongs) > 0 {
			_, err = nc.Write(in.pongs)
			in.pongs = in.pongs[:0]
		}
		if err == nil {
			var k int
			k, err = nc.Read(buf[n:])
			n += k
		}
		if err != nil {
			if !p.closed.Load() {
				p.meter.ended(err)
			}
			return
		}
	}
}

func (p *netPopulation) close() {
	p.closed.Store(true)
	for _, nc := range p.conns {
		_ = nc.Close()
	}
	p.wg.Wait()
}
