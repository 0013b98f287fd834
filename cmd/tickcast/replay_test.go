package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

const pitchTwoSymbols = `28800011AAK27GA0000DTS000100SH    0000619200Y
28800012AAK27GA0000DUB000200SH    0000619100Y
28800013AAK27GA0000DVB000200XYZ   0000010000Y
28800014XAK27GA0000DU000050
`

func TestReplayRows(t *testing.T) {
	for _, c := range []struct {
		name, stdin, want string
		args              []string
	}{
		{"many symbols", pitchTwoSymbols, `SH,619200,100,-9999999999,0
SH,619200,100,619100,200
XYZ,9999999999,0,10000,200
SH,619200,100,619100,150
`, nil},
		{"one picked", pitchTwoSymbols, `619200,100,-9999999999,0
619200,100,619100,200
619200,100,619100,150
`, []string{"--symbol", "SH"}},
		{"one symbol", pitchTwoSymbols[:2*46], `619200,100,-9999999999,0
619200,100,619100,200
`, nil},
	} {
		args := append([]string{"replay", "--format", "pitch", "--levels", "1", "-"}, c.args...)
		code, out, errs := command(c.stdin, args...)
		if d := cmp.Diff(c.want, out); code != 0 || d != "" {
			t.Errorf("%s: code %d, %s (-want +got):\n%s", c.name, code, errs, d)
		}
		if !strings.Contains(errs, "0 unknown references") {
			t.Errorf("%s: summary %q", c.name, errs)
		}
	}
}

func TestReplayErrors(t *testing.T) {
	code, out, errs := command(pitchTwoSymbols+"2880001", "replay", "--format", "pitch", "-")
	if code != 1 || strings.Count(out, "\n") != 4 || !strings.Contains(errs, "record 5") {
		t.Fatalf("code %d, %d rows, %q", code, strings.Count(out, "\n"), errs)
	}
	if code, _, errs := command("", "replay", "--format", "pitch", "-", "--seed-book", "/dev/null"); code != 1 || !strings.Contains(errs, "seed book") {
		t.Fatalf("code %d, %q", code, errs)
	}
	if code, out, errs := command(pitchTwoSymbols, "replay", "--format", "pitch", "--symbol", "ABC", "-"); code != 1 || out != "" || !strings.Contains(errs, "of ABC") {
		t.Fatalf("a symbol that is not there: code %d, %q, %q", code, out, errs)
	}
	if code, _, _ := command("", "replay", "--format", "fix", "-"); code != 2 {
		t.Fatalf("an unknown format: code %d", code)
	}
}
