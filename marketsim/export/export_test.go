package export

import (
	"bytes"
	"encoding/csv"
	"encoding/json"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/parquet-go/parquet-go"

	"tickcast/marketsim"
	"tickcast/wire"
)

// batchOf is a short tape of two symbols, the second with five decimals.
func batchOf(t *testing.T) (*wire.Batch, []wire.Instrument) {
	t.Helper()
	sim, err := marketsim.New(marketsim.Config{Seed: 1, Symbols: 6})
	if err != nil {
		t.Fatal(err)
	}
	var b wire.Batch
	sim.Step(&b, 20e9, math.MaxInt32)
	return &b, sim.Instruments()
}

func written(t *testing.T, f Format, b *wire.Batch, instruments []wire.Instrument) []byte {
	t.Helper()
	var out bytes.Buffer
	w, err := New(f, &out, instruments)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

func TestNDJSON(t *testing.T) {
	b, instruments := batchOf(t)
	lines := strings.Split(strings.TrimSuffix(string(written(t, NDJSON, b, instruments)), "\n"), "\n")
	if len(lines) != len(b.Txns) {
		t.Fatalf("got %d lines; want one for each of %d transactions", len(lines), len(b.Txns))
	}
	for i, line := range lines {
		var got struct {
			N      int
			Time   int64
			Symbol wire.Symbol
			Events []struct {
				Type, Side, Price, Qty string
				ID                     uint64
			}
		}
		if err := json.Unmarshal([]byte(line), &got); err != nil {
			t.Fatalf("line %d: %v", i, err)
		}
		in, events := instruments[b.Txns[i].Instrument], b.EventsOf(i)
		if got.N != i+1 || got.Time != b.Txns[i].Time || got.Symbol != in.Symbol || len(got.Events) != len(events) {
			t.Fatalf("line %d: got %+v", i, got)
		}
		for j, e := range events {
			g := got.Events[j]
			if g.Type != e.Kind.String() || g.ID != e.ID {
				t.Fatalf("line %d, event %d: got %+v; want %+v", i, j, g, e)
			}
			if !priced(&e) {
				continue
			}
			if p, err := in.ParsePrice(g.Price); err != nil || p != e.Price {
				t.Fatalf("line %d, event %d: got price %s, %v; want %d", i, j, g.Price, err, e.Price)
			}
		}
	}
}

func TestCSV(t *testing.T) {
	b, instruments := batchOf(t)
	rows, err := csv.NewReader(bytes.NewReader(written(t, CSV, b, instruments))).ReadAll()
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(b.Events)+1 || strings.Join(rows[0], ",")+"\n" != csvHeader {
		t.Fatalf("got %d rows, the first %v; want %d events and a header", len(rows), rows[0], len(b.Events))
	}
	for i, e := range b.Events {
		if rows[i+1][3] != e.Kind.String() {
			t.Fatalf("row %d: got %v; want %+v", i, rows[i+1], e)
		}
	}
}

func TestTape(t *testing.T) {
	b, instruments := batchOf(t)
	r, err := wire.NewTapeReader(bytes.NewReader(written(t, Tape, b, instruments)))
	if err != nil {
		t.Fatal(err)
	}
	want, got := marketsim.NewTapeHash(), marketsim.NewTapeHash()
	want.Add(b)
	var part wire.Batch
	for err = r.Next(&part); err == nil; err = r.Next(&part) {
		got.Add(&part)
	}
	if !errors.Is(err, io.EOF) || got.Sum() != want.Sum() {
		t.Errorf("got %x, %v; want %x", got.Sum(), err, want.Sum())
	}
}

func TestParquet(t *testing.T) {
	b, instruments := batchOf(t)
	data := written(t, Parquet, b, instruments)
	rows, err := parquet.Read[Row](bytes.NewReader(data), int64(len(data)))
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != len(b.Events) {
		t.Fatalf("got %d rows; want %d", len(rows), len(b.Events))
	}
	next := 0
	for i, txn := range b.Txns {
		for _, e := range b.EventsOf(i) {
			want := rowOf(int64(i+1), txn.Time, &instruments[txn.Instrument], &e)
			if diff := cmp.Diff(want, rows[next]); diff != "" {
				t.Fatalf("row %d (-want +got):\n%s", next, diff)
			}
			next++
		}
	}
}

// TestLOBSTER replays the message files; the books must be those written.
func TestLOBSTER(t *testing.T) {
	b, instruments := batchOf(t)
	files := map[string]*bytes.Buffer{}
	w, err := NewLOBSTER(instruments, func(name string) (io.Writer, error) {
		files[name] = new(bytes.Buffer)
		return files[name], nil
	})
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(w.Write(b), w.Close()); err != nil {
		t.Fatal(err)
	}
	if len(files) != 2*len(instruments) {
		t.Fatalf("got %d files; want %d", len(files), 2*len(instruments))
	}
	for _, in := range instruments {
		name := string(in.Symbol)
		replay, err := marketsim.NewReplay(files[name+"_message_10.csv"], marketsim.ReplayLOBSTER, nil)
		if err != nil {
			t.Fatal(err)
		}
		row := marketsim.RowWriter{Levels: 10, PriceExp: 4}
		for i, want := range strings.Split(strings.TrimSpace(files[name+"_orderbook_10.csv"].String()), "\n") {
			m, err := replay.Next()
			if err != nil {
				t.Fatalf("%s, message %d: %v", name, i, err)
			}
			if got := string(row.AppendRow(nil, m.Book.Book)); got != want {
				t.Fatalf("%s, message %d: got\n%s; want\n%s", name, i, got, want)
			}
		}
		if _, err := replay.Next(); !errors.Is(err, io.EOF) || replay.Unknown() != 0 {
			t.Errorf("%s: got %v and %d unknown orders at the end", name, err, replay.Unknown())
		}
	}
}

// full is a disk with so much space.
type full struct{ room int }

var errFull = errors.New("no space left on device")

func (f *full) Write(p []byte) (int, error) {
	if f.room -= len(p); f.room < 0 {
		return 0, errFull
	}
	return len(p), nil
}

func TestDiskFull(t *testing.T) {
	b, instruments := batchOf(t)
	for _, f := range []Format{NDJSON, Tape, CSV, Parquet} {
		w, err := New(f, &full{room: 1000}, instruments)
		if err == nil {
			err = errors.Join(w.Write(b), w.Close())
		}
		if !errors.Is(err, errFull) {
			t.Errorf("%s: got %v; want the disk's error", f, err)
		}
	}
}

func TestFormats(t *testing.T) {
	for f := NDJSON; f <= Parquet; f++ {
		if got, err := ParseFormat(f.String()); err != nil || got != f {
			t.Errorf("%s: got %v, %v", f, got, err)
		}
	}
	if _, err := ParseFormat("invalid"); err == nil {
		t.Error("a format called invalid was found")
	}
}
