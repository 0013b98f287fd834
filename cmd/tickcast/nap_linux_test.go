package main

import (
	"context"
	"fmt"
	"os"
	"runtime"
	"testing"
	"time"

	"github.com/rs/zerolog"
	"golang.org/x/sys/unix"

	"tickcast/feed"
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
		newNapper()
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

// The thread of a load source, with its slices and its timer slack, is not
// reused by other goroutines.
func TestLoadSourceEndsItsThread(t *testing.T) {
	src, err := newLoadSource(1)
	if err != nil {
		t.Fatal(err)
	}
	hub, err := feed.NewHub(feed.Config{Epoch: "e"})
	if err != nil {
		t.Fatal(err)
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	ended := make(chan int)
	go func() {
		if err := src.run(ctx, hub, nil, zerolog.Nop()); err != nil {
			t.Error(err)
		}
		ended <- unix.Gettid()
	}()
	tid := <-ended
	if tid == os.Getpid() {
		return // the runtime lets the first thread rest for ever instead
	}
	task := fmt.Sprintf("/proc/self/task/%d", tid)
	for deadline := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		if _, err := os.Stat(task); os.IsNotExist(err) {
			return
		}
		if time.Now().After(deadline) {
			t.Fatal("the thread is still there")
		}
	}
}
