package web

import (
	"embed"
	"io/fs"
)

// ContentSecurityPolicy is the header of that name with which every file of
// Files works: nothing inline, nothing from elsewhere, no framing.
const ContentSecurityPolicy = "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; " +
	"img-src data:; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

//go:embed page
var embedded embed.FS

// Files returns the page: index.html for "/", and the files that it names,
// which the browser asks for beside it. The contents never change while the
// process runs; any number of goroutines may read them.
func Files() fs.FS {
	files, err := fs.Sub(embedded, "page")
	if err != nil {
		panic(err) // the name is a constant
	}
	return files
}
