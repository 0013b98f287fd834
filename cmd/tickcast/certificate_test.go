package main

import (
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"errors"
	"math/big"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
	"github.com/rs/zerolog"
)

// writeCertificate writes NAME.pem and NAME.key: a certificate for 127.0.0.1,
// signed by itself.
func writeCertificate(dir, name string, lifetime time.Duration) error {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return err
	}
	template := x509.Certificate{
		SerialNumber: big.NewInt(time.Now().UnixNano()), Subject: pkix.Name{CommonName: name},
		NotBefore: time.Now().Add(-24 * time.Hour), NotAfter: time.Now().Add(lifetime), IsCA: true, BasicConstraintsValid: true,
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)},
	}
	der, err := x509.CreateCertificate(rand.Reader, &template, &template, key.Public(), key)
	if err != nil {
		return err
	}
	private, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		return err
	}
	write := func(ending, kind string, b []byte) error {
		return os.WriteFile(filepath.Join(dir, name+ending), pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: b}), 0o600)
	}
	return errors.Join(write(".pem", "CERTIFICATE", der), write(".key", "PRIVATE KEY", private))
}

// certify is the script command `certify NAME`: see writeCertificate.
func certify(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: certify name")
	}
	ts.Check(writeCertificate(ts.MkAbs("."), args[0], time.Hour))
}

// hangup is the script command `hangup`: it sends SIGHUP to what runs in the
// background.
func hangup(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 0 {
		ts.Fatalf("usage: hangup")
	}
	for _, c := range ts.BackgroundCmds() {
		ts.Check(c.Process.Signal(syscall.SIGHUP))
	}
}

// trusted is the script command `trusted URL FILE`: it waits until the URL
// answers with a certificate that is in the file.
func trusted(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 2 {
		ts.Fatalf("usage: trusted url file")
	}
	config, err := (&trustFlags{TLSCA: ts.MkAbs(args[1])}).config()
	ts.Check(err)
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		c := http.Client{Transport: &http.Transport{TLSClientConfig: config, DisableKeepAlives: true}}
		var resp *http.Response
		if resp, err = c.Get(args[0]); err != nil {
			continue
		}
		ts.Check(resp.Body.Close())
		return
	}
	ts.Fatalf("%s: %v", args[0], err)
}

// TestCertificateIsKept wants a certificate that cannot be read to change
// nothing, and the next good one to be taken.
func TestCertificateIsKept(t *testing.T) {
	dir := t.TempDir()
	for name, lifetime := range map[string]time.Duration{"served": time.Hour, "other": time.Hour, "old": -time.Hour} {
		if err := writeCertificate(dir, name, lifetime); err != nil {
			t.Fatal(err)
		}
	}
	path := func(name string) string { return filepath.Join(dir, name) }
	c, err := (&certificateFlags{TLSCert: path("served.pem"), TLSKey: path("served.key")}).load()
	if err != nil {
		t.Fatal(err)
	}
	first := c.current.Load()
	hangups := make(chan os.Signal)
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan struct{})
	var logs bytes.Buffer
	go func() {
		defer close(done)
		c.renew(ctx, hangups, zerolog.New(&logs))
	}()
	copyFile := func(from, to string) {
		t.Helper()
		b, err := os.ReadFile(path(from))
		if err == nil {
			err = os.WriteFile(path(to), b, 0o600)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	wave := func() { hangups <- syscall.SIGHUP; hangups <- syscall.SIGHUP } // the second is taken when the first is done
	copyFile("other.pem", "served.pem")                                     // without its key
	wave()
	if got, _ := c.get(nil); got != first {
		t.Error("a certificate with another's key was taken")
	}
	copyFile("old.pem", "served.pem")
	copyFile("old.key", "served.key")
	wave()
	if got, _ := c.get(nil); got != first {
		t.Error("an expired certificate was taken")
	}
	copyFile("other.pem", "served.pem")
	copyFile("other.key", "served.key")
	wave()
	if got, _ := c.get(nil); got == first || got.Leaf.Subject.CommonName != "other" {
		t.Error("the new certificate was not taken")
	}
	cancel()
	<-done
	for _, want := range []string{`"level":"error","error":"read certificate: tls: private key does not match`, `served.pem expired on`, `"message":"certificate replaced"`} {
		if !strings.Contains(logs.String(), want) {
			t.Errorf("the log lacks %s: %s", want, logs.String())
		}
	}
}
