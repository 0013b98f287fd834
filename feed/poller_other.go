//go:build !linux

package feed

import (
	"net"
	"time"
)

// poller waits for posts and packets. Sockets have goroutines of their own.
type poller struct {
	wake  chan struct{} // holds one token when there is something to do
	timer *time.Timer
}

func (p *poller) open(*loop, *ShardsConfig) error {
	p.wake = make(chan struct{}, 1)
	p.timer = time.NewTimer(time.Hour)
	return nil
}

func (p *poller) enter() {}
func (p *poller) leave() { p.timer.Stop() }

// rouse ends a wait, or keeps the next one from beginning.
func (p *poller) rouse() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// wait blocks until it is roused, at most for ns.
func (p *poller) wait(ns int64, _ bool) {
	if ns <= 0 {
		return
	}
	p.timer.Reset(time.Duration(ns))
	select {
	case <-p.wake:
	case <-p.timer.C:
	}
}

// adopt serves a connection; there are connection sockets only.
func (l *loop) adopt(conn net.Conn, early []byte, o Options) { l.converse(conn, early, o) }
