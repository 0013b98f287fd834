package orderbook

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"tickcast/wire"
)

var rewrite = flag.Bool("rewrite", false, "rewrite the expectations of testdata/scenarios")

// TestScenarios runs testdata/scenarios/*.txt: blocks of commands, a line of
// dashes, then what they report and the book they leave, drawn.
func TestScenarios(t *testing.T) {
	names, _ := filepath.Glob("testdata/scenarios/*.txt")
	if len(names) == 0 {
		t.Fatal("no scenarios")
	}
	for _, name := range names {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txt"), func(t *testing.T) {
			data, err := os.ReadFile(name)
			if err != nil {
				t.Fatal(err)
			}
			got := playScenario(t, string(data))
			if *rewrite {
				if err := os.WriteFile(name, []byte(got), 0o644); err != nil {
					t.Fatal(err)
				}
				return
			}
			if d := cmp.Diff(string(data), got); d != "" {
				t.Fatalf("(-want +got):\n%s", d)
			}
		})
	}
}

const scenarioDashes = "----\n"

func playScenario(t *testing.T, text string) string {
	t.Helper()
	b := mustBook(t, Config{OutsideIDs: true})
	var out strings.Builder
	i := 0
	for n, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		commands, _, _ := strings.Cut(block+"\n", scenarioDashes)
		var reports []byte
		for line := range strings.Lines(commands) {
			if strings.HasPrefix(line, "#") {
				continue
			}
			c, err := ParseCommand([]byte(strings.TrimSpace(line)))
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			reports = AppendReports(reports, i, b.Do(nil, &c))
			checkLinks(t, b)
			i++
		}
		if n > 0 {
			out.WriteByte('\n')
		}
		out.WriteString(commands + scenarioDashes)
		out.Write(reports)
		out.Write(drawBook(b))
	}
	return out.String()
}

// drawBook draws the book with the best prices in the middle: asks above, bids
// below, a level a line with its displayed orders in order of priority.
func drawBook(b *Book) []byte {
	var lines [][]byte
	for _, level := range drawSide(b, wire.Sell) {
		lines = append([][]byte{level}, lines...)
	}
	if p, q := b.Indicative(); q > 0 {
		lines = append(lines, fmt.Appendf(nil, "    crossed: would uncross %d at %d", q, p))
	}
	lines = append(lines, drawSide(b, wire.Buy)...)
	if b.Waiting() > 0 {
		lines = append(lines, fmt.Appendf(nil, "    waiting stops: %d", b.Waiting()))
	}
	if len(lines) == 0 {
		return []byte("    empty\n")
	}
	return append(bytes.Join(lines, []byte("\n")), '\n')
}

func drawSide(b *Book, side wire.Side) [][]byte {
	var out [][]byte
	orders := b.AppendOrders(nil, side)
	for _, l := range b.AppendLevels(nil, side, 0) {
		line := fmt.Appendf(nil, "    %-4v %5d x %-4d |", side, l.Price, l.Qty)
		for len(orders) > 0 && orders[0].Price == l.Price {
			line = fmt.Appendf(line, " %d:%d", orders[0].ID, orders[0].Qty)
			orders = orders[1:]
		}
		out = append(out, line)
	}
	return out
}
