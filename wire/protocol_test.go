package wire

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// fencedLines returns the lines of PROTOCOL.md's code blocks of a language.
func fencedLines(t *testing.T, language string) []string {
	t.Helper()
	page, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	inside := false
	for line := range strings.Lines(string(page)) {
		line = strings.TrimSuffix(line, "\n")
		switch {
		case strings.HasPrefix(line, "```"):
			inside = line == "```"+language
		case inside:
			lines = append(lines, line)
		}
	}
	return lines
}

// What the page says that the server sends is what it sends.
func TestProtocolPageShowsGoldens(t *testing.T) {
	paths, err := filepath.Glob("testdata/json/*.golden")
	if err != nil || len(paths) == 0 {
		t.Fatal("no golden files", err)
	}
	shown, golden := fencedLines(t, "json"), map[string]bool{}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		kindIsShown := false
		for line := range strings.Lines(string(text)) {
			line = strings.TrimSuffix(line, "\n")
			golden[line] = true
			for _, s := range shown {
				kindIsShown = kindIsShown || s == line
			}
		}
		if !kindIsShown {
			t.Errorf("PROTOCOL.md shows nothing of %s", path)
		}
	}
	for _, line := range shown {
		if !golden[line] {
			t.Errorf("PROTOCOL.md shows what no golden file has: %s", line)
		}
	}
}

// What the page tells clients to send is understood.
func TestProtocolPageRequests(t *testing.T) {
	lines := fencedLines(t, "text")
	if len(lines) < 5 {
		t.Fatalf("only %d requests", len(lines))
	}
	var r Request
	for _, line := range lines {
		if err := r.Parse([]byte(line)); err != nil {
			t.Errorf("%s: %v", line, err)
		}
	}
}

// The worked example of the checksum is of the snapshot that the page shows.
func TestProtocolPageChecksum(t *testing.T) {
	page, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	book := someBook(2)
	equal(t, uint32(2190290082), naiveCRC(&btc, book.Bids, book.Asks))
	for _, text := range []string{"`25365201406602536521140661253519031200253518931201`, its checksum 2190290082", `"crc":2190290082`} {
		if !strings.Contains(string(page), text) {
			t.Errorf("PROTOCOL.md lacks %s", text)
		}
	}
}

// The table of channels has each with its kind and its rates.
func TestProtocolPageChannels(t *testing.T) {
	page, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, facts := range channelFacts {
		kind, rates := "event", ""
		if facts.stateful {
			kind = "state"
		}
		if facts.rates != "" {
			rates = " `" + strings.ReplaceAll(facts.rates, " ", "` `") + "`"
		}
		found := false
		for line := range strings.Lines(string(page)) {
			names, rest, _ := strings.Cut(line, " | "+kind+" | ")
			found = found || strings.HasPrefix(line, "|") && strings.Contains(names, "`"+facts.name+"`") &&
				strings.HasSuffix(rest, " |"+rates+" |\n")
		}
		if !found {
			t.Errorf("PROTOCOL.md has no row for %s", facts.name)
		}
	}
	for s := StateTrading; s <= StateClosed; s++ {
		if !strings.Contains(string(page), "| `"+s.String()+"` |") {
			t.Errorf("PROTOCOL.md does not explain %v", s)
		}
	}
}

// Every code is explained.
func TestProtocolPageCodes(t *testing.T) {
	page, err := os.ReadFile("PROTOCOL.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, code := range []Code{
		CodeBadJSON, CodeBadRequest, CodeUnknownOp, CodeUnknownChannel, CodeUnknownSymbol, CodeBadRate, CodeNotSubscribed,
		CodeLimitStreams, CodeLimitRate, CodeNotAuthorized, CodeNotEntitled, CodeInternal,
	} {
		if !strings.Contains(string(page), "`"+string(code)+"`") {
			t.Errorf("PROTOCOL.md does not explain %s", code)
		}
	}
	for code := range closeNames {
		if code != 0 && !strings.Contains(string(page), string(AppendDecimal(nil, int64(code), 0))) {
			t.Errorf("PROTOCOL.md does not explain %d", uint16(code))
		}
	}
}
