package marketsim

import (
	"errors"
	"fmt"
	"math"
	"runtime"
	"testing"

	"go.uber.org/goleak"

	"tickcast/wire"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// parallelTape returns the hash of a market that workers run.
func parallelTape(t testing.TB, cfg Config, until int64, workers int) string {
	t.Helper()
	p, err := NewParallel(cfg, until, workers)
	if err != nil {
		t.Fatal(err)
	}
	defer p.Close()
	hash := NewTapeHash()
	var b wire.Batch
	last := int64(-1)
	for {
		now, ok := p.Next(&b)
		if !ok {
			break
		}
		if now <= last {
			t.Fatalf("got window up to %d after %d", now, last)
		}
		last = now
		hash.Add(&b)
	}
	if last != until && until != math.MaxInt64 {
		t.Fatalf("got windows up to %d; want %d", last, until)
	}
	return fmt.Sprintf("%x", hash.Sum())
}

// TestParallelTape holds that the tape depends neither on the number of workers
// nor on GOMAXPROCS.
func TestParallelTape(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(0))
	for _, cfg := range []Config{{Seed: 4, Symbols: 1}, {Seed: 4}, {Seed: 4, Symbols: 37, Preset: PresetSmallTick}} {
		const until = 40e9
		want, _ := tape(t, cfg, until)
		for _, procs := range []int{1, 2, 8} {
			runtime.GOMAXPROCS(procs)
			if got := parallelTape(t, cfg, until, 0); got != want {
				t.Errorf("%d symbols, GOMAXPROCS %d: got tape %s; want %s", cfg.Symbols, procs, got, want)
			}
		}
		if got := parallelTape(t, cfg, until, 3); got != want {
			t.Errorf("%d symbols, 3 workers: got tape %s; want %s", cfg.Symbols, got, want)
		}
	}
}

// TestParallelClose stops markets that would never end, at once and later.
func TestParallelClose(t *testing.T) {
	for windows := range 5 {
		p, err := NewParallel(Config{}, math.MaxInt64, 2)
		if err != nil {
			t.Fatal(err)
		}
		var b wire.Batch
		for range windows {
			if _, ok := p.Next(&b); !ok || len(b.Txns) == 0 {
				t.Fatal("the market ended")
			}
		}
		p.Close()
		if _, ok := p.Next(&b); ok {
			t.Error("a closed market went on")
		}
	}
	if _, err := NewParallel(Config{Branching: 1000}, 1, 2); !errors.Is(err, ErrConfig) {
		t.Errorf("got %v; want ErrConfig", err)
	}
}

func BenchmarkParallel(b *testing.B) {
	for _, symbols := range []int{1, 10, 256} {
		b.Run(fmt.Sprint(symbols), func(b *testing.B) {
			p, err := NewParallel(Config{Symbols: symbols}, math.MaxInt64, 0)
			if err != nil {
				b.Fatal(err)
			}
			defer p.Close()
			var batch wire.Batch
			n := 0
			for b.Loop() {
				p.Next(&batch)
				n += len(batch.Txns)
			}
			b.ReportMetric(float64(n)/b.Elapsed().Seconds(), "txn/s")
		})
	}
}
