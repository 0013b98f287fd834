package bench

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"time"
)

// small is a population that a test can afford.
func small() Profile {
	return Profile{
		Name: "small", Connections: 20, Symbols: 7, Rate: 500, Duration: 400 * time.Millisecond,
		Warmup: 100 * time.Millisecond, Sample: 1,
	}
}

func measure(t *testing.T, cfg Config) *Report {
	t.Helper()
	rep, err := Run(t.Context(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	if rep.Published == 0 {
		t.Fatal("nothing was published")
	}
	return rep
}

// Whatever the population, everything that is published is expected, arrives
// and is counted once.
func TestRunCountsAll(t *testing.T) {
	all := small()
	some := small()
	some.PerClient, some.Zipf = 3, 1
	slow := small()
	slow.SlowEvery = 4
	for name, p := range map[string]Profile{"all": all, "some": some, "slow": slow} {
		for _, portable := range []bool{false, true} {
			f := &fake{}
			cfg := f.start(t, p)
			cfg.Portable = portable
			rep := measure(t, cfg)
			if err := rep.Err(); err != nil || rep.Delivered != rep.Expected || rep.Audited != 2 {
				t.Errorf("%s, portable %v: %v: %+v", name, portable, err, rep)
			}
			if p.PerClient == 0 && rep.Expected != rep.Published*int64(p.Connections-f.slowCount(p)) {
				t.Errorf("%s: expected %d deliveries of %d ticks", name, rep.Expected, rep.Published)
			}
			f.mu.Lock()
			if f.pongs < p.Connections-f.slowCount(p) {
				t.Errorf("%s: %d pongs", name, f.pongs)
			}
			f.mu.Unlock()
		}
	}
}

func (f *fake) slowCount(p Profile) (n int) {
	for i := range p.Connections {
		if p.slow(i) {
			n++
		}
	}
	return n
}

func TestRunFindsLoss(t *testing.T) {
	f := &fake{dropNth: 11}
	rep := measure(t, f.start(t, small()))
	if rep.Lost == 0 || rep.Gaps == 0 || rep.Duplicates != 0 || rep.Err() == nil {
		t.Errorf("lost %d, gaps %d, duplicates %d, %v", rep.Lost, rep.Gaps, rep.Duplicates, rep.Err())
	}
	if got := rep.Delivered + rep.Lost; got != rep.Expected {
		t.Errorf("delivered + lost = %d, expected %d", got, rep.Expected)
	}
}

func TestRunFindsDuplicates(t *testing.T) {
	f := &fake{twiceNth: 11}
	rep := measure(t, f.start(t, small()))
	if rep.Duplicates == 0 || rep.Gaps != 0 || rep.Lost != 0 || rep.Delivered <= rep.Expected || rep.Err() == nil {
		t.Errorf("duplicates %d, gaps %d, lost %d, %v", rep.Duplicates, rep.Gaps, rep.Lost, rep.Err())
	}
}

// The test for coordinated omission: a publisher that stops for 200 ms of a
// 400 ms schedule makes half of all ticks late, each by what remained of the
// stop. A generator that counts from when the server got round to sending sees
// none of it.
func TestRunShowsStall(t *testing.T) {
	p := small()
	p.Warmup = 0
	f := &fake{stallAt: 50, stallFor: 200 * time.Millisecond} // the 50th tick is due at 100 ms
	rep := measure(t, f.start(t, p))
	if err := rep.Err(); err != nil {
		t.Error(err)
	}
	// Half of the ticks are late by 0 to 200 ms, spread evenly: at least
	// 0.9 x 200 ms beyond p95. A slow test machine only makes them later.
	if rep.Latency.P99 < 150_000 || rep.Latency.Max < 190_000 {
		t.Errorf("p99 = %d us, max = %d us after a stall of 200 ms", rep.Latency.P99, rep.Latency.Max)
	}
}

func TestRunRefusals(t *testing.T) {
	refused := func(what string, cfg Config, want string) {
		t.Helper()
		if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want %q", what, err, want)
		}
	}
	cfg := (&fake{}).start(t, small())
	remote := cfg
	remote.URL = "ws://192.0.2.1:80"
	refused("remote", remote, ErrNotLoopback.Error())
	remote = cfg
	remote.Admin = "http://192.0.2.1:80"
	refused("remote admin", remote, ErrNotLoopback.Error())
	bad := cfg
	bad.Profile.Connections = 0
	refused("nobody", bad, "0 connections")
	bad = cfg
	bad.URL += "/nowhere"
	refused("path", bad, "HTTP 404")
	bad = cfg
	bad.Admin += "/nowhere"
	refused("admin", bad, "HTTP 404")
	bad = cfg
	bad.Profile.Symbols, bad.Profile.PerClient, bad.Profile.Connections = 667, 666, 2
	refused("symbol", bad, "unknown_symbol")
	bad = cfg
	bad.Profile.Connections = 1 << 30
	refused("files", bad, "open files")
}

func TestRunCancelled(t *testing.T) {
	f := &fake{}
	cfg := f.start(t, small())
	cfg.Profile.Duration = time.Hour
	ctx, cancel := context.WithCancel(t.Context())
	var stages []Stage
	cfg.Progress = func(s Stage, _, _ int) {
		if !slices.Contains(stages, s) {
			stages = append(stages, s)
		}
		if s == StageMeasure {
			cancel()
		}
	}
	if _, err := Run(ctx, cfg); !errors.Is(err, context.Canceled) {
		t.Errorf("Run = %v", err)
	}
	want := []Stage{StageConnect, StageSubscribe, StageWarmUp, StageDrain, StageMeasure}
	if !slices.Equal(stages, want) {
		t.Errorf("stages = %v", stages)
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.stop != nil {
		t.Error("the load goes on")
	}
}

// A server that goes away ends the run at once.
func TestRunServerGone(t *testing.T) {
	f := &fake{}
	cfg := f.start(t, small())
	cfg.Profile.Duration = time.Hour
	cfg.Progress = func(s Stage, _, _ int) {
		if s == StageMeasure {
			f.mu.Lock()
			defer f.mu.Unlock()
			for _, c := range f.clients {
				_ = c.ws.Close()
			}
		}
	}
	if _, err := Run(t.Context(), cfg); err == nil || !strings.Contains(err.Error(), "every connection has ended") {
		t.Errorf("Run = %v", err)
	}
}
