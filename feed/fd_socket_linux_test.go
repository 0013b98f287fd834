package feed

import (
	"net"
	"os"
	"path/filepath"
	"syscall"
	"testing"
)

// fileConn is a connection whose descriptor epoll does not take.
type fileConn struct {
	net.Conn
	file *os.File
}

func (c fileConn) SyscallConn() (syscall.RawConn, error) { return c.file.SyscallConn() }

// A connection whose descriptor cannot be had stays as it was, so that it can
// be served otherwise.
func TestTakeLeavesAConnectionAlone(t *testing.T) {
	file, err := os.Create(filepath.Join(t.TempDir(), "file"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	a, b := net.Pipe()
	defer a.Close()
	defer b.Close()
	hub, err := NewHub(Config{Epoch: "e", Base: stageBegin})
	if err != nil {
		t.Fatal(err)
	}
	l, err := newLoop(hub, &ShardsConfig{Now: func() int64 { return stageBegin }})
	if err != nil {
		t.Fatal(err)
	}
	l.poller.enter()
	defer l.poller.leave()
	for range 3 {
		if c, err := l.poller.take(fileConn{a, file}); err == nil {
			t.Fatalf("%+v was taken", c)
		}
	}
	if n, free := len(l.poller.sockets), len(l.poller.free); n != 2 || free != 1 || l.poller.sockets[1] != nil {
		t.Errorf("%d slots, %d of them free", n, free)
	}
	go func() { _, _ = a.Write([]byte("x")) }() // the other end says whether it came
	if n, err := b.Read(make([]byte, 1)); n != 1 {
		t.Errorf("the connection was closed: %v", err)
	}
	if _, err := file.Stat(); err != nil {
		t.Error(err)
	}
}
