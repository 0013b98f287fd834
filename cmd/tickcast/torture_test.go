package main

import (
	"bytes"
	"testing"
)

func TestTortureCommandLine(t *testing.T) {
	refused := func(code int, message string, args ...string) {
		t.Helper()
		var stdout, stderr bytes.Buffer
		if got := run(t.Context(), append([]string{"torture"}, args...), nil, &stdout, &stderr); got != code || stdout.Len() > 0 {
			t.Errorf("%q: exit code %d, want %d; printed %q", args, got, code, &stdout)
		}
		contains(t, stderr.String(), message)
	}
	refused(2, "must be one of", "rain")
	refused(1, "belong to --url", "--pid", "1")
	refused(1, "that this command starts", "--url", "ws://127.0.0.1:1", "--server-arg=--pprof")
}
