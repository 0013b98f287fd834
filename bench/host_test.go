package bench

import (
	"bytes"
	"errors"
	"os"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestParseCPUs(t *testing.T) {
	parse := func(in string, want []int) {
		t.Helper()
		got, err := ParseCPUs(in)
		if !slices.Equal(got, want) || (err != nil) != (want == nil && in != "") {
			t.Errorf("ParseCPUs(%q) = %v, %v", in, got, err)
		}
	}
	parse("", nil)
	parse("0", []int{0})
	parse("0,2-4", []int{0, 2, 3, 4})
	for _, bad := range []string{"x", "1-", "-1", "3-1", "0,", "1024", "0-99999"} {
		parse(bad, nil)
	}
}

func TestParseTarget(t *testing.T) {
	target := func(raw, path string) {
		t.Helper()
		got, err := ParseTarget(t.Context(), raw)
		if err != nil || got.Path != path || !got.Addr.Addr().IsLoopback() {
			t.Errorf("%s: %+v, %v", raw, got, err)
		}
	}
	target("ws://127.0.0.1:8080", "/v1/stream")
	target("ws://[::1]:8080/?flush=100ms", "/v1/stream?flush=100ms")
	target("ws://127.9.9.9/x", "/x")
	for _, remote := range []string{"ws://192.0.2.1:80", "ws://[2001:db8::1]:80", "ws://0.0.0.0:80"} {
		if _, err := ParseTarget(t.Context(), remote); !errors.Is(err, ErrNotLoopback) {
			t.Errorf("%s: %v", remote, err)
		}
	}
	for _, bad := range []string{"", "127.0.0.1:80", "wss://127.0.0.1", "http://127.0.0.1", "ws://127.0.0.1:99999"} {
		if _, err := ParseTarget(t.Context(), bad); err == nil {
			t.Errorf("%s is accepted", bad)
		}
	}
}

func TestReadUsage(t *testing.T) {
	if _, ok := ReadUsage(0); ok {
		t.Error("process 0 is known")
	}
	u, ok := ReadUsage(os.Getpid())
	if ok != (runtime.GOOS == "linux") {
		t.Fatalf("known: %v", ok)
	}
	if ok && u.RSSBytes < 1<<20 {
		t.Errorf("%+v", u)
	}
}

func startFake(t *testing.T, mode string) (*Server, *bytes.Buffer, error) {
	t.Helper()
	t.Setenv(fakeServerEnv, mode)
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	var log bytes.Buffer
	s, err := StartServer(t.Context(), ServerConfig{Path: self, Symbols: 3, Stderr: &log})
	return s, &log, err
}

// The whole way with a server of our own: memory and CPU are known.
func TestServerMeasured(t *testing.T) {
	s, _, err := startFake(t, "serve")
	if err != nil {
		t.Fatal(err)
	}
	p := small()
	p.Symbols = 3
	rep, err := Run(t.Context(), Config{Profile: p, URL: s.URL, Admin: s.Admin, PID: s.PID})
	if err != nil {
		t.Error(err)
	} else if err := rep.Err(); err != nil {
		t.Error(err)
	} else if runtime.GOOS == "linux" && (rep.Memory == nil || rep.CPUPerMessage == nil || rep.GeneratorBusy == nil) {
		t.Errorf("unknown figures: %+v", rep)
	}
	if err := s.Stop(); err != nil {
		t.Error(err)
	}
	if err := s.Stop(); err == nil {
		t.Error("a server is stopped twice without a word")
	}
}

func TestServerEndsEarly(t *testing.T) {
	_, log, err := startFake(t, "exit")
	if err == nil || !strings.Contains(err.Error(), "exit status 3") {
		t.Errorf("StartServer = %v", err)
	}
	if !strings.Contains(log.String(), "bad arguments") {
		t.Errorf("log: %q", log)
	}
}

func TestServerKilled(t *testing.T) {
	s, _, err := startFake(t, "deaf")
	if err != nil {
		t.Fatal(err)
	}
	s.grace = 10 * time.Millisecond
	if err := s.Stop(); err == nil || !strings.Contains(err.Error(), "was killed") {
		t.Errorf("Stop = %v", err)
	}
}
