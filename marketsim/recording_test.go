package marketsim

import (
	"bytes"
	"errors"
	"io"
	"math"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

// recording opens a recording that is text at its first reading and second at its
// second.
func recording(t *testing.T, format ReplayFormat, text, second, symbol string) *Recording {
	t.Helper()
	p, err := NewReplay(strings.NewReader(text), format, nil)
	if err != nil {
		t.Fatal(err)
	}
	s := NewSurvey(p)
	for err == nil {
		err = s.Next()
	}
	p, _ = NewReplay(strings.NewReader(second), format, nil)
	r, err := NewRecording(p, s, symbol)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestRecording holds a recording's scale, its time and its end.
func TestRecording(t *testing.T) {
	const text = `34200.5,1,1,300,5853300,-1
34200.5,7,0,0,-1,-1
34199.0,7,0,0,0,-1
34260.5,4,1,100,5853300,-1
34261.5,3,77,100,5853300,-1
`
	var _ Source = (*Sim)(nil)
	var r Source = recording(t, ReplayLOBSTER, text, text, "brk.a")
	want := []wire.Instrument{{Symbol: "BRK-A", Base: "brk.a", PriceScale: 2, Tick: 1, Lot: 1}}
	if d := cmp.Diff(want, r.Instruments()); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
	var b wire.Batch
	if reached := r.Step(&b, 0, 2); reached != 0 || len(b.Txns) != 2 || r.Next() != 0 {
		t.Fatalf("reached %d with %d transactions, next at %d", reached, len(b.Txns), r.Next())
	}
	if e := b.EventsOf(0)[0]; e.Kind != wire.EventAdd || e.Price != 58533 || e.Qty != 300 {
		t.Errorf("got %+v; want 300 at 585.33", e)
	}
	if e := b.EventsOf(1)[0]; e.State != wire.StateHalt {
		t.Errorf("got %+v; want a halt", e)
	}
	b.Reset()
	if reached := r.Step(&b, 30e9, 2); reached != 30e9 || r.Next() != 60e9 {
		t.Errorf("reached %d, next at %d; want 30 s, 60 s", reached, r.Next())
	}
	if e := b.EventsOf(0)[0]; e.State != wire.StatePreOpen || b.Txns[0].Time != 0 {
		t.Errorf("at %d got %+v; want quoting resumed, no earlier than what came before", b.Txns[0].Time, e)
	}
	b.Reset()
	if reached := r.Step(&b, math.MaxInt64, 9); reached != 60e9 || len(b.Txns) != 1 || r.Next() != math.MaxInt64 {
		t.Errorf("reached %d with %d transactions, next at %d; want the end", reached, len(b.Txns), r.Next())
	}
	if reached := r.Step(&b, math.MaxInt64, 9); reached != 60e9 || len(b.Txns) != 1 {
		t.Errorf("beyond the end: reached %d with %d transactions", reached, len(b.Txns))
	}
}

// TestRecordingBreaks holds that a recording which can no longer be read, or is
// not what was surveyed, says so.
func TestRecordingBreaks(t *testing.T) {
	const (
		first   = "28800011AAK27GA0000DTS000100SH    0000610000Y\n"
		then    = "28800012AAK27GA0000DUS000100SH    0000620000Y\n"
		changed = "the file has changed since it was read: record "
	)
	for _, c := range []struct{ second, want string }{
		{first + then, ""},
		{first + "x", "bad record: record 2"},
		{first + first, "bad record: record 2: order"},
		{first, changed + "1 of 2"},
		{first + then + "x", changed + "3 of 2"},
		{first + then + "28800013XAK27GA0000DU000050\n", changed + "3 of 2"},
		{first + "28800012AAK27GA0000DUS000100SI    0000620000Y\n", changed + "2 of 2"},
		{first + "28800012AAK27GA0000DUS000100SH    0000620010Y\n", changed + "2 of 2"},
	} {
		r := recording(t, ReplayPITCH, first+then, c.second, "")
		var b wire.Batch
		r.Step(&b, math.MaxInt64, math.MaxInt)
		txns := 1
		if strings.HasPrefix(c.second, first+then) {
			txns = 2
		}
		if err := r.Err(); len(b.Txns) != txns || (err == nil) != (c.want == "") || err != nil && !strings.Contains(err.Error(), c.want) {
			t.Errorf("%q: %d transactions, %v; want %d, %q", c.second, len(b.Txns), err, txns, c.want)
		}
	}
	tape := wire.AppendTapeHeader(nil, []wire.Instrument{wire.MustInstrument("X", "X", "", "1", "1")})
	for _, empty := range [][]byte{tape, wire.AppendTapeHeader(nil, nil)} {
		if _, err := NewTapeRecording(bytes.NewReader(empty)); !errors.Is(err, wire.ErrTape) {
			t.Errorf("a tape without transactions: %v", err)
		}
	}
	if _, err := NewTapeRecording(bytes.NewReader(append(tape, 1))); !errors.Is(err, wire.ErrTape) {
		t.Errorf("a torn tape: %v", err)
	}
}

// TestTapeRecordingTime holds that time does not go back where a tape's does,
// within a block and from one to the next.
func TestTapeRecordingTime(t *testing.T) {
	tape := wire.AppendTapeHeader(nil, []wire.Instrument{wire.MustInstrument("X", "X", "", "1", "1")})
	for _, times := range [][]int64{{-5, 7, 3}, {2, 9, math.MinInt64}} {
		var b wire.Batch
		for _, at := range times {
			b.Events = append(b.Events, wire.Event{Kind: wire.EventStateSet, State: wire.StateHalt})
			b.Commit(0, at)
		}
		tape = wire.AppendTapeBlock(tape, &b)
	}
	r, err := NewTapeRecording(bytes.NewReader(tape))
	if err != nil {
		t.Fatal(err)
	}
	var b wire.Batch
	reached := r.Step(&b, math.MaxInt64, math.MaxInt)
	var got []int64
	for i := range b.Txns {
		got = append(got, b.Txns[i].Time)
	}
	if d := cmp.Diff([]int64{0, 7, 7, 7, 9, 9}, got); d != "" || reached != 9 || r.Err() != nil {
		t.Errorf("reached %d, %v (-want +got):\n%s", reached, r.Err(), d)
	}
}

func TestSymbolOf(t *testing.T) {
	taken := map[wire.Symbol]bool{}
	for _, c := range []struct {
		name string
		want wire.Symbol
	}{
		{"BRK.A", "BRK-A"},
		{"BRK-A", "BRK-A-2"},
		{"brk-a", "BRK-A-3"},
		{"ABC+", "ABC_"},
		{"ÄBC", "_BC"},
		{"ABCDEFGHIJKLMNOPQRSTUVW", "ABCDEFGHIJKLMNOPQRST"},
		{"ABCDEFGHIJKLMNOPQRSTXYZ", "ABCDEFGHIJKLMNOPQR-2"},
	} {
		got := symbolOf(c.name, taken)
		if taken[got] = true; got != c.want {
			t.Errorf("%s: got %s; want %s", c.name, got, c.want)
		}
	}
}

// TestSurveyListsTheBusiestFirst holds which symbols are listed, in which order
// and units.
func TestSurveyListsTheBusiestFirst(t *testing.T) {
	const text = `1 {"stream":"aaausdt@trade","data":{"s":"AAAUSDT","p":"10.5","q":"2.00000000","m":true}}
2 {"stream":"bbbusdt@trade","data":{"s":"BBBUSDT","p":"0.00001234","q":"0.25","m":true}}
3 {"stream":"cccusdt@bookTicker","data":{}}
4 {"stream":"bbbusdt@trade","data":{"s":"BBBUSDT","p":"0.00001235","q":"0.5","m":true}}
`
	want := []wire.Instrument{
		{Symbol: "BBBUSDT", Base: "BBBUSDT", PriceScale: 8, QtyScale: 2, Tick: 1, Lot: 1},
		{Symbol: "AAAUSDT", Base: "AAAUSDT", PriceScale: 2, Tick: 1, Lot: 1},
	}
	if d := cmp.Diff(want, recording(t, ReplayBinance, text, text, "").Instruments()); d != "" {
		t.Errorf("(-want +got):\n%s", d)
	}
}

// FuzzRecording holds that whatever a survey accepts can be published: a second
// book takes its events, and time does not go back.
func FuzzRecording(f *testing.F) {
	f.Add(uint8(ReplayITCH), itchFixture())
	f.Add(uint8(ReplayPITCH), []byte("28800011AAK27GA0000DTS000100SH    0000619200Y\n28800014XAK27GA0000DU000050\n"))
	f.Add(uint8(ReplayLOBSTER), []byte("1,1,1,5,100,1\n1.5,4,1,5,100,1\n"))
	f.Add(uint8(ReplayBinance), []byte(`1 {"stream":"a@depth","data":{"U":1,"u":2,"b":[["1","2"]]}}`+"\n"+`2 {"lastUpdateId":8,"bids":[["10","1.5"]]}`))
	f.Fuzz(func(t *testing.T, format uint8, data []byte) {
		p, err := NewReplay(bytes.NewReader(data), ReplayFormat(format%4+1), nil)
		if err != nil {
			t.Fatal(err)
		}
		s := NewSurvey(p)
		for err == nil {
			err = s.Next()
		}
		if !errors.Is(err, io.EOF) {
			return
		}
		p, _ = NewReplay(bytes.NewReader(data), ReplayFormat(format%4+1), nil)
		r, err := NewRecording(p, s, "")
		if err != nil {
			return // nothing to list
		}
		books, err := newTouches(r.Instruments())
		if err != nil {
			t.Fatal(err)
		}
		var b wire.Batch
		for now := int64(0); r.Next() < math.MaxInt64; {
			if r.Next() < now {
				t.Fatalf("%d after %d", r.Next(), now)
			}
			now = r.Next()
			b.Reset()
			r.Step(&b, now, 1)
			if err := books.add(&b); err != nil {
				t.Fatal(err)
			}
		}
		if r.Err() != nil {
			t.Fatal(r.Err())
		}
	})
}
