package main

import (
	"context"
	"fmt"
	"io"
	"strings"
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
	barred  bool // the line is a bar
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
	return p.done%progressEvery == 0 && p.overdue()
}

// add counts n items and reports likewise.
func (p *progress) add(n int) bool {
	p.done += n
	return p.overdue()
}

func (p *progress) overdue() bool {
	now := time.Now()
	if now.Sub(p.shown) < time.Second {
		return false
	}
	p.shown = now
	return true
}

// step counts an item and, if it is time to, rewrites the line and returns
// whether ctx has ended.
func (p *progress) step(ctx context.Context, percent func() int) error {
	if !p.due() {
		return nil
	}
	p.show(percent())
	return ctx.Err()
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

// advance counts n items, which make a share of the whole, and rewrites the line
// if it is time to: a bar, the rate and the time left.
func (p *progress) advance(n int, share float64) {
	if !p.add(n) {
		return
	}
	took := p.shown.Sub(p.started)
	left := "?"
	if share > 0 {
		left = time.Duration(float64(took) * (1/share - 1)).Round(time.Second).String()
	}
	filled := min(int(share*barCells), barCells)
	_, _ = fmt.Fprintf(p.w, "\r[%s%s] %3.0f %%, %d %s, %.2f M/s, %s left   ",
		strings.Repeat("#", filled), strings.Repeat(".", barCells-filled), 100*share,
		p.done, p.what, float64(p.done)/took.Seconds()/1e6, left)
	p.barred = true
}

const barCells = 24

// end finishes the line, if there is one.
func (p *progress) end() {
	if p.shown == p.started {
		return
	}
	if !p.barred {
		p.show(-1)
	}
	_, _ = fmt.Fprintln(p.w)
}
