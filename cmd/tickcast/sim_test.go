package main

import (
	"bytes"
	"context"
	"regexp"
	"strings"
	"testing"
)

// TestSimInterrupted holds that a signal ends a run early, with the tape so far
// told and whole lines written.
func TestSimInterrupted(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	stdout := interrupting{cancel: cancel}
	var stderr bytes.Buffer
	code := run(ctx, []string{"sim", "--duration", "100000h", "--out", "-"}, nil, &stdout, &stderr)
	if code != 1 || !strings.Contains(stderr.String(), "interrupted after") {
		t.Errorf("got exit code %d and %s; want 1 and the interruption", code, &stderr)
	}
	if !regexp.MustCompile(`(?m)^tape [0-9a-f]{64} \d+ events$`).MatchString(stderr.String()) {
		t.Errorf("got %s; want the tape so far", &stderr)
	}
	if !bytes.HasSuffix(stdout.Bytes(), []byte("]}\n")) {
		t.Error("the last line is cut")
	}
}

// interrupting keeps what is written, and interrupts whoever writes.
type interrupting struct {
	bytes.Buffer
	cancel func()
}

func (w *interrupting) Write(p []byte) (int, error) {
	w.cancel()
	return w.Buffer.Write(p)
}

func TestPerMille(t *testing.T) {
	for x, want := range map[float64]int{0: -1, -3: -1, 0.88: 880, 1: 1000, 0.0001: -1} {
		if got := perMille(x); got != want {
			t.Errorf("%g: got %d; want %d", x, got, want)
		}
	}
}
