package torture

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"tickcast/feed/client"
	"tickcast/wire"
)

// stage is where a connection is. The zero stage is invalid.
type stage uint8

const (
	stageAway       stage = iota + 1 // no socket; due is when it connects
	stageConnecting                  // due is when that has taken too long
	stageUpgrading                   // likewise
	stageOpen                        // due is when the role does something
	stageLeaving                     // it sent a close frame and waits for the end
)

// conn is a client with its socket.
type conn struct {
	*follower
	role       role
	query      string // of the stream's URL
	buffer     int    // bytes of its receive buffer, 0: the system's choice
	how        resume // of the next connection
	fd         int    // -1: none
	generation int32  // of the socket
	stage      stage
	events     uint32 // that epoll watches
	carry      []byte // the beginning of a frame, or of a response's head
	due        int64  // ns, 0: never
	asked      bool   // the subscription was sent
	ready      bool   // it was settled once
	sipped     int64  // when a slow client last read
	code       int    // of the close frame that came, 0: none
	reset      bool   // a write found that the connection was reset; a read finds its end then
}

func (k *conn) frozen() bool { return k.stage == stageOpen && k.events == 0 }

const (
	headBytesMax = 16 << 10
	leaveMax     = int64(5e9) // RELIABILITY.md section 3: closed within 3 s
)

// dial begins to connect.
func (c *crowd) dial(k *conn) {
	k.stage, k.due, k.carry = stageConnecting, c.now+handshakeMax, k.carry[:0]
	k.asked, k.ready, k.reset, k.code = false, false, false, 0
	k.connected()
	c.dialing++
	family, addr := sockaddr(c.target.Addr)
	fd, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		panic(fmt.Sprintf("torture: socket: %v", err)) // the limit of files was raised before
	}
	k.fd = fd
	k.generation++
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // it is faster, not more right
	if k.buffer > 0 {                                                 // before connecting, so that the first window is small too
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUF, k.buffer)
	}
	err = unix.Connect(fd, addr)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) && !errors.Is(err, unix.EINTR) {
		c.unreachable(k, err)
		return
	}
	k.events = unix.EPOLLOUT
	ev := unix.EpollEvent{Events: k.events, Fd: int32(k.number), Pad: k.generation}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_ADD, fd, &ev); err != nil {
		panic(fmt.Sprintf("torture: epoll_ctl: %v", err))
	}
}

// watch sets the events that epoll watches; errors it always tells.
func (c *crowd) watch(k *conn, events uint32) {
	if k.fd < 0 || k.events == events {
		return
	}
	k.events = events
	ev := unix.EpollEvent{Events: events, Fd: int32(k.number), Pad: k.generation}
	if err := unix.EpollCtl(c.epoll, unix.EPOLL_CTL_MOD, k.fd, &ev); err != nil {
		panic(fmt.Sprintf("torture: epoll_ctl: %v", err))
	}
}

// established asks for the upgrade.
func (c *crowd) established(k *conn) {
	if code, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		c.unreachable(k, errors.Join(err, unix.Errno(code)))
		return
	}
	if c.connected == 0 {
		c.connected = c.now
	}
	path := c.target.Path
	if k.query != "" {
		path += [...]string{"?", "&"}[min(bytes.Count([]byte(path), []byte("?")), 1)] + k.query
	}
	// The key need not be random: nothing here caches responses.
	request := fmt.Appendf(nil, "GET %s HTTP/1.1\r\nHost: %s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"+
		"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGlja2Nhc3QgYmVuY2ghIQ==\r\n\r\n", path, c.target.Host)
	if n, err := unix.Write(k.fd, request); n < len(request) {
		c.unreachable(k, fmt.Errorf("write: %w", err))
		return
	}
	k.stage = stageUpgrading
	c.watch(k, unix.EPOLLIN)
}

// upgrade reads the response's head.
func (c *crowd) upgrade(k *conn) {
	carried := copy(c.buf, k.carry)
	n, err := unix.Read(k.fd, c.buf[carried:headBytesMax])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
		return
	case err != nil:
		c.unreachable(k, err)
		return
	case n == 0:
		c.unreachable(k, io.ErrUnexpectedEOF)
		return
	}
	b := c.buf[:carried+n]
	_, rest, whole := bytes.Cut(b, []byte("\r\n\r\n"))
	switch {
	case !whole:
		k.carry = append(k.carry[:0], b...)
		return
	case !bytes.HasPrefix(b, []byte("HTTP/1.1 101 ")):
		c.unreachable(k, fmt.Errorf("refused: %.200q", b))
		return
	}
	k.stage, k.due, k.carry = stageOpen, c.now+tickNanos, k.carry[:0]
	c.dialing--
	c.tally.Connects++
	c.upgraded++
	c.frames(k, c.buf[:copy(c.buf, rest)])
}

// unreachable ends an attempt to connect, which is no fault while the server is
// away.
func (c *crowd) unreachable(k *conn, err error) {
	c.tally.Refused++
	if c.upgraded == 0 {
		c.connected = 0 // to a server that was about to die
	}
	if !c.down {
		c.note(RuleServer, k.number, "", "connect: %v", err)
	}
	c.failed(k)
}

// Retries of clients whose server is away: often enough to measure when it is
// back, spread so that they do not keep it from coming back.
const retryNanos = int64(40e6)

func (c *crowd) failed(k *conn) {
	c.dialing--
	c.shut(k)
	k.stage, k.due = stageAway, 0
	if !c.stay {
		k.due = c.now + retryNanos/2 + c.rng.Int64N(retryNanos)
	}
}

// shut closes the socket.
func (c *crowd) shut(k *conn) {
	if k.fd >= 0 {
		_ = unix.Close(k.fd) // which also takes it out of epoll
		k.fd, k.events = -1, 0
	}
	if k.ready {
		k.ready = false
		c.ready--
	}
}

// read reads once, at most n bytes.
func (c *crowd) read(k *conn, most int) {
	carried := copy(c.buf, k.carry)
	n, err := unix.Read(k.fd, c.buf[carried:carried+most])
	switch {
	case errors.Is(err, unix.EAGAIN) || errors.Is(err, unix.EINTR):
	case err != nil:
		c.finished(k, err)
	case n == 0:
		c.finished(k, io.EOF)
	default:
		c.frames(k, c.buf[:carried+n])
	}
}

// frames audits the frames that b begins with and keeps the rest.
func (c *crowd) frames(k *conn, b []byte) {
	generation, now := k.generation, time.Now().UnixMicro()
	for {
		f, whole, err := client.CutFrame(b)
		if err != nil {
			c.note(RuleProtocol, k.number, "", "%v", err)
			c.leave(k)
			return
		}
		if !whole {
			break
		}
		b = b[f.Bytes:]
		if c.frame(k, &f, now); k.generation != generation || k.fd < 0 {
			return // it ended
		}
	}
	k.carry = append(k.carry[:0], b...)
	if !k.ready && k.settled() {
		k.ready = true
		c.ready++
		c.readyAt = time.Now().UnixNano()
	}
}

func (c *crowd) frame(k *conn, f *client.WireFrame, now int64) {
	switch {
	case k.code != 0:
		c.note(RuleProtocol, k.number, "", "%v behind the close frame", f.Op)
	case f.Op == client.OpText && f.Final:
		k.take(f.Payload, now)
		if !k.asked && k.greeted != "" {
			k.asked = true
			c.send(k, wire.OpcodeText, k.subscribe(k.how, now))
		}
	case f.Op == client.OpPing:
		c.send(k, wire.OpcodePong, f.Payload)
	case f.Op == client.OpClose:
		k.code = int(client.CloseNoStatus)
		if len(f.Payload) >= 2 {
			k.code = int(binary.BigEndian.Uint16(f.Payload))
		}
		c.tally.Closes[k.code]++
		if k.stage == stageOpen {
			c.send(k, wire.OpcodeClose, f.Payload[:min(len(f.Payload), 2)])
		}
	default:
		c.note(RuleProtocol, k.number, "", "%v frame, final: %t", f.Op, f.Final)
	}
}

// send writes a frame, which fits the socket's buffer unless the server has
// stopped to read.
func (c *crowd) send(k *conn, op wire.Opcode, payload []byte) {
	frame := wire.AppendClientFrame(nil, op, [4]byte{1, 2, 3, 4}, payload)
	n, err := unix.Write(k.fd, frame)
	if err == nil && n < len(frame) {
		c.note(RuleServer, k.number, "", "the server took %d of %d bytes", n, len(frame))
	}
	k.reset = k.reset || err != nil
}

// finished is called when the server, or the network, ended a connection.
func (c *crowd) finished(k *conn, err error) {
	if k.reset {
		err = unix.ECONNRESET
	}
	switch {
	case k.code != 0 || k.stage == stageLeaving:
	case errors.Is(err, io.EOF):
		c.tally.Ends++
	default:
		c.tally.Resets++
	}
	if !c.expected(k, err) {
		c.lost++
		c.note(RuleHealthy, k.number, "", "the connection of a %s client ended: %v, close code %d", k.kind, err, k.code)
	}
	c.gone(k)
}

// expected reports whether the end of a connection is no fault.
func (c *crowd) expected(k *conn, err error) bool {
	switch {
	case c.down || k.stage == stageLeaving:
		return true
	case k.role == roleFrozen || k.role == roleSleeper || k.role == roleSlow && strings.Contains(k.query, "slow=close"):
		return k.code == int(client.CloseSlow) || k.code == 0 && errors.Is(err, unix.ECONNRESET)
	}
	return false
}

// gone plans the client's return.
func (c *crowd) gone(k *conn) {
	c.shut(k)
	k.abandon()
	k.stage, k.due = stageAway, 0
	switch {
	case c.stay:
	case c.down:
		k.due, k.how = c.now, resumeSince
	default:
		k.due = c.now + 1 + c.rng.Int64N(awayMax)
		k.how = c.comeBack(k)
	}
}

// leave closes the connection without a word.
func (c *crowd) leave(k *conn) {
	// The server may have been faster, unseen.
	if code, err := unix.GetsockoptInt(k.fd, unix.SOL_SOCKET, unix.SO_ERROR); err == nil && code != 0 {
		k.reset = true
		c.finished(k, unix.Errno(code))
		return
	}
	c.tally.Left++
	c.gone(k)
}
