package server

import (
	"crypto/tls"
	"errors"
	"io"
	"net"
	"slices"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/rs/zerolog"
)

const (
	// refusalTimeout bounds a TLS handshake that ends in a refusal, and
	// refusalsMax how many there are at once: beyond it connections are closed
	// without a word, for there is too little of everything.
	refusalTimeout = time.Second
	refusalsMax    = 16
)

const plaintextBody = `{"error":{"code":"bad_request","message":"this port speaks TLS: use https or wss"}}` + "\n"

// plaintext answers those who do not know that this port speaks TLS.
var plaintext = "HTTP/1.1 400 Bad Request\r\nConnection: close\r\nContent-Type: application/json\r\n" +
	"X-Content-Type-Options: nosniff\r\nContent-Length: " + strconv.Itoa(len(plaintextBody)) + "\r\n\r\n" + plaintextBody

// secureConfig returns what the listener of clients speaks TLS with, nil if it
// does not. The certificate is asked for at each handshake, so that it can be
// replaced. The only protocol above is HTTP/1.1: WebSockets need no other.
func secureConfig(cfg *Config) *tls.Config {
	if cfg.Certificate == nil {
		return nil
	}
	return &tls.Config{
		GetCertificate: cfg.Certificate,
		MinVersion:     tls.VersionTLS12,
		NextProtos:     []string{"http/1.1"},
	}
}

// secureConn is a counted connection that speaks TLS. It has no descriptor to
// give away: its session keeps it.
type secureConn struct {
	*tls.Conn
	counted *countedConn
	failed  *atomic.Uint64
	log     zerolog.Logger
}

// Handshake is called by fasthttp, in the goroutine that serves the
// connection, after it has set the deadline (readTimeout) that bounds it.
func (c *secureConn) Handshake() error {
	err := c.Conn.Handshake()
	if err == nil {
		return nil
	}
	c.failed.Add(1)
	c.log.Debug().Err(err).Stringer("remote", c.RemoteAddr()).Msg("TLS handshake failed")
	var header tls.RecordHeaderError
	if errors.As(err, &header) && header.Conn != nil && isHTTP(header.RecordHeader) {
		_, _ = io.WriteString(header.Conn, plaintext) // a courtesy
	}
	_ = c.counted.Close() // fasthttp would go on and read
	return err
}

// isHTTP reports whether what should be the head of a TLS record begins a
// request.
func isHTTP(head [5]byte) bool {
	return slices.Contains([]string{"GET /", "HEAD ", "POST ", "PUT /", "OPTIO"}, string(head[:]))
}

// Abort ends the connection without the farewell of TLS, which would wait for
// a client that does not read, and throws away what the kernel has not sent.
func (c *secureConn) Abort() error {
	_ = c.counted.SetLinger(0) // closing without it is only slower
	return c.counted.Close()
}

// refuse tells a connection that there is no place for it, and closes it.
func (l *listener) refuse(tcp *net.TCPConn) {
	if l.secure == nil {
		_ = tcp.SetWriteDeadline(time.Now().Add(time.Second)) // one packet into an empty buffer
		_, _ = tcp.Write(refusal)                             // the refusal is a courtesy
		_ = tcp.Close()
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.down || l.refusing == refusalsMax {
		_ = tcp.Close()
		return
	}
	l.refusing++
	l.refusals.Go(func() {
		_ = tcp.SetDeadline(time.Now().Add(refusalTimeout))
		conn := tls.Server(tcp, l.secure)
		_, _ = conn.Write(refusal)
		_ = conn.CloseWrite()
		_ = tcp.Close()
		l.mu.Lock()
		defer l.mu.Unlock()
		l.refusing--
	})
}
