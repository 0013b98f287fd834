package feed

import (
	"net"
	"testing"
)

// stuckConn takes a piece whenever its client reads.
type stuckConn struct {
	net.Conn // nil: whatever else is called would panic
	begun    chan int
	reads    chan struct{}
}

func (c *stuckConn) Write(p []byte) (int, error) {
	c.begun <- len(p)
	<-c.reads
	return len(p), nil
}

// A connection's client is as far behind as the piece that it does not take,
// however much room the socket's own buffer has; one that takes a piece now and
// then is not.
func TestConnectionTellsSinceWhenItIsStuck(t *testing.T) {
	now := int64(100e9)
	conn := &stuckConn{begun: make(chan int), reads: make(chan struct{})}
	c := newConnSocket(&loop{now: func() int64 { return now }}, conn)
	p := make([]byte, 2*connPieceBytes+100)
	written := make(chan error)
	go func() { written <- c.writeAll(p) }()
	for _, want := range []int{connPieceBytes, connPieceBytes, 100} {
		if n := <-conn.begun; n != want {
			t.Fatalf("a piece of %d bytes; want %d", n, want)
		}
		if at := c.since(); at != now {
			t.Fatalf("stuck since %d; want %d", at, now)
		}
		m := session{sock: c}
		if age := m.age(now + 7e9); age != 7e9 {
			t.Fatalf("the oldest byte is %d ns old; want 7 s", age)
		}
		now += 10e9
		conn.reads <- struct{}{}
	}
	if err := <-written; err != nil {
		t.Fatal(err)
	}
	c.wrote(p, nil)
	if at := c.since(); at != 0 {
		t.Fatalf("stuck since %d after all was taken", at)
	}
}
