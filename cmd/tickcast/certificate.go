package main

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/rs/zerolog"
)

// certificateFlags say with which certificate clients are served.
type certificateFlags struct {
	TLSCert string `name:"tls-cert" placeholder:"FILE" help:"Certificates in PEM, the server's first: serve https and wss; read again at SIGHUP (${env})."`
	TLSKey  string `name:"tls-key" placeholder:"FILE" help:"The private key of --tls-cert, in PEM (${env})."`
}

// certificate is what clients are shown. Its files may be read again at any
// time; get may be called from any goroutine.
type certificate struct {
	certFile, keyFile string
	current           atomic.Pointer[tls.Certificate]
}

// load reads the certificate, nil if the flags name none.
func (f *certificateFlags) load() (*certificate, error) {
	switch {
	case f.TLSCert == "" && f.TLSKey == "":
		return nil, nil
	case f.TLSCert == "":
		return nil, errors.New("--tls-key without --tls-cert: TLS needs both")
	case f.TLSKey == "":
		return nil, errors.New("--tls-cert without --tls-key: TLS needs both")
	}
	c := &certificate{certFile: f.TLSCert, keyFile: f.TLSKey}
	if err := c.read(); err != nil {
		return nil, err
	}
	return c, nil
}

// read replaces the certificate by what the files hold; with an error it stays
// as it was.
func (c *certificate) read() error {
	pair, err := tls.LoadX509KeyPair(c.certFile, c.keyFile)
	if err != nil {
		return fmt.Errorf("read certificate: %w", err)
	}
	if end := pair.Leaf.NotAfter; time.Now().After(end) {
		return fmt.Errorf("read certificate: %s expired on %s", c.certFile, end.Format(time.DateOnly))
	}
	c.current.Store(&pair)
	return nil
}

// get is what a handshake asks.
func (c *certificate) get(*tls.ClientHelloInfo) (*tls.Certificate, error) {
	return c.current.Load(), nil
}

// follow reads the files again at each SIGHUP until ctx ends. A server without
// a certificate has nothing to read, and leaves the signal to the system.
func (c *certificate) follow(ctx context.Context, log zerolog.Logger) error {
	hangups := make(chan os.Signal, 1) // one that waits is as good as many
	signal.Notify(hangups, syscall.SIGHUP)
	defer signal.Stop(hangups)
	c.renew(ctx, hangups, log)
	return ctx.Err()
}

func (c *certificate) renew(ctx context.Context, hangups <-chan os.Signal, log zerolog.Logger) {
	for {
		select {
		case <-ctx.Done():
			return
		case <-hangups:
			err := c.read()
			leaf := c.current.Load().Leaf
			if err != nil {
				log.Error().Err(err).Time("expires", leaf.NotAfter).Msg("the certificate stays as it was")
				continue
			}
			log.Info().Str("subject", leaf.Subject.String()).Time("expires", leaf.NotAfter).Msg("certificate replaced")
		}
	}
}
