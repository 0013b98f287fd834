package main

import (
	"bufio"
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tickcast/marketsim"
	"tickcast/wire"
)

const recordings = "testdata/recordings/"

// served is a recording as serve's flags name it, and what it should become.
type served struct {
	file, format, seed string
	speed              string
	symbols            []string // listed, the busiest first; nil for many
	ends               string   // market time
}

func (s *served) args() []string {
	args := []string{"--format", s.format}
	if s.seed != "" {
		args = append(args, "--seed-book", s.seed)
	}
	return args
}

// rows returns the last row of each symbol as `tickcast replay` prints it, by
// the symbol's name in the feed.
func (s *served) rows(t *testing.T, names map[string]string) map[string]string {
	t.Helper()
	code, out, errs := command("", append([]string{"replay", "--levels", "10", s.file}, s.args()...)...)
	if code != 0 {
		t.Fatal(errs)
	}
	rows := map[string]string{}
	for line := range strings.Lines(out) {
		name, row := s.symbols[0], strings.TrimSpace(line)
		if len(s.symbols) > 1 {
			name, row, _ = strings.Cut(row, ",")
		}
		if as, renamed := names[name]; renamed {
			name = as
		}
		rows[name] = row
	}
	return rows
}

// lockedBuffer is a standard error that many goroutines write to at once.
type lockedBuffer struct {
	mu  sync.Mutex // guards buf
	buf bytes.Buffer
}

func (b *lockedBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.Write(p)
}

func (b *lockedBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buf.String()
}

// serveRecording serves a recording and returns the address of its streams. It
// ends with the test, by then with exit code 0.
func serveRecording(t *testing.T, s *served) (url string, logged *lockedBuffer, stop func()) {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	r, w := io.Pipe()
	logged = &lockedBuffer{}
	code := make(chan int, 1)
	args := append([]string{
		"serve", "--source", "replay", "--replay", s.file, "--speed", s.speed, "--addr", "127.0.0.1:0",
		"--admin", "127.0.0.1:0", "--raw", "off", "--shards", "1", "--drain", "0s", "--log-format", "json",
	}, s.args()...)
	go func() {
		code <- run(ctx, args, strings.NewReader(""), w, logged)
		_ = w.Close()
	}()
	stop = func() {
		cancel()
		if got := <-code; got != 0 {
			t.Errorf("serve: exit code %d; want 0\n%s", got, logged)
		}
	}
	lines := bufio.NewScanner(r)
	for lines.Scan() {
		if _, after, ok := strings.Cut(lines.Text(), "stream   "); ok {
			url, _, _ = strings.Cut(after, "?")
			go func() { _, _ = io.Copy(io.Discard, r) }()
			return url, logged, stop
		}
	}
	t.Fatalf("serve: exit code %d\n%s", <-code, logged)
	return "", nil, nil
}

// TestServeRecordings follows recordings through a real server with strict
// clients, to the end: the books there are those that `tickcast replay` prints.
func TestServeRecordings(t *testing.T) {
	t.Setenv("GOGC", "100") // which serve then leaves alone
	itch := filepath.Join(t.TempDir(), "day.itch.gz")
	if err := os.WriteFile(itch, []byte(gzipped(t, itchRecording())), 0o600); err != nil {
		t.Fatal(err)
	}
	lobster := recordings + "XYZ_2026-01-05_34200000_34204000_"
	renamed := map[string]string{"BRK.A": "BRK-A", "BRK-A": "BRK-A-2"}
	for _, s := range []served{
		{file: lobster + "message_3.csv", format: "lobster", seed: lobster + "orderbook_3.csv", symbols: []string{"XYZ"}, ends: "3.999999999s"},
		{file: recordings + "pitch.txt", format: "pitch", symbols: []string{"BRK-A", "ZVZZT", "TESTSYMB", "BRK-A-2"}, ends: "2.3s"},
		{file: recordings + "binance.txt", format: "binance", symbols: []string{"ABCUSDT", "XYZBTC"}, ends: "2.2s"},
		{file: itch, format: "itch", symbols: []string{"AAPL", "MSFT"}, ends: "2.4s"},
	} {
		t.Run(s.format, func(t *testing.T) {
			t.Parallel()
			s.speed = "2"
			follow(t, &s, renamed)
		})
	}
}

// TestServeData does so with pieces of real recordings.
func TestServeData(t *testing.T) {
	data := os.Getenv("TICKCAST_DATA")
	if data == "" {
		t.Skip("TICKCAST_DATA is not set: no recorded data")
	}
	t.Setenv("GOGC", "100") // which serve then leaves alone
	lobster := filepath.Join(data, "lobster/AAPL_2012-06-21_first672_")
	for _, s := range []served{
		{
			file: lobster + "message_50.csv.gz", format: "lobster", seed: lobster + "orderbook_50.csv.gz",
			speed: "5", symbols: []string{"AAPL"}, ends: "10.043218523s",
		},
		{file: filepath.Join(data, "pitch/pitch_example_data_20k.gz"), format: "pitch", speed: "50", ends: "2m43.723s"},
		{file: filepath.Join(data, "binance/spot_ethusdt_20240808.gz"), format: "binance", speed: "100", symbols: []string{"ETHUSDT"}, ends: "5m45.747805617s"},
	} {
		t.Run(s.format, func(t *testing.T) {
			t.Parallel()
			follow(t, &s, nil)
		})
	}
}

func follow(t *testing.T, s *served, renamed map[string]string) {
	url, logged, stop := serveRecording(t, s)
	f := newFollower(t, url)
	f.follow()
	stop()
	if want := `"market_time":"` + s.ends + `"`; !strings.Contains(logged.String(), want) {
		t.Errorf("want %s in the log:\n%s", want, logged)
	}
	if s.symbols == nil {
		s.symbols = f.listed
	}
	if d := cmp.Diff(s.symbols, f.listed); d != "" {
		t.Errorf("listed (-want +got):\n%s", d)
	}
	rows := s.rows(t, renamed)
	for symbol, b := range f.books {
		if got := b.row(10); got != rows[symbol] {
			t.Errorf("%s at the end:\n%s\nwant\n%s", symbol, got, rows[symbol])
		}
	}
}

// TestRecordingTapes holds that the tape of a recording does not depend on how
// its time is cut, and that a tape of our own comes back as it was.
func TestRecordingTapes(t *testing.T) {
	hash := func(s marketsim.Source, nanos int64, most int) string {
		t.Helper()
		h := marketsim.NewTapeHash()
		var b wire.Batch
		for now := int64(-1); s.Next() < math.MaxInt64; {
			b.Reset()
			reached := s.Step(&b, now, most)
			for i := range b.Txns {
				if at := b.Txns[i].Time; at > now {
					t.Fatalf("a transaction of %d at %d", at, now)
				}
			}
			if h.Add(&b); reached == now {
				now += nanos
			}
		}
		return fmt.Sprintf("%x", h.Sum())
	}
	tape := filepath.Join(t.TempDir(), "tape")
	code, out, errs := command("", "sim", "--symbols", "3", "--duration", "5s", "--out", tape, "--format", "tape")
	if code != 0 {
		t.Fatal(errs)
	}
	lobster := recordings + "XYZ_2026-01-05_34200000_34204000_"
	for _, f := range []recordingFlags{
		{Replay: recordings + "pitch.txt", Format: "pitch"},
		{Replay: recordings + "binance.txt", Format: "binance"},
		{Replay: lobster + "message_3.csv", Format: "lobster", SeedBook: lobster + "orderbook_3.csv"},
		{Replay: tape, Format: formatTape},
	} {
		tapes := map[string]bool{}
		for _, cut := range []struct {
			nanos int64
			most  int
		}{{math.MaxInt64 / 2, math.MaxInt32}, {7e6, 3}, {1e9, 1}} {
			var s pacedSource
			if err := f.openRecording(&env{ctx: t.Context(), stderr: io.Discard}, &s); err != nil {
				t.Fatal(err)
			}
			sum := hash(s.market, cut.nanos, cut.most)
			tapes[sum] = true
			if err := s.broken(); err != nil {
				t.Errorf("%s: %v", f.Format, err)
			}
			s.file.Close()
			if f.Format == formatTape && !strings.Contains(out, sum) {
				t.Errorf("got tape %s; want that of %s", sum, out)
			}
		}
		if len(tapes) != 1 {
			t.Errorf("%s: %d different tapes", f.Format, len(tapes))
		}
	}
}

func TestRecordingsRefused(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		t.Helper()
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	pitch, err := os.ReadFile(recordings + "pitch.txt")
	if err != nil {
		t.Fatal(err)
	}
	bad := write("bad.txt", string(pitch)+"34299999A0000")
	torn := write("torn.gz", gzipped(t, string(pitch))[:80])
	for _, c := range []struct {
		want string
		args []string
	}{
		{"wants --replay FILE and --format", []string{"--source", "replay"}},
		{"wants --replay FILE and --format", []string{"--source", "replay", "--replay", bad}},
		{"belong to --source replay", []string{"--replay", bad}},
		{"belong to --source sim", []string{"--source", "replay", "--replay", bad, "--format", "pitch", "--scenario", "halt"}},
		{"not standard input", []string{"--source", "replay", "--replay", "-", "--format", "pitch"}},
		{"no such file", []string{"--source", "replay", "--replay", filepath.Join(dir, "none"), "--format", "pitch"}},
		{"a recording is read twice; want a file", []string{"--source", "replay", "--replay", dir, "--format", "pitch"}},
		{"a recording is read twice; want a file", []string{"--source", "replay", "--replay", os.DevNull, "--format", "tape"}},
		{"a recording is read twice; want a file", []string{"--source", "replay", "--replay", bad, "--format", "lobster", "--seed-book", os.DevNull}},
		{"bad.txt: bad record: record 19: message type A has 13 characters", []string{"--source", "replay", "--replay", bad, "--format", "pitch"}},
		{"torn.gz: bad record: record", []string{"--source", "replay", "--replay", torn, "--format", "pitch"}},
		{"bad record: record 1: ", []string{"--source", "replay", "--replay", bad, "--format", "itch"}},
		{"a seed book is for lobster", []string{"--source", "replay", "--replay", bad, "--format", "pitch", "--seed-book", bad}},
		{"--seed-book is for --format lobster", []string{"--source", "replay", "--replay", bad, "--format", "tape", "--seed-book", bad}},
		{"bad tape", []string{"--source", "replay", "--replay", bad, "--format", "tape"}},
		{"no order and no trade in 0 records", []string{"--source", "replay", "--replay", write("empty", ""), "--format", "pitch"}},
		{"speed \"0\"", []string{"--source", "replay", "--replay", bad, "--format", "pitch", "--speed", "0"}},
	} {
		code, out, errs := command("", append([]string{"serve", "--addr", "127.0.0.1:0", "--admin", "127.0.0.1:0"}, c.args...)...)
		if code != 1 || out != "" || !strings.Contains(errs, c.want) {
			t.Errorf("%v: code %d, %q, %q; want %q", c.args, code, out, errs, c.want)
		}
	}
}

// TestServeEndsWithItsRecording holds that a recording which changes while it is
// served ends the server, without a signal.
func TestServeEndsWithItsRecording(t *testing.T) {
	t.Setenv("GOGC", "100") // which serve then leaves alone
	file := filepath.Join(t.TempDir(), "growing.csv")
	if err := os.WriteFile(file, []byte("1,1,1,300,5853300,-1\n3,1,2,300,5853200,-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	r, w := io.Pipe()
	var logged lockedBuffer
	code := make(chan int, 1)
	go func() {
		code <- run(t.Context(), []string{
			"serve", "--source", "replay", "--replay", file, "--format", "lobster", "--addr", "127.0.0.1:0",
			"--admin", "127.0.0.1:0", "--raw", "off", "--shards", "1", "--drain", "0s",
		}, strings.NewReader(""), w, &logged)
		_ = w.Close()
	}()
	if !bufio.NewScanner(r).Scan() {
		t.Fatalf("serve: exit code %d\n%s", <-code, &logged)
	}
	go func() { _, _ = io.Copy(io.Discard, r) }()
	if err := os.WriteFile(file, []byte("1,1,1,300,5853300,-1\n3,1,2,300,5853200,-1\n4,1,3,300,5853100,-1\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	select {
	case got := <-code:
		if want := "has changed since it was read: record 3 of 2"; got != 1 || !strings.Contains(logged.String(), want) {
			t.Errorf("serve: exit code %d; want 1 and %q\n%s", got, want, &logged)
		}
	case <-time.After(30 * time.Second):
		t.Fatal("serve goes on")
	}
}

func TestLOBSTERSymbol(t *testing.T) {
	for file, want := range map[string]string{
		"x/AAPL_2012-06-21_34200000_57600000_message_50.csv": "AAPL",
		"AAPL_2012-06-21_first672_message_50.csv.gz":         "AAPL",
		"day_BTCUSDT_message_10.csv":                         "BTCUSDT",
		"messages.csv":                                       "",
	} {
		if got := lobsterSymbol(file); got != want {
			t.Errorf("%s: got %q; want %q", file, got, want)
		}
	}
}

// itchRecording is a recording of two stocks: a halt, a quotation period in which
// the book is crossed, and its end.
func itchRecording() string {
	var w bytes.Buffer
	message := func(millis int64, typ byte, locate uint16, parts ...any) {
		var m bytes.Buffer
		head := binary.BigEndian.AppendUint64(nil, uint64(34200e9+millis*1e6))
		for _, v := range append([]any{typ, locate, uint16(0), head[2:]}, parts...) {
			if text, ok := v.(string); ok {
				v = []byte(text)
			}
			if err := binary.Write(&m, binary.BigEndian, v); err != nil {
				panic(err)
			}
		}
		w.Write(binary.BigEndian.AppendUint16(nil, uint16(m.Len())))
		w.Write(m.Bytes())
	}
	message(0, 'S', 0, "O")
	for locate, stock := range []string{"AAPL    ", "MSFT    ", "QUIET   "} {
		message(0, 'R', uint16(locate), stock, [20]byte{})
		message(0, 'H', uint16(locate), stock, "T ", "    ")
	}
	message(0, 'A', 0, uint64(10), "B", uint32(300), "AAPL    ", uint32(1000000))
	message(300, 'F', 0, uint64(11), "S", uint32(200), "AAPL    ", uint32(1000100), "NSDQ")
	message(400, 'A', 1, uint64(12), "S", uint32(70), "MSFT    ", uint32(500050))
	message(500, 'E', 0, uint64(10), uint32(100), uint64(1))
	message(600, 'C', 0, uint64(11), uint32(50), uint64(2), "Y", uint32(1000050))
	message(700, 'X', 0, uint64(11), uint32(25))
	message(800, 'U', 0, uint64(10), uint64(13), uint32(400), uint32(999900))
	message(900, 'P', 1, uint64(0), "B", uint32(5), "MSFT    ", uint32(499900), uint64(3))
	message(1000, 'H', 0, "AAPL    ", "H ", "LUDP")
	message(1100, 'D', 0, uint64(13))
	message(1200, 'H', 0, "AAPL    ", "Q ", "LUDP")
	message(1300, 'A', 0, uint64(14), "B", uint32(60), "AAPL    ", uint32(1000300))
	message(1400, 'A', 0, uint64(15), "B", uint32(10), "AAPL    ", uint32(999800))
	message(2000, 'C', 0, uint64(14), uint32(60), uint64(4), "N", uint32(1000100))
	message(2000, 'C', 0, uint64(11), uint32(60), uint64(4), "Y", uint32(1000100))
	message(2000, 'H', 0, "AAPL    ", "T ", "    ")
	message(2400, 'D', 1, uint64(12))
	message(2400, 'S', 0, "C")
	return w.String()
}
