package marketsim

import (
	"bytes"
	"compress/gzip"
	"encoding/binary"
	"errors"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/iotest"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

// dataFile opens a gzipped file of the folder of recorded data.
func dataFile(t *testing.T, name string) io.Reader {
	t.Helper()
	root := os.Getenv("TICKCAST_DATA")
	if root == "" {
		t.Skip("TICKCAST_DATA is not set: no recorded data")
	}
	file, err := os.Open(filepath.Join(root, name))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { file.Close() })
	r, err := gzip.NewReader(file)
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// replayRows replays a recording and returns a row a message, behind its
// symbol.
func replayRows(r io.Reader, format ReplayFormat, seed io.Reader, levels int) ([]string, *Replay, error) {
	p, err := NewReplay(r, format, seed)
	if err != nil {
		return nil, nil, err
	}
	price, qty := p.Scales()
	w := RowWriter{Levels: levels, PriceExp: price, QtyExp: qty}
	var rows []string
	for {
		m, err := p.Next()
		if errors.Is(err, io.EOF) {
			return rows, p, nil
		}
		if err != nil {
			return rows, p, err
		}
		row := "-,"
		if m.Book != nil {
			row = m.Book.Symbol + "," + string(w.AppendRow(nil, m.Book.Book))
		}
		rows = append(rows, row)
	}
}

func TestLOBSTERData(t *testing.T) {
	const book = "lobster/AAPL_2012-06-21_first672_orderbook_50.csv.gz"
	rows, p, err := replayRows(dataFile(t, "lobster/AAPL_2012-06-21_first672_message_50.csv.gz"), ReplayLOBSTER, dataFile(t, book), 10)
	if err != nil {
		t.Fatal(err)
	}
	want, err := io.ReadAll(dataFile(t, book))
	if err != nil {
		t.Fatal(err)
	}
	n := 0
	for line := range strings.Lines(string(want)) {
		top := strings.Join(strings.Split(strings.TrimSpace(line), ",")[:40], ",")
		if got := strings.TrimPrefix(rows[n], lobsterSymbol+","); got != top {
			t.Fatalf("row %d:\n%s\nwant\n%s", n, got, top)
		}
		n++
	}
	if n != 672 || len(rows) != n || p.Unknown() != 0 {
		t.Fatalf("%d rows, %d messages, %d unknown", n, len(rows), p.Unknown())
	}
}

func TestPITCHData(t *testing.T) {
	rows, p, err := replayRows(dataFile(t, "pitch/pitch_example_data_20k.gz"), ReplayPITCH, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	if len(rows) != 20_000 || p.Unknown() != 0 || p.Live() != 784 || p.Symbols() != 286 {
		t.Fatalf("%d rows, %d unknown, %d live, %d symbols", len(rows), p.Unknown(), p.Live(), p.Symbols())
	}
}

// TestBinanceData compares the best prices after each depth update with the
// latest bookTicker up to its last update id: everywhere, and counted apart where
// a bookTicker lies within the update's own ids, first to last, so that it speaks
// of no earlier state. The snapshot counts as the update whose last id it has.
func TestBinanceData(t *testing.T) {
	text, err := io.ReadAll(dataFile(t, "binance/spot_ethusdt_20240808.gz"))
	if err != nil {
		t.Fatal(err)
	}
	rows, _, err := replayRows(bytes.NewReader(text), ReplayBinance, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	tickers := collectBinance(t, string(text))
	checked, within := 0, 0
	for i, d := range tickers.depths {
		if !d.known {
			continue
		}
		at, found := slices.BinarySearch(tickers.updates, d.last)
		if !found {
			at--
		}
		if want := "ETHUSDT," + tickers.rows[at]; rows[i] != want {
			t.Fatalf("line %d: %s; want %s", i, rows[i], want)
		}
		checked++
		if tickers.updates[at] >= d.first {
			within++
		}
	}
	if checked != 3433 || within != 2672 {
		t.Fatalf("%d depth updates compared, %d with a bookTicker within; want 3433 and 2672", checked, within)
	}
}

// binanceTickers is what a recording says of the best prices.
type binanceTickers struct {
	updates []int64  // ascending update ids of bookTickers
	rows    []string // their best prices, as a row of one level
	depths  map[int]binanceRange
}

// binanceRange is the update ids of the depth update in a line, or of the one
// that ends in the snapshot there.
type binanceRange struct {
	first, last int64
	known       bool // the book has begun
}

func collectBinance(t *testing.T, text string) binanceTickers {
	t.Helper()
	all := binanceTickers{depths: map[int]binanceRange{}}
	var d binanceRange
	known := false
	n := 0
	for line := range strings.Lines(text) {
		switch {
		case strings.Contains(line, "@bookTicker"):
			all.updates = append(all.updates, binanceInt(t, line, "u"))
			all.rows = append(all.rows, binanceNumber(t, line, "a", 4)+","+binanceNumber(t, line, "A", 8)+","+
				binanceNumber(t, line, "b", 4)+","+binanceNumber(t, line, "B", 8))
		case strings.Contains(line, "@depth"):
			d = binanceRange{binanceInt(t, line, "U"), binanceInt(t, line, "u"), known}
			all.depths[n] = d
		case strings.Contains(line, "lastUpdateId"):
			if last := binanceInt(t, line, "lastUpdateId"); last != d.last {
				t.Fatalf("the snapshot is of update %d; want %d", last, d.last)
			}
			known, d.known = true, true
			all.depths[n] = d
		}
		n++
	}
	if !slices.IsSorted(all.updates) {
		t.Fatal("bookTickers are not in order of their ids")
	}
	return all
}

// binanceField returns the text of a scalar field.
func binanceField(line, key string) string {
	_, rest, _ := strings.Cut(line, `"`+key+`":`)
	value, _, _ := strings.Cut(strings.TrimPrefix(rest, `"`), ",")
	return strings.Trim(value, `"}`+"\n")
}

func binanceInt(t *testing.T, line, key string) int64 {
	t.Helper()
	v, err := strconv.ParseInt(binanceField(line, key), 10, 64)
	if err != nil {
		t.Fatal(err)
	}
	return v
}

func binanceNumber(t *testing.T, line, key string, by int) string {
	t.Helper()
	v, err := parseDecimal([]byte(binanceField(line, key)), binanceExp)
	if err != nil {
		t.Fatal(err)
	}
	return string(appendScaled(nil, v, by))
}

func wantRows(t *testing.T, want string, got []string) {
	t.Helper()
	if d := cmp.Diff(strings.Fields(want), got); d != "" {
		t.Fatalf("(-want +got):\n%s", d)
	}
}

func TestLOBSTERReplay(t *testing.T) {
	messages := `34200.000000001,1,11,100,1000000,1
34200.000000002,1,12,50,1000100,-1
34200.000000003,4,7,30,999900,1
34200.5,2,11,40,1000000,1
34200.6,5,0,10,1000050,-1
34200.7,4,12,50,1000100,-1
34200.8,3,11,60,1000000,1
34201,7,0,0,-1,-1
34202,3,99,5,5,1
`
	seed := "9999999999,0,1000000,300,9999999999,0,999900,80\n"
	rows, p, err := replayRows(strings.NewReader(messages), ReplayLOBSTER, strings.NewReader(seed), 2)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, `
		LOBSTER,9999999999,0,1000000,300,9999999999,0,999900,80
		LOBSTER,1000100,50,1000000,300,9999999999,0,999900,80
		LOBSTER,1000100,50,1000000,300,9999999999,0,999900,50
		LOBSTER,1000100,50,1000000,260,9999999999,0,999900,50
		LOBSTER,1000100,50,1000000,260,9999999999,0,999900,50
		LOBSTER,9999999999,0,1000000,260,9999999999,0,999900,50
		LOBSTER,9999999999,0,1000000,200,9999999999,0,999900,50
		LOBSTER,9999999999,0,1000000,200,9999999999,0,999900,50
		LOBSTER,9999999999,0,1000000,200,9999999999,0,999900,50`, rows)
	if p.Unknown() != 1 {
		t.Fatalf("%d unknown; want 1", p.Unknown())
	}
}

func TestPITCHReplay(t *testing.T) {
	messages := `28800011AAK27GA0000DTS000100SH    0000619200Y
28800012AAK27GA0000DUB000200SH    0000619100Y
28800013EAK27GA0000DT00004000001AQ00001
28800014XAK27GA0000DU000050
28800015P00000000000DB000010XYZ   000061915000001AQ00002
28800016XAK27GA0000DT000060
28800017dAK27GA0000DWS000070SH      0000619300YABCD
28800018HSH      T0XX
28800019r000000000000B000010XYZ     000061915000001AQ00003
28800020B00001AQ00003
28800021sSH      
`
	rows, p, err := replayRows(strings.NewReader(messages), ReplayPITCH, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, `
		SH,619200,100,-9999999999,0
		SH,619200,100,619100,200
		SH,619200,60,619100,200
		SH,619200,60,619100,150
		XYZ,9999999999,0,-9999999999,0
		SH,9999999999,0,619100,150
		SH,619300,70,619100,150
		SH,619300,70,619100,150
		XYZ,9999999999,0,-9999999999,0
		-,
		SH,9999999999,0,-9999999999,0`, rows)
	if p.Live() != 0 || p.Unknown() != 0 {
		t.Fatalf("%d live, %d unknown; want 0", p.Live(), p.Unknown())
	}
}

// itch writes messages of the published TotalView-ITCH 5.0 layout.
type itch struct{ bytes.Buffer }

func (w *itch) message(typ byte, locate uint16, parts ...any) {
	var m bytes.Buffer
	m.WriteByte(typ)
	for _, v := range append([]any{locate, uint16(0), [6]byte{0, 1, 0, 0, 0, typ}}, parts...) {
		switch v := v.(type) {
		case string:
			m.WriteString(v)
		default:
			if err := binary.Write(&m, binary.BigEndian, v); err != nil {
				panic(err)
			}
		}
	}
	w.Write(binary.BigEndian.AppendUint16(nil, uint16(m.Len())))
	w.Write(m.Bytes())
}

func itchFixture() []byte {
	var w itch
	w.message('S', 0, "O")
	w.message('R', 1, "AAPL    ", [20]byte{})
	w.message('R', 2, "MSFT    ", [20]byte{})
	w.message('H', 1, "AAPL    ", "T ", "    ")
	w.message('A', 1, uint64(10), "B", uint32(300), "AAPL    ", uint32(1000000))
	w.message('F', 1, uint64(11), "S", uint32(200), "AAPL    ", uint32(1000100), "NSDQ")
	w.message('A', 2, uint64(12), "S", uint32(70), "MSFT    ", uint32(500000))
	w.message('E', 1, uint64(10), uint32(100), uint64(1))
	w.message('C', 1, uint64(11), uint32(50), uint64(2), "Y", uint32(1000050))
	w.message('X', 1, uint64(11), uint32(25))
	w.message('U', 1, uint64(10), uint64(13), uint32(400), uint32(999900))
	w.message('P', 2, uint64(0), "B", uint32(5), "MSFT    ", uint32(499900), uint64(3))
	w.message('D', 2, uint64(12))
	w.message('S', 0, "C")
	return w.Bytes()
}

func TestITCHReplay(t *testing.T) {
	rows, p, err := replayRows(bytes.NewReader(itchFixture()), ReplayITCH, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, `
		-,
		AAPL,9999999999,0,-9999999999,0
		MSFT,9999999999,0,-9999999999,0
		AAPL,9999999999,0,-9999999999,0
		AAPL,9999999999,0,1000000,300
		AAPL,1000100,200,1000000,300
		MSFT,500000,70,-9999999999,0
		AAPL,1000100,200,1000000,200
		AAPL,1000100,150,1000000,200
		AAPL,1000100,125,1000000,200
		AAPL,1000100,125,999900,400
		MSFT,500000,70,-9999999999,0
		MSFT,9999999999,0,-9999999999,0
		-,`, rows)
	if p.Unknown() != 0 || p.Live() != 2 {
		t.Fatalf("%d unknown, %d live", p.Unknown(), p.Live())
	}
}

func TestBinanceReplay(t *testing.T) {
	messages := `1 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"ABCUSDT","U":5,"u":7,"b":[["1.00000000","9.00000000"]],"a":[]}}
2 {"lastUpdateId":8,"bids":[["10.00000000","1.50000000"],["9.99000000","2.00000000"]],"asks":[["10.00010000","0.00000001"]]}
3 {"stream":"abcusdt@depth@100ms","data":{"e":"depthUpdate","E":1,"s":"ABCUSDT","U":8,"u":10,"b":[["10.00000000","0.00000000"]],"a":[["10.00005000","3.00000000"]]}}
4 {"stream":"abcusdt@trade","data":{"e":"trade","E":1,"s":"ABCUSDT","t":1,"p":"10.00005000","q":"0.50000000","T":1,"m":false,"M":true}}
`
	rows, p, err := replayRows(strings.NewReader(messages), ReplayBinance, nil, 1)
	if err != nil {
		t.Fatal(err)
	}
	wantRows(t, `
		ABCUSDT,9999999999,0,-9999999999,0
		ABCUSDT,100001,0.00000001,100000,1.5
		ABCUSDT,100000.5,3,99900,2
		ABCUSDT,100000.5,3,99900,2`, rows)
	if events := p.message.Events; events[0].Kind != wire.EventTrade || events[0].Side != wire.Buy {
		t.Fatalf("events of a trade: %+v", events)
	}
	gap := messages + `5 {"stream":"abcusdt@depth@100ms","data":{"s":"ABCUSDT","U":12,"u":13,"b":[],"a":[]}}` + "\n"
	if _, _, err := replayRows(strings.NewReader(gap), ReplayBinance, nil, 1); !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), "record 5: updates 11 to 11 are missing") {
		t.Fatalf("a gap: %v", err)
	}
}

func TestBadRecordsAreNamed(t *testing.T) {
	whole := itchFixture()
	for _, c := range []struct {
		format     ReplayFormat
		text, want string
	}{
		{ReplayLOBSTER, "1,1,1,1,1,1\n1,1,1\n", "record 2: 3 fields"},
		{ReplayLOBSTER, "1,9,1,1,1,1\n", "record 1: message type 9"},
		{ReplayLOBSTER, "1,1,1,5,100,2\n", "record 1: direction 2"},
		{ReplayLOBSTER, "1,1,1,5,100,1\n1,2,1,6,100,1\n", "record 2: order 1 has 5 left; got 6"},
		{ReplayLOBSTER, "1,1,1,5,100,1\n1,1,1,5,100,1\n", "record 2: order 1 is there already"},
		{ReplayPITCH, "28800011AAK27GA0000DTS000100SH    0000619200Y\n28800011AAK27", "record 2: message type A has 13 characters"},
		{ReplayPITCH, "28800011Z\n", "record 1: message type 'Z'"},
		{ReplayITCH, string(whole[:15]), "record 2: truncated in the length"},
		{ReplayITCH, string(whole[:16]), "record 2: truncated: 0 of"},
		{ReplayITCH, string(whole[:20]), "record 2: truncated"},
		{ReplayITCH, string(whole[:len(whole)-1]), "record 14: truncated"},
		{ReplayITCH, "\x00\x0cZ12345678901", "record 1: message type 'Z'"},
		{ReplayBinance, "x {}\n", "record 1: time"},
		{ReplayBinance, "1 {\n", "record 1: unexpected end of JSON"},
		{ReplayBinance, "1 {}\n", "record 1: neither"},
	} {
		_, _, err := replayRows(strings.NewReader(c.text), c.format, nil, 1)
		if !errors.Is(err, ErrRecord) || !strings.Contains(err.Error(), c.want) {
			t.Errorf("%v %.40q: %v; want %s", c.format, c.text, err, c.want)
		}
	}
}

func FuzzReplay(f *testing.F) {
	f.Add(uint8(ReplayITCH), itchFixture())
	f.Add(uint8(ReplayPITCH), []byte("28800011AAK27GA0000DTS000100SH    0000619200Y\n28800014XAK27GA0000DT000050\n"))
	f.Add(uint8(ReplayLOBSTER), []byte("1,1,1,5,100,1\n1.5,4,1,5,100,1\n"))
	f.Add(uint8(ReplayBinance), []byte(`1 {"stream":"a@depth","data":{"U":1,"u":2,"b":[["1","2"]]}}`+"\n"+`2 {"lastUpdateId":8,"bids":[["10","1.5"]]}`))
	f.Fuzz(func(_ *testing.T, format uint8, data []byte) {
		_, _, _ = replayRows(bytes.NewReader(data), ReplayFormat(format%4+1), nil, 3)
		_, _, _ = replayRows(bytes.NewReader(data), ReplayLOBSTER, bytes.NewReader(data), 3)
	})
}

// A line that a read error cuts off may read as another message.
func TestHalfALineIsNoMessage(t *testing.T) {
	for format, text := range map[ReplayFormat]string{
		ReplayLOBSTER: "1,1,1,100,5000,1\n1,1,2,100,5000,1\n1,1,3,100,5000,1",
		ReplayPITCH:   "28800020B00001AQ00003\n28800020B00001AQ00003\n28800020B",
		ReplayBinance: strings.Repeat(`1 {"stream":"a@other"}`+"\n", 2) + `1 {"stream":"a@other"}`,
	} {
		broken := io.MultiReader(strings.NewReader(text), iotest.ErrReader(io.ErrUnexpectedEOF))
		rows, _, err := replayRows(broken, format, nil, 1)
		if len(rows) != 2 || !errors.Is(err, io.ErrUnexpectedEOF) || !strings.Contains(err.Error(), "record 3: truncated") {
			t.Errorf("%v: %d rows, %v", format, len(rows), err)
		}
	}
}

// TestReplayedEvents holds that a recording makes the same events each time, and
// which states a LOBSTER halt goes through.
func TestReplayedEvents(t *testing.T) {
	events := func(format ReplayFormat, text string) (out []wire.Event) {
		t.Helper()
		p, err := NewReplay(strings.NewReader(text), format, nil)
		for err == nil {
			var m *Message
			if m, err = p.Next(); err == nil {
				out = append(out, m.Events...)
			}
		}
		if !errors.Is(err, io.EOF) {
			t.Fatal(err)
		}
		return out
	}
	const snapshots = `1 {"stream":"a@depth","data":{"U":1,"u":2}}
2 {"lastUpdateId":2,"bids":[["9","1"],["8","1"],["7","1"],["6","1"]],"asks":[["10","1"],["11","1"],["12","1"]]}
3 {"lastUpdateId":5,"bids":[["9","2"]],"asks":[["10","2"]]}
`
	want := events(ReplayBinance, snapshots)
	for range 8 {
		if d := cmp.Diff(want, events(ReplayBinance, snapshots)); d != "" {
			t.Fatalf("a snapshot that replaces a book (-want +got):\n%s", d)
		}
	}
	got := events(ReplayLOBSTER, "1,7,0,0,-1,-1\n2,7,0,0,0,-1\n3,7,0,0,1,-1\n")
	if len(got) != 3 || got[0].State != wire.StateHalt || got[1].State != wire.StatePreOpen || got[2].State != wire.StateTrading {
		t.Errorf("got %+v; want halted, quoting, trading", got)
	}
}
