package main

import (
	"fmt"
	"io"
	"time"
)

// progress is a line on standard error that is rewritten once a second while a
// long file is worked on. Nothing is written during the first second.
type progress struct {
	w       io.Writer
	what    string // what is counted
	started time.Time
	shown   time.Time
	done    int
}

// progressEvery is the number of items between two looks at the clock.
const progressEvery = 1 << 14

func newProgress(w io.Writer, what string) *progress {
	now := time.Now()
	return &progress{w: w, what: what, started: now, shown: now}
}

// due counts an item and reports whether the line is to be rewritten.
func (p *progress) due() bool {
	p.done++
	if p.done%progressEvery != 0 {
		return false
	}
	now := time.Now()
	if now.Sub(p.shown) < time.Second {
		return false
	}
	p.shown = now
	return true
}

// show rewrites the line; percent is -1 if unknown. A line that cannot be
// written does not end the work.
func (p *progress) show(percent int) {
	rate := float64(p.done) / time.Since(p.started).Seconds()
	of := ""
	if percent >= 0 {
		of = fmt.Sprintf(" (%d %%)", percent)
	}
	_, _ = fmt.Fprintf(p.w, "\r%d %s%s, %.0f/s ", p.done, p.what, of, rate)
}

// end finishes the line, if there is one.
func (p *progress) end() {
	if p.shown != p.started {
		p.show(-1)
		_, _ = fmt.Fprintln(p.w)
	}
}
