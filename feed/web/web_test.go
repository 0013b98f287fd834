package web

import (
	"io/fs"
	"regexp"
	"strings"
	"testing"
	"testing/fstest"
)

const linesMax = 500 // as for every file of the project

func TestFiles(t *testing.T) {
	if err := fstest.TestFS(Files(), "index.html", "style.css", "app.js", "feed.js", "book.js"); err != nil {
		t.Fatal(err)
	}
	eachFile(t, func(name, text string) {
		if n := strings.Count(text, "\n"); n > linesMax {
			t.Errorf("%s: got %d lines; want at most %d", name, n, linesMax)
		}
	})
}

// TestSelfContained wants every file that a file names to be here.
func TestSelfContained(t *testing.T) {
	reference := regexp.MustCompile(`(?:src|href)="([^"]*)"|from '([^']*)'|url\(([^)]*)\)`)
	eachFile(t, func(name, text string) {
		if at := regexp.MustCompile(`(?i)(https?|wss?):?//`).FindString(text); at != "" {
			t.Errorf("%s: names another host: %q", name, at)
		}
		for _, match := range reference.FindAllStringSubmatch(text, -1) {
			target := strings.TrimPrefix(match[1]+match[2]+match[3], "./")
			if target == "data:," {
				continue
			}
			if _, err := fs.Stat(Files(), target); err != nil {
				t.Errorf("%s names %q: %v", name, target, err)
			}
		}
	})
}

// TestNothingInline wants what ContentSecurityPolicy forbids to be absent, and
// text from the feed never to be read as HTML.
func TestNothingInline(t *testing.T) {
	if strings.Contains(ContentSecurityPolicy, "unsafe") {
		t.Errorf("got policy %q; want nothing unsafe", ContentSecurityPolicy)
	}
	for _, forbidden := range []struct{ files, pattern string }{
		{".html", `(?i)\son\w+\s*=`},
		{".html", `(?i)\sstyle\s*=`},
		{".html", `(?i)<style`},
		{".html", `(?i)<script(>|\s[^>]*>[^<])`},
		{"", `(?i)javascript:`},
		{".js", `innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(|new Function`},
		{".js", `setAttribute\('(style|on)`},
		{".css", `@import`},
	} {
		pattern := regexp.MustCompile(forbidden.pattern)
		eachFile(t, func(name, text string) {
			if at := pattern.FindString(text); at != "" && strings.HasSuffix(name, forbidden.files) {
				t.Errorf("%s: got %q; want nothing that matches %s", name, at, pattern)
			}
		})
	}
}

// TestSaysSimulated wants the word over every panel: nobody may take a picture
// of one for a market.
func TestSaysSimulated(t *testing.T) {
	page, err := fs.ReadFile(Files(), "index.html")
	if err != nil {
		t.Fatal(err)
	}
	for _, heading := range regexp.MustCompile(`(?s)<(title|h2|footer).*?</(?:title|h2|footer)>`).FindAllString(string(page), -1) {
		if !strings.Contains(heading, "SIMULATED") {
			t.Errorf("got %q; want SIMULATED in it", heading)
		}
	}
}

func eachFile(t *testing.T, check func(name, text string)) {
	t.Helper()
	err := fs.WalkDir(Files(), ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		text, err := fs.ReadFile(Files(), name)
		check(name, string(text))
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
}
