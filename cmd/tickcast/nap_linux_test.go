package main

import (
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// Whoever was started with less claim to the processor does not get more by
// asking for slices.
func TestNapperKeepsNice(t *testing.T) {
	ended := make(chan struct{})
	go func() { // the thread ends with it
		defer close(ended)
		runtime.LockOSThread()
		if err := unix.Setpriority(unix.PRIO_PROCESS, 0, 7); err != nil {
			t.Error(err)
			return
		}
		n := newNapper()
		defer n.close()
		attr, err := unix.SchedGetAttr(0, 0)
		if err != nil {
			t.Error(err)
			return
		}
		if attr.Nice != 7 {
			t.Errorf("nice %d; want 7", attr.Nice)
		}
		t.Logf("policy %d, slice %d", attr.Policy, attr.Runtime)
	}()
	<-ended
}
