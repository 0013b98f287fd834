//go:build linux

package torture

import (
	"errors"
	"net"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"tickcast/bench"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// What cannot be tortured is an error, and nothing is left of the attempt.
// The scenarios themselves run in cmd/tickcast, where there is a server.
func TestRunRefuses(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	closed := l.Addr().String()
	l.Close()
	refused := func(want string, cfg Config) {
		t.Helper()
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v; want %q", err, want)
		}
	}
	refused("connection refused", Config{URL: "ws://" + closed, Admin: "http://" + closed})
	refused("must be ws://", Config{URL: "http://" + closed, Admin: "http://" + closed})
	refused("no such file", Config{Path: "./no-such-binary"})
	if _, err := Run(t.Context(), Config{URL: "ws://192.0.2.1:1", Admin: "http://" + closed}); !errors.Is(err, bench.ErrNotLoopback) {
		t.Error(err)
	}
}

func TestParseMachine(t *testing.T) {
	used, ok := parseMachine([]byte("cpu  1 2 3 1000 2000 4 5 6 0 0\ncpu0 1 1 1 1 1 1 1 1 0 0\n"))
	if !ok || used != 21*clockTick {
		t.Errorf("got %v, %t", used, ok)
	}
	for _, bad := range []string{"", "cpu 1 2", "cpu  1 x 3 4 5 6 7 8", "intr 1 2 3 4 5 6 7 8 9"} {
		if _, ok := parseMachine([]byte(bad)); ok {
			t.Errorf("%q is understood", bad)
		}
	}
}
