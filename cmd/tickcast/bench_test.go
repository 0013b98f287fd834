package main

import (
	"bytes"
	"testing"
)

func TestBenchCommandLine(t *testing.T) {
	refused := func(code int, message string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append([]string{"bench"}, args...), nil, &stdout, &stderr); got != code || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, want %d; printed %q", args, got, code, &stdout)
		}
		contains(t, stderr.String(), message)
	}
	refused(2, "--profile must be one of", "--profile", "warm")
	refused(1, "--url needs --admin", "--url", "ws://127.0.0.1:1")
	refused(1, "belong to --url", "--pid", "1")
	refused(1, "processors", "--server-cpus", "x")
	refused(1, "only loopback", "--url", "ws://192.0.2.1:80", "--admin", "http://127.0.0.1:1")
	refused(1, "connection refused", "--url", "ws://127.0.0.1:1", "--admin", "http://127.0.0.1:1")
	refused(1, "rate -1", "--url", "ws://127.0.0.1:1", "--admin", "http://127.0.0.1:1", "--rate=-1")
}
