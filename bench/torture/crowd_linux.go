package torture

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"sync"
	"time"

	"golang.org/x/sys/unix"

	"tickcast/bench"
	"tickcast/feed/client"
)

// crowd runs all clients in one thread: their sockets in one epoll, what they
// know in one audit. All but the posts belongs to its goroutine; others have
// functions run there with do.
type crowd struct {
	*audit
	target bench.Target
	rng    *rand.Rand
	conns  []*conn // epoll's data is the index and a generation
	buf    []byte
	epoll  int
	wake   int // eventfd
	done   chan struct{}
	ended  bool

	now       int64 // ns since the Unix epoch, of this round
	tickAt    int64
	dialing   int // handshakes under way
	dialMax   int // of these at once
	ready     int // connections that are settled
	readyAt   int64
	connected int64 // when the first connect succeeded that led to an upgrade, 0: none yet
	upgraded  int   // upgrades since that was reset

	faults      bool          // the clients misbehave
	freeze      time.Duration // of sleepers, at most
	flapsPerSec float64
	flapAt      int64
	down        bool // the server is expected to go away
	stay        bool // who has ended does not come back
	lost        int  // connections that ended while the server was expected to be there

	mu    sync.Mutex // guards posts
	posts []func()
}

const (
	readBytes    = 256 << 10 // of one read: what the server writes at once at most
	readyEvents  = 1024      // of one epoll_wait
	wakeIndex    = -1        // epoll's data of the eventfd
	tickNanos    = int64(10e6)
	handshakeMax = int64(20e9)
	dialMax      = 64 // unless a storm is wanted
)

func newCrowd(a *audit, target bench.Target, seed uint64) (*crowd, error) {
	c := &crowd{
		audit: a, target: target, rng: rand.New(rand.NewPCG(seed, 1)), dialMax: dialMax,
		buf: make([]byte, readBytes+client.FrameBytesMax+16), done: make(chan struct{}),
		epoll: -1, wake: -1,
	}
	var err error
	if c.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err == nil {
		c.wake, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	}
	if err == nil {
		ev := unix.EpollEvent{Events: unix.EPOLLIN, Fd: wakeIndex}
		err = unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, c.wake, &ev)
	}
	if err != nil {
		c.release()
		return nil, fmt.Errorf("torture: epoll: %w", err)
	}
	return c, nil
}

// run is the thread.
func (c *crowd) run() {
	defer close(c.done)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	events := make([]unix.EpollEvent, readyEvents)
	for !c.ended {
		wait := 0
		if c.clock(); c.now < c.tickAt {
			wait = int((c.tickAt-c.now)/1e6) + 1
		}
		n, err := unix.EpollWait(c.epoll, events, wait)
		if err != nil && !errors.Is(err, unix.EINTR) {
			panic(fmt.Sprintf("torture: epoll_wait: %v", err)) // a descriptor of ours was closed
		}
		c.clock()
		for i := range max(n, 0) {
			c.event(&events[i])
		}
		c.runPosts()
		if c.now >= c.tickAt {
			c.tickAt = c.now + tickNanos
			c.tick()
		}
	}
	for _, k := range c.conns {
		c.shut(k)
	}
}

func (c *crowd) clock() { c.now = time.Now().UnixNano() }

func (c *crowd) event(ev *unix.EpollEvent) {
	if ev.Fd == wakeIndex {
		var b [8]byte
		_, _ = unix.Read(c.wake, b[:]) // it only has to be emptied
		return
	}
	k := c.conns[ev.Fd]
	if k.generation != ev.Pad || k.fd < 0 {
		return // of a socket that was closed in this round
	}
	switch k.stage {
	case stageConnecting:
		c.established(k)
	case stageUpgrading:
		c.upgrade(k)
	default:
		if k.frozen() && ev.Events&(unix.EPOLLERR|unix.EPOLLHUP) == 0 {
			return
		}
		c.read(k, readBytes)
	}
}

func (c *crowd) runPosts() {
	c.mu.Lock()
	posts := c.posts
	c.posts = nil
	c.mu.Unlock()
	for _, f := range posts {
		f()
	}
}

// do has f run by the crowd's goroutine, and waits for it.
func (c *crowd) do(f func()) {
	ran := make(chan struct{})
	c.mu.Lock()
	c.posts = append(c.posts, func() { f(); close(ran) })
	c.mu.Unlock()
	one := [8]byte{1}
	_, _ = unix.Write(c.wake, one[:]) // full means that it is awake
	<-ran
}

// close ends all connections and the thread.
func (c *crowd) close() {
	c.do(func() { c.ended = true })
	<-c.done
	c.release()
}

func (c *crowd) release() {
	for _, fd := range []int{c.epoll, c.wake} {
		if fd >= 0 {
			_ = unix.Close(fd)
		}
	}
}

// tick looks after everything that time brings about.
func (c *crowd) tick() {
	for _, k := range c.conns {
		if k.due != 0 && k.due <= c.now {
			c.timeout(k)
		}
		if k.role == roleSlow && c.faults && k.stage == stageOpen {
			c.sip(k)
		}
	}
	c.flap()
}

// timeout is called when a connection's due time has come.
func (c *crowd) timeout(k *conn) {
	switch k.stage {
	case stageAway:
		if c.dialing < c.dialMax {
			c.dial(k)
		}
	case stageConnecting, stageUpgrading:
		c.note(RuleTime, k.number, "", "no connection within %v", time.Duration(handshakeMax))
		c.failed(k)
	case stageLeaving:
		c.note(RuleEnd, k.number, "", "the connection is open %v after the close frame", time.Duration(leaveMax))
		c.leave(k)
	case stageOpen:
		k.due = 0
		c.script(k)
	}
}
