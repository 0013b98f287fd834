package feed

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"tickcast/wire"
)

// stir publishes a random transaction of symbol 0, in any trading state.
func (st *stage) stir(t *rapid.T) {
	b, dst := st.books[0], st.batch.Events
	switch price := wire.Price(5 * rapid.IntRange(1000, 1030).Draw(t, "price")); rapid.IntRange(0, 30).Draw(t, "what") {
	case 0:
		dst = b.SetState(dst, wire.StatePreOpen)
	case 1, 2:
		dst = b.SetState(dst, wire.StateTrading)
	case 3, 4, 5:
		front, ok := b.Front(wire.Buy + wire.Side(rapid.IntRange(0, 1).Draw(t, "side")))
		if !ok {
			return
		}
		dst = b.Cancel(dst, front.ID)
	default:
		st.batch.Events = dst
		st.enter(0, wire.Buy+wire.Side(rapid.IntRange(0, 1).Draw(t, "side")), price, wire.Qty(rapid.IntRange(1, 50).Draw(t, "qty")))
		st.publish()
		return
	}
	st.batch.Events = dst
	st.batch.Commit(0, st.now-stageBegin)
	st.publish()
}

// displayed is what anybody should see of symbol 0.
func (st *stage) displayed(n int) (bids, asks []wire.Level) {
	if st.hub.symbols[0].hidden {
		return nil, nil
	}
	return st.books[0].AppendLevels(nil, wire.Buy, n), st.books[0].AppendLevels(nil, wire.Sell, n)
}

// A depth stream has a frame for each transaction that changes its levels, and
// no other.
func TestDepthEqualsLevelsAfterEachTransaction(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		st := newStage(test, 1)
		e := st.listen(0)
		last := map[int]string{}
		for range rapid.IntRange(1, 60).Draw(t, "transactions") {
			st.now += 1e6
			st.stir(t)
			for _, n := range []int{5, 10, 20} {
				bids, asks := st.displayed(n)
				want := fmt.Sprint(bids, asks)
				frames := e.take(fmt.Sprintf("depth%d.S0", n))
				nothing := last[n] == "" && len(bids)+len(asks) == 0 // may be told or not
				if changed := last[n] != want; !nothing && changed != (len(frames) == 1) || len(frames) > 1 {
					t.Fatalf("%d frames of depth%d; was %s, is %s", len(frames), n, last[n], want)
				}
				for i := range frames {
					b, err1 := levels(frames[i].Bids, wire.Buy, false)
					a, err2 := levels(frames[i].Asks, wire.Sell, false)
					if err1 != nil || err2 != nil || fmt.Sprint(b, a) != want || frames[i].Upd != st.hub.symbols[0].upd() {
						t.Fatalf("depth%d is %+v; want %s", n, frames[i], want)
					}
					last[n] = want
				}
			}
		}
	})
}

// byPrice is a book by price, bids negative.
func byPrice(bids, asks []wire.Level) map[wire.Price]wire.Qty {
	m := map[wire.Price]wire.Qty{}
	for _, l := range bids {
		m[-l.Price] = l.Qty
	}
	for _, l := range asks {
		m[l.Price] = l.Qty
	}
	return m
}

// A frame of a book tier is the difference between the book at its beat and at
// the beat before, however it is asked for: live, or resumed from any cursor.
func TestBookTierIsTheDifferenceBetweenBeats(test *testing.T) {
	rapid.Check(test, func(t *rapid.T) {
		st := newStage(test, 1)
		slot := wire.NewSlot(wire.ChannelBook, wire.Rate100ms)
		e := st.listen(0, slot, slotOrder)
		before := map[wire.Price]wire.Qty{}
		upd := uint64(0)
		for range rapid.IntRange(1, 20).Draw(t, "beats") {
			for range rapid.IntRange(0, 12).Draw(t, "transactions") {
				st.stir(t)
			}
			st.now += 100e6
			st.hub.Beat(st.now)
			now := byPrice(st.displayed(0))
			frames := e.heard["book.S0.100ms"]
			if st.hub.symbols[0].upd() != upd {
				f := (&ear{t: test, heard: map[string][]string{"": frames[len(frames)-1:]}}).take("")[0]
				checkMerged(t, &f, before, now, upd)
				if f.Upd != st.hub.symbols[0].upd() || f.CRC == nil || *f.CRC != st.hub.symbols[0].crc() {
					t.Fatalf("%+v at update %d", f, st.hub.symbols[0].upd())
				}
			}
			if uint64(len(frames)) != st.hub.symbols[0].seq(slot) {
				t.Fatalf("%d frames came, %d were numbered", len(frames), st.hub.symbols[0].seq(slot))
			}
			before, upd = now, st.hub.symbols[0].upd()
		}
		for _, name := range []string{"book.S0.100ms", "order.S0"} {
			resumeEverywhere(t, st, name, e.heard[name])
		}
	})
}

// checkMerged compares a tier's frame with the books before and after it.
func checkMerged(t *rapid.T, f *clientFrame, before, now map[wire.Price]wire.Qty, upd uint64) {
	bids, err1 := levels(f.Bids, wire.Buy, true)
	asks, err2 := levels(f.Asks, wire.Sell, true)
	if err1 != nil || err2 != nil {
		t.Fatalf("%+v: %v %v", f, err1, err2)
	}
	changed := byPrice(bids, asks)
	if f.Type == "snapshot" {
		if fmt.Sprint(changed) != fmt.Sprint(now) || f.First != f.Upd {
			t.Fatalf("snapshot %+v; want %v", f, now)
		}
		return
	}
	if f.First != upd+1 {
		t.Fatalf("begins at %d after %d", f.First, upd)
	}
	for price, qty := range changed {
		if now[price] != qty {
			t.Fatalf("%d is %d; want %d", price, qty, now[price])
		}
	}
	for _, book := range []map[wire.Price]wire.Qty{before, now} {
		for price := range book {
			if _, told := changed[price]; !told && before[price] != now[price] {
				t.Fatalf("%d went from %d to %d untold", price, before[price], now[price])
			}
		}
	}
}

// resumeEverywhere resumes a stream from each cursor: what comes are the bytes
// that were published.
func resumeEverywhere(t *rapid.T, st *stage, name string, published []string) {
	for seq := 1; seq < len(published); seq++ {
		p := st.open(Options{}, unlimited)
		p.say(`{"op":"subscribe","streams":[%q],"since":{%q:"e:%d"}}`, name, name, seq)
		st.rounds()
		frames := p.frames()
		if len(texts(frames, `"recovered":true`)) != 1 {
			t.Fatalf("%s since %d is not recovered: %v", name, seq, frames)
		}
		if got := texts(frames, `"tp":`); !slices.Equal(got, published[seq:]) {
			t.Fatalf("%s since %d:\n%s\nwant\n%s", name, seq, strings.Join(got, "\n"), strings.Join(published[seq:], "\n"))
		}
		p.m.kill(closeAbnormal, "test", true)
	}
}

// A derived stream lives for 60 s without a watcher. Made again, it goes on at
// its next number, and cursors from before are not recovered.
func TestDerivedStreamsLiveWhileWatched(t *testing.T) {
	for _, name := range []string{
		"book.S0.20ms", "book.S0.1s", "bbo.S0.100ms", "depth5.S0", "depth20.S0.100ms", "candle1m.S0.1s", "ticker.S0.1s",
	} {
		t.Run(name, func(t *testing.T) {
			st := newStage(t, 1)
			slot := slotOf(name)
			s := st.hub.symbols[0]
			beat := func(seconds int64) {
				for range seconds {
					st.now += 1e9
					st.hub.Beat(st.now)
					st.round()
				}
			}
			resume := func(seq uint64) []clientMessage {
				p := st.open(Options{}, unlimited)
				p.say(`{"op":"subscribe","streams":[%q],"since":{%q:"e:%d"}}`, name, name, seq)
				st.rounds()
				frames := p.frames()
				p.m.kill(closeAbnormal, "test", true)
				st.rounds()
				return frames
			}
			st.move(0, 4)
			resume(0)
			seq := s.seq(slot)
			if seq != 1 || s.derived[slot] == nil {
				t.Fatalf("made with %d frames", seq)
			}
			beat(59)
			if frames := resume(seq); len(texts(frames, `"recovered":true`)) != 1 || len(texts(frames, `"tp":`)) != 0 {
				t.Fatalf("after 59 s: %v", frames)
			}
			beat(59)
			if s.derived[slot] == nil {
				t.Fatal("died 59 s after its last watcher")
			}
			st.move(0, 4)
			beat(3)
			if s.derived[slot] != nil || len(slices.Concat(st.hub.derived[:]...)) != 0 {
				t.Fatal("lives without a watcher")
			}
			seq = s.seq(slot)
			st.move(0, 4)
			frames := resume(seq)
			if s.seq(slot) != seq+1 {
				t.Fatalf("goes on at %d after %d", s.seq(slot), seq)
			}
			data := texts(frames, `"tp":`)
			if len(texts(frames, `"recovered":false`)) != 1 || len(data) != 1 || !strings.Contains(data[0], fmt.Sprintf(`"seq":%d,`, seq+1)) {
				t.Fatalf("an old cursor gets %v", frames)
			}
			gaps := texts(frames, `"op":"gap"`)
			if want := slot.Channel() == wire.ChannelBook; want != (len(gaps) == 1) {
				t.Fatalf("gaps %v", gaps)
			}
		})
	}
}

// A tier whose changes history does not hold any more shows the whole book,
// and does not pretend to recover what it cannot merge.
func TestBookTierWithoutHistory(t *testing.T) {
	st := newStage(t, 1)
	st.deepen(0, 20)
	p := st.open(Options{}, unlimited)
	p.subscribe("book.S0.100ms")
	beat := func(moves int) {
		st.move(0, moves)
		st.now += 100e6
		st.hub.Beat(st.now)
		st.rounds()
	}
	beat(2)
	beat(2)
	seq := st.hub.symbols[0].seq(slotOf("book.S0.100ms"))
	resume := func() []clientMessage {
		late := st.open(Options{}, unlimited)
		late.say(`{"op":"subscribe","streams":["book.S0.100ms"],"since":{"book.S0.100ms":"e:%d"}}`, seq-1)
		st.rounds()
		return late.frames()
	}
	if frames := resume(); len(texts(frames, `"recovered":true`)) != 1 || len(texts(frames, `"tp":`)) != 1 {
		t.Fatalf("with history: %v", frames)
	}
	st.hub.archive.bytesMax = 2 * chunkBytes
	p.frames()
	beat(20 * chunkTxns)
	frames := texts(p.frames(), `"tp":`)
	if len(frames) != 1 || !strings.Contains(frames[0], `"type":"snapshot"`) {
		t.Fatalf("more changes than history holds are shown by %v", frames)
	}
	beat(2)
	got := resume()
	if len(texts(got, `"recovered":false`)) != 1 || len(texts(got, `"reason":"history"`)) != 1 || len(texts(got, `"type":"snapshot"`)) != 1 {
		t.Fatalf("without history: %v", got)
	}
	seq += 2 // the frame after the snapshot can be merged, until its changes are gone
	if frames := resume(); len(texts(frames, `"recovered":true`)) != 1 {
		t.Fatalf("since the snapshot: %v", frames)
	}
	st.move(0, 20*chunkTxns)
	if frames := resume(); len(texts(frames, `"recovered":false`)) != 1 {
		t.Fatalf("when its changes are gone: %v", frames)
	}
}

// A book tier is recovered for as long as history is kept, and not longer.
func TestBookTierIsRecoveredForAMinute(t *testing.T) {
	st := newStage(t, 1)
	p := st.open(Options{Quiet: true}, unlimited)
	p.count = true
	p.subscribe("book.S0.100ms")
	for range 1000 {
		st.move(0, 1)
		st.now += 100e6
		st.hub.Beat(st.now)
		st.round()
	}
	last := st.hub.symbols[0].seq(slotOf("book.S0.100ms"))
	for back, recovered := range map[uint64]bool{1: true, 300: true, 590: true, 800: false} {
		late := st.open(Options{}, unlimited)
		late.say(`{"op":"subscribe","streams":["book.S0.100ms"],"since":{"book.S0.100ms":"e:%d"}}`, last-back)
		st.rounds()
		frames := late.frames()
		if got := len(texts(frames, `"recovered":true`)) == 1; got != recovered {
			t.Errorf("since %d s: recovered %v", back/10, got)
		}
		if got := len(texts(frames, `"tp":`)); recovered && got != int(back) {
			t.Errorf("since %d s: %d frames; want %d", back/10, got, back)
		}
	}
	if n := len(st.hub.symbols[0].derived[slotOf("book.S0.100ms")].book.marks); n > 600+64+1 {
		t.Errorf("%d marks are kept", n)
	}
}
