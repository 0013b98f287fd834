package main

import (
	"runtime"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// napMax bounds a nap: the timers of the thread's processor wait for its end.
const napMax = time.Millisecond

// napper sleeps precisely: the runtime's own timers round an idle process's
// sleep up to a millisecond, and the kernel's by 50 us unless told otherwise.
// It keeps its thread and sleeps in a raw system call; an ordinary one has the
// runtime's monitor look at the thread every 20 us, which costs a fifth of a
// core. The thread is never unlocked, and so ends with the goroutine: nobody else
// gets what it was given.
type napper struct{}

func newNapper() napper {
	runtime.LockOSThread()
	_ = unix.Prctl(unix.PR_SET_TIMERSLACK, 1, 0, 0, 0) // without it naps are longer
	// Setting one attribute sets them all: nice and policy stay as they were.
	if attr, err := unix.SchedGetAttr(0, 0); err == nil && attr.Policy == unix.SCHED_NORMAL {
		attr.Runtime = sliceNanos
		_ = unix.SchedSetAttr(0, attr, 0) // kernels before 6.12 know no slices
	}
	return napper{}
}

// sliceNanos is for how long the thread wants a processor at a time. With so
// little it gets it at once from a shard that writes; with the usual 3 ms one
// tick in fifty waited for 4 ms.
const sliceNanos = 100_000

// nap sleeps for d, at most napMax.
func (napper) nap(d time.Duration) {
	ts := unix.NsecToTimespec(int64(min(d, napMax)))
	// EINTR, from the runtime's preemption signal, only ends it early.
	_, _, _ = syscall.RawSyscall(syscall.SYS_NANOSLEEP, uintptr(unsafe.Pointer(&ts)), 0, 0)
}

// descriptorLimit returns how many descriptors the process may have open, 0
// if that is not known.
func descriptorLimit() int {
	var r unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &r); err != nil || r.Cur > 1<<20 {
		return 0
	}
	return int(r.Cur)
}
