package feed

import (
	"errors"
	"fmt"
	"runtime"
	"sync"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Sizes of a poller.
const (
	pollEvents    = 512
	pollReadBytes = 64 << 10
	// hotWaitMax bounds a raw wait, which the runtime ends with a signal if it
	// has to, but not for the timers of the thread's processor.
	hotWaitMax = int64(5e6)
)

// poller is an epoll instance: it waits for the descriptors of a loop's
// sessions, and for an eventfd by which others rouse it. All but rouse is
// called by the loop's goroutine, which keeps its thread: a raw system call
// costs no trip through the scheduler, which for a thread that sleeps
// thousands of times a second is as much as all the rest.
type poller struct {
	loop   *loop
	raw    bool
	epoll  int
	events []unix.EpollEvent
	buf    []byte

	sockets []*fdSocket // by slot
	free    []uint32    // slots
	conns   bool        // sessions keep their connections
	coarse  bool        // the kernel has no epoll_pwait2

	generation uint32

	mu      sync.Mutex // guards eventfd, which others write
	eventfd int        // -1 when the loop has ended
}

func (p *poller) open(l *loop, cfg *ShardsConfig) error {
	p.loop, p.raw, p.conns = l, !cfg.Ordinary, cfg.Connections
	var err error
	if p.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	if p.eventfd, err = unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK); err != nil {
		return fmt.Errorf("eventfd: %w", errors.Join(err, unix.Close(p.epoll)))
	}
	p.events = make([]unix.EpollEvent, pollEvents)
	p.buf = make([]byte, pollReadBytes)
	p.sockets = []*fdSocket{nil} // slot 0 is the eventfd
	event := unix.EpollEvent{Events: unix.EPOLLIN}
	if err := unix.EpollCtl(p.epoll, unix.EPOLL_CTL_ADD, p.eventfd, &event); err != nil {
		return fmt.Errorf("epoll: %w", errors.Join(err, unix.Close(p.eventfd), unix.Close(p.epoll)))
	}
	return nil
}

func (p *poller) enter() {
	runtime.LockOSThread()
	// The kernel would round a wait between rounds up by 50 us.
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it waits are longer
}

// leave closes the descriptors. Whoever rouses later is late: the loop has
// ended, and takes no posts.
func (p *poller) leave() {
	runtime.UnlockOSThread()
	p.mu.Lock()
	defer p.mu.Unlock()
	_ = unix.Close(p.epoll) // nothing can be lost
	_ = unix.Close(p.eventfd)
	p.eventfd = -1
}

// rouse ends a wait, or keeps the next one from beginning.
func (p *poller) rouse() {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.eventfd < 0 {
		return
	}
	one := [8]byte{1} // in either byte order it is not 0
	_, _ = p.call(syscall.SYS_WRITE, p.eventfd, one[:])
}

// call is read(2) or write(2) of a descriptor that does not block: raw, or such
// that the scheduler sees it.
func (p *poller) call(trap uintptr, fd int, b []byte) (int, syscall.Errno) {
	at, n := unsafe.Pointer(unsafe.SliceData(b)), uintptr(0)
	var errno syscall.Errno
	if p.raw {
		n, _, errno = syscall.RawSyscall(trap, uintptr(fd), uintptr(at), uintptr(len(b)))
	} else {
		n, _, errno = syscall.Syscall(trap, uintptr(fd), uintptr(at), uintptr(len(b)))
	}
	if errno != 0 {
		return 0, errno
	}
	return int(n), 0
}

// wait handles what the sockets have to say. It blocks until they have, or it
// is roused, at most for ns; hot: without the scheduler, and for less.
func (p *poller) wait(ns int64, hot bool) {
	n := 0
	switch {
	case p.raw && (hot || ns == 0):
		n = p.rawWait(min(ns, hotWaitMax))
	case ns == 0:
		n = p.ordinaryWait(0)
	default:
		n = p.ordinaryWait(int((ns + 999_999) / 1_000_000))
	}
	p.loop.shard.now = p.loop.now()
	for i := range n {
		p.handle(&p.events[i])
	}
}

func (p *poller) ordinaryWait(millis int) int {
	n, err := unix.EpollWait(p.epoll, p.events, millis)
	if err != nil {
		return 0 // EINTR: the loop comes back
	}
	return n
}

// rawWait is epoll_pwait2, to the nanosecond; older kernels have only
// milliseconds, and get at least one.
func (p *poller) rawWait(ns int64) int {
	events := uintptr(unsafe.Pointer(&p.events[0]))
	if !p.coarse {
		ts := unix.NsecToTimespec(ns)
		n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT2, uintptr(p.epoll), events, pollEvents,
			uintptr(unsafe.Pointer(&ts)), 0, 0)
		if errno == 0 {
			return int(n)
		}
		p.coarse = errno == syscall.ENOSYS
		if !p.coarse {
			return 0
		}
	}
	millis := (ns + 999_999) / 1_000_000
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.epoll), events, pollEvents, uintptr(millis), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

// handle takes what a descriptor reported.
func (p *poller) handle(e *unix.EpollEvent) {
	if e.Fd == 0 {
		var count [8]byte
		_, _ = p.call(syscall.SYS_READ, p.eventfd, count[:]) // resets it
		return
	}
	slot, generation := uint32(e.Fd), uint32(e.Pad)
	c := p.sockets[slot]
	if c == nil || c.generation != generation {
		return // it was closed earlier in this batch
	}
	p.loop.guard(c.session, func() {
		if e.Events&(unix.EPOLLIN|unix.EPOLLHUP|unix.EPOLLERR|unix.EPOLLRDHUP) != 0 {
			c.readable()
		}
		if e.Events&unix.EPOLLOUT != 0 && c.fd >= 0 {
			c.writable()
		}
	})
}

// add registers a socket under a slot of its own. The generation tells an
// event of a slot's earlier holder.
func (p *poller) add(c *fdSocket) error {
	if n := len(p.free); n > 0 {
		c.slot, p.free = p.free[n-1], p.free[:n-1]
	} else {
		c.slot = uint32(len(p.sockets))
		p.sockets = append(p.sockets, nil)
	}
	p.generation++
	c.generation = p.generation
	c.interest = unix.EPOLLIN | unix.EPOLLRDHUP
	if err := p.control(unix.EPOLL_CTL_ADD, c); err != nil {
		p.free = append(p.free, c.slot)
		return err
	}
	p.sockets[c.slot] = c
	return nil
}

func (p *poller) control(op int, c *fdSocket) error {
	event := unix.EpollEvent{Events: c.interest, Fd: int32(c.slot), Pad: int32(c.generation)}
	if err := unix.EpollCtl(p.epoll, op, c.fd, &event); err != nil {
		return fmt.Errorf("epoll: %w", err)
	}
	return nil
}

// remove forgets a socket before it is closed.
func (p *poller) remove(c *fdSocket) {
	_ = unix.EpollCtl(p.epoll, unix.EPOLL_CTL_DEL, c.fd, nil) // closing would do it too
	p.sockets[c.slot] = nil
	p.free = append(p.free, c.slot)
}
