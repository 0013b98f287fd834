package main

import (
	"bufio"
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// command runs tickcast and returns its exit code, output and errors.
func command(stdin string, args ...string) (code int, out, errs string) {
	var stdout, stderr bytes.Buffer
	code = run(context.Background(), args, strings.NewReader(stdin), &stdout, &stderr)
	return code, stdout.String(), stderr.String()
}

func gzipped(t *testing.T, text string) string {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.String()
}

const matchScript = `# a comment is a line
new,1,sell,limit,10,100
new,2,buy,limit,4,100

cancel,7
replace,1,5,99
`

func TestMatchReports(t *testing.T) {
	want := `accepted,1,1
top,1,-,0,100,10
accepted,2,2
trade,2,100,4,1,2
top,2,-,0,100,6
rejected,4,7,unknown
top,4,-,0,100,6
replaced,5,1
top,5,-,0,99,5
`
	name := filepath.Join(t.TempDir(), "script.gz")
	if err := os.WriteFile(name, []byte(gzipped(t, matchScript)), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct{ stdin, file string }{{matchScript, "-"}, {gzipped(t, matchScript), "-"}, {"", name}} {
		code, out, errs := command(c.stdin, "match", "--top", c.file)
		if d := cmp.Diff(want, out); code != 0 || errs != "" || d != "" {
			t.Fatalf("code %d, errors %q (-want +got):\n%s", code, errs, d)
		}
	}
}

func TestMatchNS(t *testing.T) {
	code, out, _ := command(matchScript, "match", "--ns", "-")
	if code != 0 || !regexp.MustCompile(`^[0-9.]+ ns/op\nsha256 [0-9a-f]{64}\n$`).MatchString(out) {
		t.Fatalf("code %d:\n%s", code, out)
	}
	_, top, _ := command(matchScript, "match", "--ns", "--top", "-")
	if strings.Split(top, "\n")[1] == strings.Split(out, "\n")[1] {
		t.Fatal("the hash does not cover the tops")
	}
}

func TestMatchLimits(t *testing.T) {
	code, out, _ := command("new,1,buy,limit,15,100\nnew,2,buy,limit,20,101\n", "match", "--lot", "10", "--tick", "5", "-")
	if code != 0 || out != "rejected,0,1,lot\nrejected,1,2,tick\n" {
		t.Fatalf("code %d: %s", code, out)
	}
}

func TestMatchNamesTheBadLine(t *testing.T) {
	code, out, errs := command("new,1,buy,limit,10,100\nnew,2,buy\n", "match", "-")
	if code != 1 || out != "accepted,0,1\n" || !strings.Contains(errs, "line 2: not a command") {
		t.Fatalf("code %d, %q, %q", code, out, errs)
	}
	if code, _, errs := command("FL1COLS1", "match", "--format", "flash1", "-"); code != 1 || !strings.Contains(errs, "flash1") {
		t.Fatalf("flash1: code %d, %q", code, errs)
	}
}

func TestMatchDoesNotRunHalfALine(t *testing.T) {
	var script strings.Builder
	for i := range 1000 {
		fmt.Fprintf(&script, "new,%d,buy,limit,1%07d,100\n", i, i*i)
	}
	whole := gzipped(t, script.String())
	code, out, errs := command(whole[:len(whole)/2], "match", "-")
	n := strings.Count(out, "\n")
	if code != 1 || n == 0 || n == 1000 || !strings.Contains(errs, fmt.Sprintf("line %d: unexpected EOF", n+1)) {
		t.Fatalf("code %d, %d reports, %q", code, n, errs)
	}
}

// TestMatchAnswers holds a pipe open: each command is answered before the next
// is sent.
func TestMatchAnswers(t *testing.T) {
	in, commands := io.Pipe()
	reports, out := io.Pipe()
	done := make(chan int, 1)
	go func() { done <- run(context.Background(), []string{"match", "-"}, in, out, io.Discard) }()
	answers := bufio.NewReader(reports)
	for i := range 3 {
		if _, err := fmt.Fprintf(commands, "new,%d,buy,limit,1,100\n", i+1); err != nil {
			t.Fatal(err)
		}
		if got, err := answers.ReadString('\n'); err != nil || got != fmt.Sprintf("accepted,%d,%d\n", i, i+1) {
			t.Fatalf("%q: %v", got, err)
		}
	}
	if err := commands.Close(); err != nil {
		t.Fatal(err)
	}
	if code := <-done; code != 0 {
		t.Fatalf("code %d", code)
	}
}

func TestMatchFlash1Data(t *testing.T) {
	root := os.Getenv("TICKCAST_DATA")
	if root == "" {
		t.Skip("TICKCAST_DATA is not set: no recorded data")
	}
	code, out, errs := command("", "match", "--format", "flash1", filepath.Join(root, "flash1/normal_s23.cols.gz"))
	const hash = "e9b2e3926854410b01a035aeb25dd05f1e597c233be8263de9eb49b6713d367e"
	if code != 0 || !regexp.MustCompile(`^[0-9.]+ ns/message\nsha256 `+hash+`\n$`).MatchString(out) {
		t.Fatalf("code %d, %q, %q", code, out, errs)
	}
}
