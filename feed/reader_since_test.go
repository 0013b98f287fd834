package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"tickcast/wire"
)

func TestReaderForeignCursors(t *testing.T) {
	st := newStage(t, 1)
	st.move(0, 10)
	for _, cursor := range []string{"other:1", "e:1000000", "", "e", "e:", "e:01", ":1", "e:-1", strings.Repeat("x", 5000), "e:\xff"} {
		r := st.reader("trade.S0", "book.S0", "bbo.S0")
		r.Resume(cursor)
		got, next := st.readAll(r)
		prefixed(t, got,
			`{"op":"gap","stream":"trade.S0","from":null,"to":5,"reason":"epoch"}`,
			`{"op":"gap","stream":"book.S0","from":null,"to":10,"reason":"epoch"}`,
			`{"stream":"book.S0","seq":10,"type":"snapshot"`,
			`{"stream":"bbo.S0","seq":10,`)
		if want := fmt.Sprintf("e:%d", st.hub.Position()); next != want {
			t.Errorf("cursor %s; want %s", next, want)
		}
		st.move(0, 2)
		got, _ = st.readAll(r)
		prefixed(t, got,
			`{"stream":"book.S0","seq":11,`, `{"stream":"trade.S0","seq":6,`, `{"stream":"book.S0","seq":12,`, `{"stream":"bbo.S0","seq":12,`)
		st = newStage(t, 1)
		st.move(0, 10)
	}
}

func TestReaderSince(t *testing.T) {
	st := newStage(t, 2)
	st.move(0, 10)
	st.move(1, 10)
	r := st.reader("trade.*", "book.S0", "bbo.*")
	r.Since("e", "trade.S0", 4)
	r.Since("e", "trade.S1", 5)
	r.Since("e", "book.S0", 8)
	r.Since("e", "bbo.S0", 10)
	r.Since("e", "bbo.S1", 3)
	r.Since("e", "book.S1", 3) // that it does not read
	r.Since("e", "no stream", 3)
	got, _ := st.readAll(r)
	prefixed(t, got,
		`{"stream":"trade.S0","seq":5,`, `{"stream":"book.S0","seq":9,`, `{"stream":"book.S0","seq":10,`, `{"stream":"bbo.S1","seq":10,`)
	if got, _ := st.readAll(r); len(got) != 0 {
		t.Errorf("again: %q", got)
	}
	r = st.reader("trade.S0", "order.S0", "bbo.S0")
	r.Since("old", "trade.S0", 4)
	r.Since("e", "order.S0", 99)
	r.Since("old", "bbo.S0", 10)
	got, _ = st.readAll(r)
	prefixed(t, got,
		`{"op":"gap","stream":"trade.S0","from":null,"to":5,"reason":"epoch"}`,
		`{"op":"gap","stream":"order.S0","from":null,"to":10,"reason":"epoch"}`,
		`{"stream":"order.S0","seq":10,"type":"snapshot"`,
		`{"stream":"bbo.S0","seq":10,`)
}

// TestReaderExpired wants a gap and a snapshot of what is lost, and all frames
// of a stream that lost nothing.
func TestReaderExpired(t *testing.T) {
	st := newStage(t, 2)
	st.hub.archive.bytesMax = 8 * chunkBytes
	st.move(0, 4)
	st.move(1, 4)
	r := st.reader("trade.*", "book.*", "bbo.*")
	_, cursor := st.readAll(r)
	st.move(1, 8*chunkTxns)
	for _, early := range []string{cursor, "e:0"} {
		r = st.reader("trade.*", "book.*", "bbo.*")
		r.Resume(early)
		got, _ := st.readAll(r)
		var rest []string
		for _, m := range got {
			if strings.Contains(m, `S1"`) {
				rest = append(rest, m)
			}
		}
		last := 2 + 8*chunkTxns/2
		if early == cursor && len(rest) != len(got) {
			t.Errorf("nothing was new of S0: %q", got)
		}
		if len(rest) < 4 || !strings.HasPrefix(rest[0], fmt.Sprintf(`{"op":"gap","stream":"trade.S1","from":null,"to":%d,"reason":"history"}`, last)) ||
			!strings.HasPrefix(rest[1], `{"op":"gap","stream":"book.S1","from":null,`) ||
			!strings.HasPrefix(rest[2], `{"stream":"book.S1","seq":`) || !strings.Contains(rest[2], `"snapshot"`) {
			t.Fatalf("%.150q", rest)
		}
	}
	// A stream that lost nothing beside one that did.
	st.move(0, 6)
	_, cursor = st.readAll(r)
	st.move(0, 6)
	for st.hub.archive.ages.next.owner != &st.hub.symbols[0].history {
		st.move(1, 1) // until all that is older is gone
	}
	r.Resume(cursor)
	got, _ := st.readAll(r)
	seqs := 0
	for _, m := range got {
		if strings.HasPrefix(m, `{"op":"gap","stream":"trade.S0"`) || strings.HasPrefix(m, `{"op":"gap","stream":"book.S0"`) {
			t.Errorf("it had lost nothing: %s", m)
		}
		if strings.HasPrefix(m, `{"stream":"book.S0"`) {
			seqs++
		}
	}
	if seqs != 6 {
		t.Errorf("%d frames of book.S0; want 6", seqs)
	}
}

// TestReaderBetweenStages publishes between the stages of one read: what was
// quiet when a loss was noticed, and what the last stream had beyond the place
// up to which the first was asked.
func TestReaderBetweenStages(t *testing.T) {
	st := newStage(t, 2)
	st.hub.archive.bytesMax = 8 * chunkBytes
	r := st.reader("trade.*", "book.*", "bbo.*")
	st.move(0, 4)
	st.readAll(r)
	st.move(1, 10*chunkTxns)
	if _, whole := r.gather(st.now); whole {
		t.Fatal("nothing expired")
	}
	st.move(0, 2)
	r.release()
	r.out.Frames = r.out.Frames[:0]
	r.relearn(st.now)
	var got []string
	for i := range r.out.Frames {
		if m := string(r.out.Frames[i].Payload); strings.Contains(m, `S0"`) {
			got = append(got, m)
		}
	}
	prefixed(t, got, `{"stream":"trade.S0","seq":3,`, `{"stream":"book.S0","seq":5,`, `{"stream":"book.S0","seq":6,`, `{"stream":"bbo.S0","seq":6,`)
	if got, _ := st.readAll(r); len(got) != 0 {
		t.Errorf("again: %q", got)
	}

	st.move(0, 1)
	upTo := st.hub.Position()
	st.move(1, 2)
	if _, whole := r.gather(st.now); !whole {
		t.Fatal("expired")
	}
	r.Close()
	r.out.Frames = r.out.Frames[:0]
	r.portion = portion{framesMax: 100, bytesMax: 1 << 20, out: &r.out}
	r.pos = r.collect(upTo)
	r.release()
	got = nil
	for i := range r.out.Frames {
		got = append(got, string(r.out.Frames[i].Payload))
	}
	prefixed(t, got, `{"stream":"book.S0","seq":7,`, `{"stream":"bbo.S0","seq":7,`)
	got, _ = st.readAll(r)
	prefixed(t, got, `{"stream":"book.S1","seq":321,`, `{"stream":"trade.S1","seq":161,`, `{"stream":"book.S1","seq":322,`, `{"stream":"bbo.S1","seq":322,`)
}

// TestReaderHearsListings wants a pattern to cover what is listed later, from
// its first frame on and with the image that it begins with.
func TestReaderHearsListings(t *testing.T) {
	st := newStage(t, 1)
	r := st.reader("trade.T*", "book.T*", "order.T*", "book.T*.100ms", "status.T*")
	st.readAll(r)
	st.move(0, 2)
	st.readAll(r)
	st.list("T0")
	st.move(1, 2)
	got, _ := st.readAll(r)
	prefixed(t, got, // the tier began when it was read
		`{"stream":"trade.T0","seq":1,`,
		`{"stream":"order.T0","seq":0,"type":"snapshot","upd":0,"orders":[],`, `{"stream":"order.T0","seq":1,"type":"delta"`, `{"stream":"order.T0","seq":2,`,
		`{"stream":"book.T0","seq":0,"type":"snapshot","first":0,"upd":0,"bids":[],"asks":[],"crc":0,`, `{"stream":"book.T0","seq":1,"type":"delta"`, `{"stream":"book.T0","seq":2,`,
		`{"stream":"status.T0","seq":1,`,
		`{"stream":"book.T0.100ms","seq":1,"type":"snapshot"`)
	st.list("T1")
	st.now += 2e8
	st.hub.Beat(st.now)
	if got, _ := st.readAll(r); len(got) != 0 {
		t.Errorf("%q", got)
	}
	st.move(2, 1)
	got, _ = st.readAll(r)
	prefixed(t, got[:4],
		`{"stream":"order.T1","seq":0,`, `{"stream":"order.T1","seq":1,`, `{"stream":"book.T1","seq":0,`, `{"stream":"book.T1","seq":1,`)
}

// TestReaderKeepsDerivedStreams wants tiers and depths to live on while a
// reader comes back within a minute, and to end after it.
func TestReaderKeepsDerivedStreams(t *testing.T) {
	st := newStage(t, 1)
	st.move(0, 4)
	r := st.reader("book.S0.100ms", "depth5.S0")
	got, cursor := st.readAll(r)
	prefixed(t, got, `{"stream":"depth5.S0","seq":1,`, `{"stream":"book.S0.100ms","seq":1,"type":"snapshot"`)
	for i := range 5 {
		st.now += 50e9
		st.hub.Beat(st.now)
		st.move(0, 1)
		st.now += 1e8
		st.hub.Beat(st.now)
		r = st.reader("book.S0.100ms", "depth5.S0")
		r.Resume(cursor)
		got, cursor = st.readAll(r)
		prefixed(t, got, fmt.Sprintf(`{"stream":"depth5.S0","seq":%d,`, i+2), fmt.Sprintf(`{"stream":"book.S0.100ms","seq":%d,"type":"delta"`, i+2))
	}
	st.now += derivedNanos + 2*sweepNanos
	st.hub.Beat(st.now)
	if n := len(slices.Concat(st.hub.derived[:]...)); n != 0 {
		t.Fatalf("%d derived streams that nobody wants", n)
	}
	r = st.reader("book.S0.100ms", "depth5.S0")
	r.Resume(cursor)
	got, _ = st.readAll(r)
	prefixed(t, got,
		`{"stream":"depth5.S0","seq":7,`, `{"op":"gap","stream":"book.S0.100ms","from":null,"to":7,"reason":"history"}`,
		`{"stream":"book.S0.100ms","seq":7,"type":"snapshot"`)
}

// TestReaderKeepsPartsTogether wants nobody to go on between the parts of one
// frame, however small the portion.
func TestReaderKeepsPartsTogether(t *testing.T) {
	st := newStage(t, 1)
	r := st.reader("order.S0", "book.S0")
	st.readAll(r)
	for i := range 9000 {
		st.batch.Events = append(st.batch.Events, wire.Event{Kind: wire.EventAdd, ID: uint64(i + 1), Side: wire.Buy, Price: 5000, Qty: 1})
	}
	st.batch.Events = append(st.batch.Events, wire.Event{Kind: wire.EventLevelSet, Side: wire.Buy, Price: 5000, Qty: 9000})
	st.batch.Commit(0, 1)
	st.publish()
	out := r.Read(1, 1, st.now)
	if n := len(out.Frames); n < 3 || !out.More {
		t.Fatalf("%d frames, more %t", n, out.More)
	}
	for i := range out.Frames {
		if last := i == len(out.Frames)-1; (out.Frames[i].Pos != 0) != last {
			t.Errorf("position %d of frame %d", out.Frames[i].Pos, i)
		}
	}
	out = r.Read(1, 1, st.now)
	if len(out.Frames) != 2 || out.More || !strings.HasPrefix(string(out.Frames[1].Payload), `{"stream":"book.S0","seq":1,`) {
		t.Errorf("%d frames, more %t", len(out.Frames), out.More)
	}
	r = st.reader("order.S0")
	out = r.Read(1, 1, st.now)
	if n := len(out.Frames); n < 2 || out.Frames[0].Pos != 0 || out.Frames[n-1].Pos == 0 {
		t.Errorf("%d frames of a snapshot", n)
	}
}

// TestReaderEncodesAPortion wants a small portion not to cost the encoding of
// all that there is.
func TestReaderEncodesAPortion(t *testing.T) {
	st := newStage(t, 1)
	r := st.reader("book.S0", "trade.S0")
	st.readAll(r)
	st.move(0, 4000)
	before := st.hub.Stats().Replays
	if out := r.Read(10, 1<<20, st.now); len(out.Frames) != 10 || !out.More {
		t.Errorf("%d frames", len(out.Frames))
	}
	if n := st.hub.Stats().Replays - before; n > 100 {
		t.Errorf("%d frames encoded for 10", n)
	}
}

// TestReaderCutEverywhere goes on from behind every frame that one can go on
// from, and wants just the frames that follow.
func TestReaderCutEverywhere(t *testing.T) {
	st := newStage(t, 3)
	entries := []string{"trade.*", "order.*", "book.*"}
	r := st.reader(entries...)
	_, start := st.readAll(r)
	for i := range 60 {
		st.move(i%3, 1+i%4)
	}
	r.Resume(start)
	var all []ReadFrame
	for _, f := range r.Read(10_000, 1<<30, st.now).Frames {
		all = append(all, ReadFrame{Payload: slices.Clone(f.Payload), Pos: f.Pos})
	}
	for i := range all {
		if all[i].Pos == 0 {
			continue
		}
		r := st.reader(entries...)
		r.Resume(fmt.Sprintf("e:%d", all[i].Pos))
		rest := all[i+1:]
		for len(rest) > 0 {
			for _, f := range r.Read(7, 1<<20, st.now).Frames {
				if string(f.Payload) != string(rest[0].Payload) || f.Pos != rest[0].Pos {
					t.Fatalf("after %d: got %s at %d; want %s at %d", all[i].Pos, f.Payload, f.Pos, rest[0].Payload, rest[0].Pos)
				}
				rest = rest[1:]
			}
		}
		if out := r.Read(7, 1<<20, st.now); len(out.Frames) != 0 {
			t.Fatalf("after all: %d frames", len(out.Frames))
		}
	}
}

func TestReaderRefuses(t *testing.T) {
	st := newStage(t, 300)
	for entry, code := range map[string]wire.Code{
		"bbo.S": wire.CodeUnknownSymbol, "bbo": wire.CodeUnknownSymbol, "": wire.CodeUnknownChannel, "x.S0": wire.CodeUnknownChannel,
		"trade.S0.1s": wire.CodeBadRate, "book.*": wire.CodeLimitStreams,
	} {
		_, errs := st.hub.NewReader(wire.JSON, []string{entry})
		if len(errs) != 1 || errs[0].Code != code || string(errs[0].Stream) != entry {
			t.Errorf("%q: %+v; want %s", entry, errs, code)
		}
	}
	if _, errs := st.hub.NewReader(wire.JSON, []string{"bbo.*", "trade.*", "book.S0", "bbo.S1", "bbo.NO*"}); len(errs) != 0 {
		t.Errorf("%+v", errs)
	}
}

// TestNews wants a publication after the call to be heard, and none before it.
func TestNews(t *testing.T) {
	st := newStage(t, 1)
	closed := func(c <-chan struct{}) bool {
		select {
		case <-c:
			return true
		default:
			return false
		}
	}
	first := st.hub.News()
	if closed(first) || st.hub.News() != first {
		t.Fatal("news of nothing")
	}
	st.move(0, 1)
	if !closed(first) || closed(st.hub.News()) {
		t.Error("no news")
	}
}

func TestTrades(t *testing.T) {
	st := newStage(t, 1)
	for i := range 40 {
		st.now = stageBegin + int64(i)*1e6
		st.move(0, 1)
	}
	seqs := func(q TradesQuery) string {
		q.Symbol = "S0"
		frames, ok := st.hub.Trades(q, wire.JSON)
		if !ok || len(frames) == 0 {
			return ""
		}
		parts := func(f []byte) string {
			s, _, _ := strings.Cut(string(f)[len(`{"stream":"trade.S0","seq":`):], ",")
			return s
		}
		return fmt.Sprintf("%s-%s/%d", parts(frames[0]), parts(frames[len(frames)-1]), len(frames))
	}
	for _, c := range []struct {
		q    TradesQuery
		want string
	}{
		{TradesQuery{Limit: 100}, "1-20/20"},
		{TradesQuery{Limit: 5}, "1-5/5"},
		{TradesQuery{Limit: 5, Latest: true}, "16-20/5"},
		{TradesQuery{Limit: 100, Latest: true}, "1-20/20"},
		{TradesQuery{Limit: 5, After: 7}, "8-12/5"},
		{TradesQuery{Limit: 5, After: 20}, ""},
		{TradesQuery{Limit: 5, After: 21}, "1-5/5"},
		{TradesQuery{Limit: 5, From: stageBegin + 3e6}, "2-6/5"},
		{TradesQuery{Limit: 5, From: stageBegin + 3e6 + 1}, "3-7/5"},
		{TradesQuery{Limit: 5, From: stageBegin + 1e9}, ""},
	} {
		if got := seqs(c.q); got != c.want {
			t.Errorf("%+v: got %s; want %s", c.q, got, c.want)
		}
	}
	if _, ok := st.hub.Trades(TradesQuery{Symbol: "NO", Limit: 1}, wire.JSON); ok {
		t.Error("trades of a symbol that is none")
	}
}

func TestCandles(t *testing.T) {
	st := newStage(t, 1)
	b := &bulletin{hub: st.hub, frames: map[string]map[uint64][][]byte{}}
	b.listen(st.hub.addInbox(b), 0)
	for i := range 20 {
		st.now = stageBegin + int64(i)*5e8
		st.move(0, 1)
	}
	opened := func(q CandlesQuery) (out []int64) {
		q.Symbol, q.Interval = "S0", "1s"
		frames, unknown := st.hub.Candles(q, wire.JSON)
		if unknown != "" {
			t.Fatal(unknown)
		}
		for _, f := range frames {
			if !slices.ContainsFunc(slices.Collect(flat(b.frames["candle1s.S0"])), func(p string) bool { return p == string(f) }) {
				t.Errorf("%s was not published", f)
			}
			var us int64
			_, rest, _ := strings.Cut(string(f), `"open_time":`)
			if _, err := fmt.Sscanf(rest, "%d,", &us); err != nil {
				t.Fatal(err)
			}
			out = append(out, us*1000-stageBegin)
		}
		return out
	}
	s := func(seconds ...int64) (out []int64) {
		for _, n := range seconds {
			out = append(out, n*1e9)
		}
		return out
	}
	for _, c := range []struct {
		q    CandlesQuery
		want []int64
	}{
		{CandlesQuery{Limit: 3}, s(7, 8, 9)},
		{CandlesQuery{Limit: 100}, s(0, 1, 2, 3, 4, 5, 6, 7, 8, 9)},
		{CandlesQuery{Limit: 2, From: stageBegin + 3e9}, s(3, 4)},
		{CandlesQuery{Limit: 9, From: stageBegin + 3e9, To: stageBegin + 5e9}, s(3, 4, 5)},
		{CandlesQuery{Limit: 2, To: stageBegin + 5e9}, s(4, 5)},
		{CandlesQuery{Limit: 2, From: stageBegin + 50e9}, nil},
	} {
		if got := opened(c.q); !slices.Equal(got, c.want) {
			t.Errorf("%+v: got %v; want %v", c.q, got, c.want)
		}
	}
	for unknown, q := range map[string]CandlesQuery{
		"symbol": {Symbol: "NO", Interval: "1s", Limit: 1}, "interval": {Symbol: "S0", Interval: "2s", Limit: 1},
	} {
		if _, got := st.hub.Candles(q, wire.JSON); got != unknown {
			t.Errorf("%+v: got %q; want %q", q, got, unknown)
		}
	}
}

func flat(frames map[uint64][][]byte) func(func(string) bool) {
	return func(yield func(string) bool) {
		for _, parts := range frames {
			for _, p := range parts {
				if !yield(string(p)) {
					return
				}
			}
		}
	}
}
