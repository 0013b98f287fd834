package torture

import (
	"net/netip"
	"time"

	"golang.org/x/sys/unix"

	"tickcast/wire"
)

// role is how a client behaves once the faults begin. The zero role is invalid.
type role uint8

const (
	roleHealthy role = iota + 1
	roleSlow         // reads slowBytes a second
	roleSleeper      // stops reading for a while, again and again
	roleFrozen       // stops reading for good
	roleFlapper      // comes and goes
)

var roleNames = [...]string{"invalid", "healthy", "slow", "sleeping", "frozen", "flapping"}

// String returns the role as a participle or adjective.
func (r role) String() string {
	if int(r) < len(roleNames) {
		return roleNames[r]
	}
	return roleNames[0]
}

// slowBytes is what a slow client reads in a second.
const slowBytes = 8000

// awayMax is how long a client stays away at most, ns.
const awayMax = int64(2e9)

// unleash lets every client play its role.
func (c *crowd) unleash(freeze time.Duration, flapsPerSec float64) {
	c.faults, c.freeze, c.flapsPerSec, c.flapAt = true, freeze, flapsPerSec, c.now
	for _, k := range c.conns {
		if k.stage == stageOpen {
			k.due = c.now + 1 + c.rng.Int64N(int64(freeze)/4+1)
		}
	}
}

// calm ends all faults: everybody reads and stays.
func (c *crowd) calm() {
	c.faults = false
	for _, k := range c.conns {
		switch k.stage {
		case stageOpen:
			k.due = 0
			if k.buffer > 0 {
				_ = unix.SetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_RCVBUF, bufferCalm) // only slower without it
			}
			c.watch(k, unix.EPOLLIN)
		case stageAway:
			k.due = c.now
		case stageConnecting, stageUpgrading, stageLeaving:
		}
	}
}

// script does what a role has to do when its time has come.
func (c *crowd) script(k *conn) {
	if !c.faults {
		return
	}
	if !k.ready { // it begins with a whole state
		k.due = c.now + tickNanos
		return
	}
	switch k.role {
	case roleFrozen:
		c.watch(k, 0)
	case roleSleeper:
		pause := int64(c.freeze)/2 + c.rng.Int64N(int64(c.freeze)/2+1)
		if k.frozen() {
			c.watch(k, unix.EPOLLIN)
			k.due = c.now + pause/4
		} else {
			c.watch(k, 0)
			k.due = c.now + pause
		}
	case roleSlow:
		k.sipped = c.now
		c.watch(k, 0) // tick reads
	case roleHealthy, roleFlapper:
	}
}

// sip reads what a slow client has earned since it last did.
func (c *crowd) sip(k *conn) {
	const piece = slowBytes / 10
	if !k.frozen() {
		return
	}
	if earned := (c.now - k.sipped) * slowBytes / 1e9; earned >= piece {
		k.sipped = c.now
		c.read(k, int(min(earned, slowBytes)))
	}
}

// flap lets as many clients go as are due.
func (c *crowd) flap() {
	if !c.faults || c.flapsPerSec == 0 {
		return
	}
	for ; c.flapAt <= c.now; c.flapAt += int64(1e9 / c.flapsPerSec) {
		for range 20 { // some are away
			k := c.conns[c.rng.IntN(len(c.conns))]
			if k.role == roleFlapper && k.stage == stageOpen && k.ready {
				c.goAway(k)
				break
			}
		}
	}
}

// goAway ends a connection in one of the ways in which clients do.
func (c *crowd) goAway(k *conn) {
	switch c.rng.IntN(3) {
	case 0: // in order
		k.stage, k.due = stageLeaving, c.now+leaveMax
		c.send(k, wire.OpcodeClose, []byte{1000 >> 8, 1000 & 0xff})
		return
	case 1: // as a process that dies
		linger := unix.Linger{Onoff: 1}
		_ = unix.SetsockoptLinger(k.fd, unix.SOL_SOCKET, unix.SO_LINGER, &linger) // without it, it is the third way
	}
	c.leave(k)
}

// comeBack decides with what cursors a client returns: half of them resume.
func (c *crowd) comeBack(k *conn) resume {
	switch n := c.rng.IntN(40); {
	case k.pattern != nil: // more cursors than a request may hold
		return resumeNone
	case n < 19:
		return resumeNone
	case n < 21:
		return resumeForeign
	}
	return resumeSince
}

func sockaddr(a netip.AddrPort) (family int, addr unix.Sockaddr) {
	if !a.Addr().Is4() {
		return unix.AF_INET6, &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return unix.AF_INET, &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}
