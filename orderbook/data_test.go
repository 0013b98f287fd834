package orderbook

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

// dataFile returns a file of the folder of recorded data.
func dataFile(tb testing.TB, name string) string {
	tb.Helper()
	root := os.Getenv("TICKCAST_DATA")
	if root == "" {
		tb.Skip("TICKCAST_DATA is not set: no recorded data")
	}
	return filepath.Join(root, name)
}

func readGzip(tb testing.TB, name string) []byte {
	tb.Helper()
	file, err := os.Open(name)
	if err != nil {
		tb.Fatal(err)
	}
	defer file.Close()
	zr, err := gzip.NewReader(file)
	if err != nil {
		tb.Fatal(err)
	}
	data, err := io.ReadAll(zr)
	if err != nil {
		tb.Fatal(err)
	}
	return data
}

const flash1NormalHash = "e9b2e3926854410b01a035aeb25dd05f1e597c233be8263de9eb49b6713d367e"

func TestFlash1ReportHash(t *testing.T) {
	f, err := ParseFlash1(readGzip(t, dataFile(t, "flash1/normal_s23.cols.gz")))
	if err != nil {
		t.Fatal(err)
	}
	b, _ := f.NewBook()
	h := sha256.New()
	var events []wire.Event
	var text []byte
	for i := range f.Len() {
		events = f.Do(b, events[:0], i)
		text = f.AppendReports(text[:0], i, events, i == 0)
		h.Write(text)
	}
	if got := hex.EncodeToString(h.Sum(nil)); got != flash1NormalHash {
		t.Fatalf("hash %s; want %s", got, flash1NormalHash)
	}
}

// flash1Text turns the lines `type side ioc qty id price` into columns.
func flash1Text(tb testing.TB, text string) *Flash1 {
	tb.Helper()
	var kinds, qtys, ids, prices []byte
	for line := range strings.Lines(text) {
		var typ, side, ioc, qty, id, price int
		if _, err := fmt.Sscan(line, &typ, &side, &ioc, &qty, &id, &price); err != nil {
			tb.Fatalf("%q: %v", line, err)
		}
		kinds = append(kinds, byte(typ|side<<2|ioc<<3))
		qtys = binary.LittleEndian.AppendUint32(qtys, uint32(qty))
		ids = binary.LittleEndian.AppendUint32(ids, uint32(id))
		prices = binary.LittleEndian.AppendUint32(prices, uint32(price))
	}
	f, err := ParseFlash1((&Flash1{kinds, qtys, ids, prices}).bytes())
	if err != nil {
		tb.Fatal(err)
	}
	return f
}

func (f *Flash1) bytes() []byte {
	head := binary.LittleEndian.AppendUint32([]byte(flash1Magic), uint32(f.Len()))
	return bytes.Join([][]byte{head, f.kinds, f.qtys, f.ids, f.prices}, nil)
}

func TestMatchingCases(t *testing.T) {
	names, _ := filepath.Glob(dataFile(t, "matching/*.in"))
	if len(names) == 0 {
		t.Fatal("the data folder has no matching cases")
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".in"), func(t *testing.T) {
			in, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			want, err := os.ReadFile(strings.TrimSuffix(name, ".in") + ".want")
			if err != nil {
				t.Fatal(err)
			}
			f := flash1Text(t, string(in))
			b, _ := f.NewBook()
			var got []byte
			for i := range f.Len() {
				got = f.AppendReports(got, i, f.Do(b, nil, i), len(got) == 0)
				top := bytes.Replace(AppendTop([]byte{'\n'}, i, b.Top()), []byte("top"), []byte("B"), 1)
				got = append(got, bytes.TrimSuffix(top, []byte("\n"))...)
			}
			if d := cmp.Diff(strings.TrimSpace(string(want)), strings.TrimSpace(string(got))); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
		})
	}
}

func BenchmarkFlash1(b *testing.B) {
	f, err := ParseFlash1(readGzip(b, dataFile(b, "flash1/normal_s23.cols.gz")))
	if err != nil {
		b.Fatal(err)
	}
	events := make([]wire.Event, 0, 4096)
	quiet := time.Duration(math.MaxInt64)
	b.ReportAllocs()
	for b.Loop() {
		book, _ := f.NewBook()
		for from := 0; from+chunk <= f.Len(); from += chunk {
			start := time.Now()
			for i := from; i < from+chunk; i++ {
				events = f.Do(book, events[:0], i)
			}
			quiet = min(quiet, time.Since(start))
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/float64(f.Len()), "ns/message")
	b.ReportMetric(float64(quiet.Nanoseconds())/chunk, "quiet-ns/message")
}
