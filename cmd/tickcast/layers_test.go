package main

import (
	"go/ast"
	"path"
	"slices"
	"strconv"
	"strings"
	"testing"
)

// layer is a row of the import table: what a folder, with every package
// beneath it that has no row of its own, may import. Tests are free: a client
// is tested against a server.
type layer struct {
	folder string
	own    []string // packages of this module besides itself
	never  []ban    // whatever else is forbidden, or why own is so short

	// still packages start no goroutines: their callers own all concurrency.
	still bool

	// outside, unless nil, is all that it may import besides the standard
	// library and own.
	outside []string
}

// ban is an import path, with everything beneath it, and why it is forbidden.
type ban struct{ path, reason string }

// layers is the import table, from the ground up: imports go down only.
var layers = []layer{
	{
		folder:  "wire",
		still:   true,
		outside: []string{"github.com/shopspring/decimal"},
		never: []ban{
			{"log", "wire never logs"},
			{"net", "wire is bytes, it never holds a socket"},
		},
	},
	{
		folder:  "orderbook",
		still:   true,
		own:     []string{"wire"},
		outside: []string{},
		never: []ban{
			{"github.com/shopspring/decimal", "a book counts in increments; decimals live at the edges"},
			{"sync", "a book has one owner and no locks"},
			{"time", "time is an input of a book, in nanoseconds"},
			{"os", "a book does no input or output"},
			{"net", "a book does no input or output"},
			{"log", "a book reports events, it never logs"},
		},
	},
	{
		folder: "marketsim",
		own:    []string{"orderbook", "wire"},
		never: []ban{
			{"tickcast/feed", "marketsim and feed never meet: cmd passes a publish function"},
			{"github.com/valyala/fasthttp", "the simulator serves nobody"},
			{"net", "the simulator serves nobody"},
		},
	},
	{
		folder: "feed",
		own:    []string{"orderbook", "wire"},
		never: []ban{
			{"tickcast/marketsim", "marketsim and feed never meet: cmd passes a publish function"},
			{"tickcast/feed", "the core knows neither its server nor its clients"},
			{"github.com/valyala/fasthttp", "HTTP belongs to feed/server"},
			{"net/http", "HTTP belongs to feed/server"},
		},
	},
	{
		folder: "feed/client",
		own:    []string{"orderbook", "wire"},
		never: []ban{
			{"tickcast/feed", "a client is linked into other people's programs, without the core or the server"},
		},
	},
	{
		folder: "feed/relay",
		own:    []string{"orderbook", "wire"},
		never: []ban{
			{"tickcast/feed", "the relay takes a publish function and gives a tap"},
		},
	},
	{
		folder:  "feed/web",
		outside: []string{},
		never: []ban{
			{"tickcast", "the page and the TypeScript client are files; they speak the protocol only"},
		},
	},
	{
		folder: "feed/server",
		own:    []string{"feed", "feed/web", "orderbook", "wire"},
		never: []ban{
			{"tickcast/marketsim", "marketsim and feed never meet: cmd passes a publish function"},
			{"tickcast/feed/client", "a server does not need its client"},
		},
	},
	{
		folder: "bench",
		own:    []string{"feed/client", "wire"},
		never: []ban{
			{"tickcast/feed", "bench measures through the client, as users do"},
		},
	},
	{
		folder: "cmd/tickcast",
		own:    []string{"bench", "feed", "feed/client", "feed/relay", "feed/server", "feed/web", "marketsim", "orderbook", "wire"},
	},
}

func TestImportsGoDown(t *testing.T) {
	for _, f := range moduleFiles(t) {
		l := layerOf(f.dir())
		if l == nil {
			t.Errorf("%s: no row of the import table has a place for this package", f.path)
			continue
		}
		if f.test() {
			continue
		}
		for _, spec := range f.syntax.Imports {
			imported, err := strconv.Unquote(spec.Path.Value)
			if err != nil {
				t.Fatalf("%s: import %s: %v", f.path, spec.Path.Value, err)
			}
			if reason := l.forbids(imported); reason != "" {
				t.Errorf("%s imports %s: %s", f.path, imported, reason)
			}
		}
	}
}

func TestStillPackages(t *testing.T) {
	for _, f := range moduleFiles(t) {
		if l := layerOf(f.dir()); l == nil || !l.still || f.test() {
			continue
		}
		ast.Inspect(f.syntax, func(n ast.Node) bool {
			if _, ok := n.(*ast.GoStmt); ok {
				t.Errorf("%s starts a goroutine; want none in this layer", f.lines.Position(n.Pos()))
			}
			return true
		})
	}
}

// TestLayers shows the table at work, so that a row which allows everything
// is noticed.
func TestLayers(t *testing.T) {
	check := func(dir, imported string, wantAllowed bool) {
		t.Helper()
		if reason := layerOf(dir).forbids(imported); (reason == "") != wantAllowed {
			t.Errorf("%s imports %s: got reason %q; want allowed %t", dir, imported, reason, wantAllowed)
		}
	}
	check("wire", "strconv", true)
	check("wire", "github.com/shopspring/decimal", true)
	check("wire", "github.com/rs/zerolog", false)
	check("wire", "tickcast/orderbook", false)
	check("wire", "log/slog", false)
	check("orderbook", "tickcast/wire", true)
	check("orderbook", "time", false)
	check("orderbook", "github.com/shopspring/decimal", false)
	check("marketsim", "tickcast/feed", false)
	check("marketsim/flow", "tickcast/marketsim", true)
	check("feed", "tickcast/feed/server", false)
	check("feed", "net", true)
	check("feed", "net/http", false)
	check("feed/client", "tickcast/feed", false)
	check("feed/client", "tickcast/wire", true)
	check("feed/server", "tickcast/feed", true)
	check("feed/server", "tickcast/bench", false)
	check("feed/web", "github.com/valyala/fasthttp", false)
	check("bench", "tickcast/feed/server", false)
	check("bench", "tickcast/feed/client", true)
	check("cmd/tickcast", "tickcast/feed/server", true)
}

// layerOf returns the row of the nearest folder that has one, or nil.
func layerOf(dir string) *layer {
	for ; dir != "."; dir = path.Dir(dir) {
		for i := range layers {
			if layers[i].folder == dir {
				return &layers[i]
			}
		}
	}
	return nil
}

// forbids returns why the layer may not import a package, "" if it may.
func (l *layer) forbids(imported string) string {
	own, isOwn := strings.CutPrefix(imported, "tickcast/")
	if isOwn && l.allowsOwn(own) {
		return ""
	}
	for _, b := range l.never {
		if beneath(imported, b.path) {
			return b.reason
		}
	}
	if isOwn {
		return "imports go down only"
	}
	root, _, _ := strings.Cut(imported, "/")
	if l.outside == nil || !strings.Contains(root, ".") {
		return "" // any library, or the standard one
	}
	for _, allowed := range l.outside {
		if beneath(imported, allowed) {
			return ""
		}
	}
	return "not one of the libraries of this layer"
}

func (l *layer) allowsOwn(dir string) bool {
	to := layerOf(dir)
	return to != nil && (to == l || slices.Contains(l.own, to.folder))
}

func beneath(imported, parent string) bool {
	return imported == parent || strings.HasPrefix(imported, parent+"/")
}
