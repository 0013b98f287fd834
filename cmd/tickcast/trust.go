package main

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"os"
)

// trustFlags say whom a client believes to be the server.
type trustFlags struct {
	TLSCA    string `name:"tls-ca" placeholder:"FILE" help:"Trust the certificates in this PEM file instead of the system's, with wss."`
	Insecure bool   `help:"Do not check the server's certificate, with wss."`
}

// config returns the client's side of TLS, nil for what the system trusts.
func (f *trustFlags) config() (*tls.Config, error) {
	switch {
	case f.Insecure && f.TLSCA != "":
		return nil, errors.New("--insecure with --tls-ca: either check the certificate or do not")
	case f.Insecure:
		return &tls.Config{InsecureSkipVerify: true}, nil
	case f.TLSCA == "":
		return nil, nil
	}
	pem, err := os.ReadFile(f.TLSCA)
	if err != nil {
		return nil, fmt.Errorf("tls-ca: %w", err)
	}
	pool := x509.NewCertPool()
	if !pool.AppendCertsFromPEM(pem) {
		return nil, fmt.Errorf("tls-ca: %s holds no certificate in PEM", f.TLSCA)
	}
	return &tls.Config{RootCAs: pool}, nil
}
