package orderbook

import (
	"bytes"
	"errors"
	"fmt"
	"testing"

	"pgregory.net/rapid"

	"tickcast/wire"
)

// drawSession runs drawn commands on a book and returns its journal and what
// it said.
func drawSession(t *rapid.T, b *Book) (journal, said []byte) {
	journal = b.AppendJournalHeader(nil)
	outside := b.outside
	var ids []uint64
	for i := range rapid.IntRange(1, 80).Draw(t, "commands") {
		c := drawCommand(t, uint64(i+oracleFirstID))
		c.Time = int64(i) * 1_000_003
		if !outside && c.ID != 0 && len(ids) > 0 {
			c.ID = rapid.SampledFrom(ids).Draw(t, "handle")
		}
		journal = AppendCommand(journal, &c)
		events := b.Do(nil, &c)
		if c.Kind == CommandNew && len(events) > 0 {
			ids = append(ids, events[0].ID)
		}
		said = fmt.Appendf(said, "%v\n", events)
	}
	return journal, said
}

func TestReplayedJournalEqualsTheOriginal(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, _ := New(Config{OutsideIDs: rapid.Bool().Draw(t, "outside"), Requeue: rapid.Bool().Draw(t, "requeue")})
		journal, said := drawSession(t, b)
		var again []byte
		replayed, good, err := ReplayJournal(journal, func(_ *Command, events []wire.Event) {
			again = fmt.Appendf(again, "%v\n", events)
		})
		if err != nil || good != len(journal) {
			t.Fatalf("good %d of %d: %v", good, len(journal), err)
		}
		if !bytes.Equal(said, again) {
			t.Fatalf("events differ:\n%s\n%s", said, again)
		}
		if replayed.Hash() != b.Hash() {
			t.Fatalf("state hashes differ")
		}
	})
}

func TestRestoredBookGoesOnAlike(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		b, _ := New(Config{OutsideIDs: rapid.Bool().Draw(t, "outside")})
		drawSession(t, b)
		snapshot := b.AppendSnapshot(nil, 77)
		restored, seq, err := Restore(snapshot)
		if err != nil || seq != 77 {
			t.Fatalf("seq %d: %v", seq, err)
		}
		if restored.Hash() != b.Hash() || restored.Top() != b.Top() || restored.Orders() != b.Orders() {
			t.Fatalf("the restored book differs")
		}
		for i := range rapid.IntRange(1, 60).Draw(t, "more") {
			c := drawCommand(t, uint64(i+60))
			if got, want := restored.Do(nil, &c), b.Do(nil, &c); fmt.Sprint(got) != fmt.Sprint(want) {
				t.Fatalf("%+v:\n%v\n%v", c, got, want)
			}
		}
	})
}

// A journal truncated on restart: the torn record is dropped, what is good is
// kept, and a record appended behind it is replayed.
func TestJournalTruncatedOnRestart(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	journal := b.AppendJournalHeader(nil)
	ends := []int{len(journal)}
	for id := range uint64(20) {
		c := Command{Kind: CommandNew, Order: Order{ID: id + 1, Type: Limit, Side: wire.Buy, Qty: 5, Price: 100}}
		journal = AppendCommand(journal, &c)
		ends = append(ends, len(journal))
	}
	for cut := ends[0]; cut <= len(journal); cut++ {
		whole := 0
		for whole+1 < len(ends) && ends[whole+1] <= cut {
			whole++
		}
		got, good, err := ReplayJournal(journal[:cut], nil)
		if err != nil || good != ends[whole] || got.Orders() != whole {
			t.Fatalf("cut at %d: good %d, %d orders, %v; want %d, %d", cut, good, got.Orders(), err, ends[whole], whole)
		}
		c := Command{Kind: CommandCancel, ID: 1}
		got, good, err = ReplayJournal(AppendCommand(bytes.Clone(journal[:good]), &c), nil)
		if err != nil || good <= ends[whole] || got.Orders() != max(whole-1, 0) {
			t.Fatalf("appended after %d: good %d, %v", cut, good, err)
		}
	}
}

func TestDamagedJournalIsAnError(t *testing.T) {
	b := mustBook(t, Config{OutsideIDs: true})
	journal := b.AppendJournalHeader(nil)
	head := len(journal)
	for range 3 {
		journal = AppendCommand(journal, &Command{Kind: CommandReference, Price: 100})
	}
	for i := range journal {
		damaged := bytes.Clone(journal)
		damaged[i] ^= 0x40
		_, good, err := ReplayJournal(damaged, nil)
		if i < head && !errors.Is(err, ErrJournal) {
			t.Fatalf("byte %d of the header: %v", i, err)
		}
		if err == nil && good == len(journal) {
			t.Fatalf("byte %d: damage not noticed", i)
		}
	}
}

func FuzzDecodeCommand(f *testing.F) {
	f.Add(AppendCommand(nil, &Command{Kind: CommandNew, Order: Order{ID: 1, Type: Iceberg, Side: wire.Sell, Qty: 9, Price: 5, Display: 2}}))
	f.Add(AppendCommand(nil, &Command{Kind: CommandReplace, ID: 4, Qty: 9, Price: 5}))
	f.Fuzz(func(t *testing.T, data []byte) {
		c, tail, err := DecodeCommand(data)
		if err != nil {
			return
		}
		again, rest, err := DecodeCommand(append(AppendCommand(nil, &c), tail...))
		if err != nil || again != c || !bytes.Equal(rest, tail) {
			t.Fatalf("%+v became %+v: %v", c, again, err)
		}
	})
}

func FuzzRestore(f *testing.F) {
	b, _ := New(Config{})
	b.Enter(nil, &Order{Type: Iceberg, Side: wire.Sell, Qty: 9, Price: 5, Display: 2})
	b.Cancel(nil, b.Enter(nil, &Order{Type: Limit, Side: wire.Buy, Qty: 9, Price: 4})[0].ID)
	f.Add(b.AppendSnapshot(nil, 3))
	f.Fuzz(func(t *testing.T, data []byte) {
		// The checksum is no secret: let the fuzzer through it.
		if len(data) > 8 {
			data = appendCRC(data[:len(data)-4])
		}
		b, _, err := Restore(data)
		if err != nil {
			return
		}
		checkLinks(t, b)
		for i := range b.rares {
			if r := &b.rares[i]; r.display > 0 && r.reserve/r.display > 100 {
				return // takes long, not for ever
			}
		}
		for _, side := range sidesOf { // let it work: whatever rests trades, whatever waits is elected
			b.SetState(nil, wire.StateTrading)
			b.Enter(nil, &Order{ID: IDMax, Type: Limit, Side: side, Qty: b.cfg.MinQty, Price: b.cfg.MinPrice})
			b.Enter(nil, &Order{ID: IDMax - 1, Type: Market, Side: side, Qty: b.cfg.MaxQty})
			checkLinks(t, b)
		}
	})
}
