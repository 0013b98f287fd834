package main

import (
	"errors"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"
)

// TestMain lets scripts run this test binary as `tickcast`. A script's command
// is a process of its own, so goroutines that it leaves cannot hide here.
func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"tickcast": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:                 "testdata/script",
		RequireExplicitExec: true,
		RequireUniqueNames:  true,
		Cmds: map[string]func(*testscript.TestScript, bool, []string){
			"exits": exits,
			"ready": ready,

			"certify": certify,
			"hangup":  hangup,
			"trusted": trusted,
		},
		Setup: func(e *testscript.Env) error {
			for _, name := range []string{"ADDR", "ADMIN"} {
				l, err := net.Listen("tcp", "127.0.0.1:0")
				if err != nil {
					return err
				}
				e.Setenv(name, l.Addr().String())
				if err := l.Close(); err != nil {
					return err
				}
			}
			return nil
		},
	})
}

// ready is the script command `ready URL`: it waits until the URL answers 200.
func ready(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) != 1 {
		ts.Fatalf("usage: ready url")
	}
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(args[0])
		if err != nil {
			continue
		}
		ts.Check(resp.Body.Close())
		if resp.StatusCode == http.StatusOK {
			return
		}
	}
	ts.Fatalf("%s does not answer", args[0])
}

// exits is the script command `exits CODE PROGRAM [ARG...]`: exec, which also
// wants this exit code.
func exits(ts *testscript.TestScript, neg bool, args []string) {
	if neg || len(args) < 2 {
		ts.Fatalf("usage: exits code program [arg...]")
	}
	want, err := strconv.Atoi(args[0])
	ts.Check(err)
	got := 0
	if err := ts.Exec(args[1], args[2:]...); err != nil {
		var exit *exec.ExitError
		if !errors.As(err, &exit) {
			ts.Fatalf("%v", err)
		}
		got = exit.ExitCode()
	}
	if got != want {
		ts.Fatalf("got exit code %d; want %d", got, want)
	}
}
