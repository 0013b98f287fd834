package main

import (
	"bytes"
	"go/ast"
	"go/parser"
	"go/token"
	"io/fs"
	"os"
	"path"
	"path/filepath"
	"slices"
	"strings"
	"testing"
)

const (
	fileLinesMax     = 500 // a file is read in one go
	functionLinesMax = 70  // a function is seen on one screen
)

// topLevel is what a visitor sees first: nothing may hide what the project is.
var topLevel = []string{"feed", "orderbook", "marketsim", "wire", "bench", "cmd", "go.mod", "go.sum", "README.md"}

// shapeless are names that say nothing about what is inside, so that anything
// ends up there.
var shapeless = []string{"util", "utils", "common", "types", "helpers", "misc", "internal", "pkg"}

func TestTopLevel(t *testing.T) {
	entries, err := os.ReadDir(moduleRoot)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		name := e.Name()
		built := name == "tickcast" && !e.IsDir() // go build ./cmd/tickcast
		if !built && !skipped(name) && !slices.Contains(topLevel, name) {
			t.Errorf("%s: not one of the top-level entries %s", name, strings.Join(topLevel, " "))
		}
	}
}

func TestNames(t *testing.T) {
	for _, f := range moduleFiles(t) {
		name := strings.TrimSuffix(strings.TrimSuffix(path.Base(f.path), ".go"), "_test")
		for _, part := range append(strings.Split(f.dir(), "/"), name) {
			if slices.Contains(shapeless, part) {
				t.Errorf("%s: the name %q says nothing", f.path, part)
			}
		}
	}
}

// TestPackageComments wants a package comment in doc.go; a command has it at
// its main function.
func TestPackageComments(t *testing.T) {
	documented := map[string]bool{}
	for _, f := range moduleFiles(t) {
		if f.test() {
			continue
		}
		home, begins := "doc.go", "Package "+f.syntax.Name.Name+" "
		if f.syntax.Name.Name == "main" {
			home, begins = "main.go", "Command "
		}
		here := path.Base(f.path) == home && strings.HasPrefix(f.syntax.Doc.Text(), begins)
		documented[f.dir()] = documented[f.dir()] || here
		if f.syntax.Doc != nil && !here {
			t.Errorf("%s: the package comment belongs to %s and begins with %q", f.path, home, begins)
		}
	}
	for dir, ok := range documented {
		if !ok {
			t.Errorf("%s: no package comment", dir)
		}
	}
}

func TestFileLengths(t *testing.T) {
	for _, f := range moduleFiles(t) {
		checkFileLength(t, f.path, f.text)
	}
	walk(t, func(name string) {
		if path.Ext(name) == ".ts" {
			checkFileLength(t, name, read(t, name))
		}
	})
}

func checkFileLength(t *testing.T, name string, text []byte) {
	t.Helper()
	if n := bytes.Count(text, []byte("\n")); n > fileLinesMax {
		t.Errorf("%s: got %d lines; want at most %d", name, n, fileLinesMax)
	}
}

func TestFunctionLengths(t *testing.T) {
	for _, f := range moduleFiles(t) {
		for _, d := range f.syntax.Decls {
			fn, ok := d.(*ast.FuncDecl)
			if !ok || fn.Body == nil {
				continue
			}
			first, last := f.lines.Position(fn.Body.Lbrace).Line, f.lines.Position(fn.Body.Rbrace).Line
			if n := last - first - 1; n > functionLinesMax {
				t.Errorf("%s:%d: %s has %d lines; want at most %d", f.path, first, fn.Name.Name, n, functionLinesMax)
			}
		}
	}
}

// moduleRoot is the root of the module, seen from this package's folder.
const moduleRoot = "../.."

// sourceFile is a Go file of the module that was written by hand.
type sourceFile struct {
	path   string // from the module's root, with slashes
	text   []byte
	syntax *ast.File
	lines  *token.FileSet
}

func (f *sourceFile) dir() string { return path.Dir(f.path) }

func (f *sourceFile) test() bool { return strings.HasSuffix(f.path, "_test.go") }

// moduleFiles parses every Go file of the module for whatever system, without
// the generated ones.
func moduleFiles(t *testing.T) []sourceFile {
	t.Helper()
	var files []sourceFile
	walk(t, func(name string) {
		if path.Ext(name) != ".go" {
			return
		}
		f := sourceFile{path: name, text: read(t, name), lines: token.NewFileSet()}
		var err error
		f.syntax, err = parser.ParseFile(f.lines, name, f.text, parser.ParseComments|parser.SkipObjectResolution)
		if err != nil {
			t.Fatal(err)
		}
		if !ast.IsGenerated(f.syntax) {
			files = append(files, f)
		}
	})
	if len(files) == 0 {
		t.Fatal("no Go files found: the walk is broken")
	}
	return files
}

// walk calls visit with each file of the module, its path seen from the root.
func walk(t *testing.T, visit func(name string)) {
	t.Helper()
	err := fs.WalkDir(os.DirFS(moduleRoot), ".", func(name string, d fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return err
		case name != "." && skipped(d.Name()):
			if d.IsDir() {
				return fs.SkipDir
			}
		case d.Type().IsRegular():
			visit(name)
		}
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
}

// skipped tells hidden files, data of tests, and what .gitignore names.
func skipped(name string) bool {
	switch path.Ext(name) {
	case ".test", ".out", ".prof":
		return true
	}
	return name == "testdata" || name == "node_modules" || name == "tickcast.exe" || strings.HasPrefix(name, ".")
}

func read(t *testing.T, name string) []byte {
	t.Helper()
	text, err := os.ReadFile(filepath.Join(moduleRoot, filepath.FromSlash(name)))
	if err != nil {
		t.Fatal(err)
	}
	return text
}
