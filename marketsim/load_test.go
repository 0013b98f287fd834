package marketsim

import (
	"math"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"tickcast/orderbook"
	"tickcast/wire"
)

const ms = int64(1e6)

func newLoad(t testing.TB, symbols int) *Load {
	t.Helper()
	l, err := NewLoad(symbols)
	if err != nil {
		t.Fatal(err)
	}
	return l
}

// ticks returns the transactions that Step hands out at wall.
func ticks(t *testing.T, l *Load, wall int64, max int, wantMore bool) []wire.Txn {
	t.Helper()
	var b wire.Batch
	if more := l.Step(&b, wall, max); more != wantMore {
		t.Errorf("at %d: got more %v; want %v", wall, more, wantMore)
	}
	return b.Txns
}

func TestLoadSchedule(t *testing.T) {
	const w = int64(1e18)
	l := newLoad(t, 3)
	if got := l.Next(); got != 0 {
		t.Errorf("before the opening: got next %d; want 0", got)
	}
	if got := ticks(t, l, w, 2, true); len(got) != 2 {
		t.Errorf("got %d openings; want 2", len(got))
	}
	if got := ticks(t, l, w, 9, false); len(got) != 1 || got[0].Instrument != 2 || got[0].Time != w {
		t.Errorf("got openings %+v; want the third", got)
	}
	if got := l.Next(); got != math.MaxInt64 {
		t.Errorf("at rate 0: got next %d; want never", got)
	}

	l.SetRate(w, 2500)
	if got := l.Next(); got != w+ms {
		t.Errorf("got next %d; want a quantum later", got-w)
	}
	if got := ticks(t, l, w+ms-1, 100, false); len(got) != 0 {
		t.Errorf("early: got %+v", got)
	}
	// 2, 3, 2, 3 a quantum, the symbols in turn, stamped with their quantum.
	got := ticks(t, l, w+4*ms+ms/2, 100, false)
	for i, txn := range got {
		quantum := []int64{1, 1, 2, 2, 2, 3, 3, 4, 4, 4}[i]
		if txn.Time != w+quantum*ms || txn.Instrument != uint32(i%3) {
			t.Errorf("tick %d: got %+v; want quantum %d", i, txn, quantum)
		}
	}
	if len(got) != 10 {
		t.Errorf("got %d ticks; want 10", len(got))
	}
	if got := l.SetRate(w+10*ms, 100); got != 10 {
		t.Errorf("got %d published; want 10", got)
	}
	if got := ticks(t, l, w+20*ms, 100, false); len(got) != 1 || got[0].Instrument != 0 || got[0].Time != w+20*ms {
		t.Errorf("after a change of rate: got %+v; want the first symbol", got)
	}
}

func TestLoadKeepsRate(t *testing.T) {
	for _, rate := range []float64{0.5, 1, 3, 999, 1000, 1001, 7777.7, 500_000} {
		l := newLoad(t, 7)
		l.SetRate(0, rate)
		var b wire.Batch
		const seconds = 4
		n := -7 // openings
		for l.Next() <= seconds*1e9 {
			b.Reset()
			l.Step(&b, l.Next(), 1000)
			n += len(b.Txns)
		}
		if want := int(rate * seconds); n != want || l.Published() != int64(want) {
			t.Errorf("rate %g: got %d ticks, %d published; want %d", rate, n, l.Published(), want)
		}
	}
}

func TestLoadHold(t *testing.T) {
	l := newLoad(t, 1)
	ticks(t, l, 0, 1, false)
	l.SetRate(0, 1000)
	l.Hold(50 * ms)
	if got := l.Next(); got != 50*ms {
		t.Errorf("got next %d; want 50 ms", got)
	}
	if got := ticks(t, l, 49*ms, 1000, false); len(got) != 0 {
		t.Errorf("held: got %d ticks", len(got))
	}
	got := append(ticks(t, l, 50*ms, 20, true), ticks(t, l, 50*ms, 1000, false)...)
	for i, txn := range got {
		if want := int64(i+1) * ms; txn.Time != want {
			t.Errorf("tick %d: got time %d; want %d", i, txn.Time, want)
		}
	}
	if len(got) != 50 {
		t.Errorf("got %d ticks; want 50", len(got))
	}
}

func TestLoadRefuses(t *testing.T) {
	for _, n := range []int{0, -1, LoadSymbolsMax + 1} {
		if _, err := NewLoad(n); err == nil {
			t.Errorf("%d symbols: got no error", n)
		}
	}
	l := newLoad(t, 1)
	for _, rate := range []float64{-1, math.NaN(), math.Inf(-1), 1e-300} {
		l.SetRate(0, rate)
		ticks(t, l, 0, 1, false)
		if got := l.Next(); got != math.MaxInt64 {
			t.Errorf("rate %g: got next %d; want never", rate, got)
		}
	}
	l.SetRate(0, math.Inf(1))
	if l.Rate() != LoadRateMax {
		t.Errorf("got rate %g; want the greatest", l.Rate())
	}
}

// TestLoadIsABook holds that a load's events are those of a book that carries
// out the same commands.
func TestLoadIsABook(t *testing.T) {
	l := newLoad(t, 1)
	book, err := orderbook.New(orderbook.Config{OutsideIDs: true})
	if err != nil {
		t.Fatal(err)
	}
	l.SetRate(0, 1000)
	var b wire.Batch
	l.Step(&b, 200*ms, 201)
	for i := range b.EventsOf(0) {
		if err := book.Apply(&b.EventsOf(0)[i]); err != nil {
			t.Fatal(err)
		}
	}
	last := book.Top()
	for i := 1; i < len(b.Txns); i++ {
		want := b.EventsOf(i)
		r := want[0]
		got := book.Replace(nil, r.ID, r.Qty, r.Price)
		cancelled := func(e wire.Event) bool { return e.Kind == wire.EventCancelled }
		opts := cmp.Options{cmpopts.IgnoreFields(wire.Event{}, "Ref"), cmpopts.IgnoreSliceElements(cancelled)}
		if diff := cmp.Diff(want, got, opts); diff != "" {
			t.Fatalf("tick %d (-load +book):\n%s", i, diff)
		}
		if top := book.Top(); top == last || top.Bid.Price >= top.Ask.Price {
			t.Fatalf("tick %d: got top %+v after %+v", i, top, last)
		}
		last = book.Top()
	}
}

func BenchmarkLoad(b *testing.B) {
	l := newLoad(b, 500)
	l.SetRate(0, 500_000)
	var batch wire.Batch
	l.Step(&batch, 0, 500)
	n := 0
	b.ReportAllocs()
	for b.Loop() {
		batch.Reset()
		l.Step(&batch, l.Next(), 1000)
		n += len(batch.Txns)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(n), "ns/tick")
}
