package torture

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"math/big"
	"net"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sys/unix"
)

// tunnel lets clients that speak plain TCP torture a server that speaks TLS.
// It buffers next to nothing: who does not read is frozen for the server too,
// and a connection that the server resets is reset.
type tunnel struct {
	listener net.Listener
	server   string // host:port
	config   *tls.Config
	pieces   sync.Pool // of tunnelBytes
	wg       sync.WaitGroup

	mu    sync.Mutex // guards conns
	conns map[net.Conn]struct{}
}

const (
	tunnelBytes  = 16 << 10 // of a TLS record
	tunnelBuffer = 16 << 10 // of the kernel, in each direction of each socket
	// tunnelLook is how often a tunnel whose client does not read looks whether
	// the server has reset the connection.
	tunnelLook = 250 * time.Millisecond
)

func openTunnel(server string, roots *x509.CertPool) (*tunnel, error) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("torture: tunnel: %w", err)
	}
	t := &tunnel{
		listener: l, server: server, config: &tls.Config{ServerName: "127.0.0.1", RootCAs: roots, MinVersion: tls.VersionTLS12},
		conns: make(map[net.Conn]struct{}),
	}
	t.pieces.New = func() any { return new([tunnelBytes]byte) }
	t.wg.Go(t.accept)
	return t, nil
}

func (t *tunnel) url() string { return "ws://" + t.listener.Addr().String() }

// close ends the tunnel and all that goes through it.
func (t *tunnel) close() {
	_ = t.listener.Close() // accept returns
	t.mu.Lock()
	for c := range t.conns {
		_ = c.Close()
	}
	t.conns = nil
	t.mu.Unlock()
	t.wg.Wait()
}

// hold notes an open connection; false if the tunnel was closed.
func (t *tunnel) hold(c net.Conn) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.conns == nil {
		_ = c.Close()
		return false
	}
	t.conns[c] = struct{}{}
	return true
}

func (t *tunnel) drop(c net.Conn) {
	t.mu.Lock()
	defer t.mu.Unlock()
	delete(t.conns, c)
	_ = c.Close()
}

func (t *tunnel) accept() {
	for {
		conn, err := t.listener.Accept()
		if err != nil {
			return // it was closed
		}
		t.wg.Go(func() { t.carry(conn.(*net.TCPConn)) })
	}
}

// carry connects a client with the server until one of them ends it.
func (t *tunnel) carry(client *net.TCPConn) {
	if !t.hold(client) {
		return
	}
	defer t.drop(client)
	conn, err := net.Dial("tcp", t.server)
	if err != nil {
		_ = client.SetLinger(0)
		return // as if the client had been refused
	}
	server := conn.(*net.TCPConn)
	if !t.hold(server) {
		return
	}
	defer t.drop(server)
	for _, c := range []*net.TCPConn{client, server} {
		_ = errors.Join(c.SetReadBuffer(tunnelBuffer), c.SetWriteBuffer(tunnelBuffer)) // it works without
	}
	secure := tls.Client(server, t.config)
	t.wg.Go(func() {
		_, err := io.Copy(secure, client)
		if err != nil {
			_ = server.SetLinger(0) // the client was cut off
		}
		_ = server.Close() // the client has said what it had to say
	})
	if err := t.deliver(client, server, secure); err != nil {
		_ = client.SetLinger(0)
	}
}

// deliver hands on what the server sends. An error says that the connection did
// not end properly.
func (t *tunnel) deliver(client, server *net.TCPConn, secure *tls.Conn) error {
	piece := t.pieces.Get().(*[tunnelBytes]byte)
	defer t.pieces.Put(piece)
	for {
		n, err := secure.Read(piece[:])
		if werr := insist(client, server, piece[:n]); werr != nil {
			return werr
		}
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return err
		}
	}
}

// insist writes to a client for as long as the server has not reset the
// connection.
func insist(client, server *net.TCPConn, p []byte) error {
	for len(p) > 0 {
		if err := client.SetWriteDeadline(time.Now().Add(tunnelLook)); err != nil {
			return err
		}
		n, err := client.Write(p)
		p = p[n:]
		if errors.Is(err, os.ErrDeadlineExceeded) {
			err = fault(server)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// fault returns the error that a socket has come to, nil if it has none.
func fault(conn *net.TCPConn) error {
	raw, err := conn.SyscallConn()
	if err != nil {
		return err
	}
	code := 0
	cerr := raw.Control(func(fd uintptr) { code, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_ERROR) })
	if err = errors.Join(cerr, err); err == nil && code != 0 {
		err = unix.Errno(code)
	}
	return err
}

// writeCertificate writes feed.pem and feed.key, a certificate for 127.0.0.1
// that is signed by itself, and returns their paths and who trusts it.
func writeCertificate(dir string) (cert, key string, roots *x509.CertPool, err error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return "", "", nil, err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(1), Subject: pkix.Name{CommonName: "tickcast torture"},
		NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(48 * time.Hour), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, private.Public(), private)
	if err != nil {
		return "", "", nil, err
	}
	secret, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return "", "", nil, err
	}
	cert, key, roots = filepath.Join(dir, "feed.pem"), filepath.Join(dir, "feed.key"), x509.NewCertPool()
	public := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
	roots.AppendCertsFromPEM(public)
	return cert, key, roots, errors.Join(
		os.WriteFile(cert, public, 0o600),
		os.WriteFile(key, pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: secret}), 0o600),
	)
}
