package main

import (
	"fmt"
	"io"
	"strings"
	"sync"
	"time"

	"github.com/HdrHistogram/hdrhistogram-go"

	"tickcast/feed/client"
)

// tailStats counts frames and their latencies, and prints a line every second.
type tailStats struct {
	mu       sync.Mutex // guards all below: the reader counts, the printer reads
	current  tailCounts // since the last line
	total    tailCounts
	distinct int // streams seen
}

// tailCounts is what came in some time.
type tailCounts struct {
	frames, bytes int64
	gaps          int64
	replaced      uint64 // frames conflated
	tp, ts        *hdrhistogram.Histogram
}

// statsEvery is the time between two lines.
const statsEvery = time.Second

// statsMax is the longest latency told from longer ones, in microseconds.
const statsMax = 60_000_000

func newTailCounts() tailCounts {
	return tailCounts{tp: hdrhistogram.New(1, statsMax, 2), ts: hdrhistogram.New(1, statsMax, 2)}
}

func newTailStats() *tailStats {
	return &tailStats{current: newTailCounts(), total: newTailCounts()}
}

// frame counts a data frame that was just received. One that was published
// before this client subscribed (old) has no latency.
func (s *tailStats) frame(f client.Frame, clock *client.Clock, old bool) {
	now := time.Now().UnixMicro()
	s.mu.Lock()
	defer s.mu.Unlock()
	c := &s.current
	c.frames++
	c.bytes += int64(len(f.Raw))
	if old {
		return
	}
	if f.TP > 0 {
		record(c.tp, now-f.TP)
	}
	if f.TS > 0 && clock.Speed == 1 {
		record(c.ts, now-clock.Due(f.TS))
	}
}

// record counts what is out of range at the range's end: clocks may differ.
func record(h *hdrhistogram.Histogram, us int64) {
	_ = h.RecordValue(min(max(us, 0), statsMax)) // within its range
}

func (s *tailStats) gap() {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.gaps++
}

func (s *tailStats) conflated(frames uint64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.current.replaced += frames
}

func (s *tailStats) streams(n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.distinct = n
}

// start prints a line every second until the function that it returns is
// called, which prints the last line, over all the time.
func (s *tailStats) start(w io.Writer, live bool) (stop func()) {
	quit, done := make(chan struct{}), make(chan struct{})
	began := time.Now()
	end := "\n"
	begin := ""
	if live {
		begin, end = redraw, ""
	}
	go func() {
		defer close(done)
		tick := time.NewTicker(statsEvery)
		defer tick.Stop()
		for last := began; ; {
			select {
			case <-quit:
				return
			case now := <-tick.C:
				_, _ = fmt.Fprint(w, begin, s.line(now.Sub(last)), end)
				last = now
			}
		}
	}()
	return func() {
		close(quit)
		<-done
		_, _ = fmt.Fprint(w, begin, s.summary(time.Since(began)), "\n")
	}
}

// line returns the counts since the last line, which took d.
func (s *tailStats) line(d time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	text := s.current.text(d, s.distinct)
	s.turn()
	return text
}

// summary returns the counts of all the time.
func (s *tailStats) summary(d time.Duration) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn()
	return fmt.Sprintf("total %d frames in %v: %s", s.total.frames, d.Round(time.Millisecond), s.total.text(d, s.distinct))
}

// turn adds the current counts to the total and begins anew; mu is held.
func (s *tailStats) turn() {
	c, t := &s.current, &s.total
	t.frames += c.frames
	t.bytes += c.bytes
	t.gaps += c.gaps
	t.replaced += c.replaced
	t.tp.Merge(c.tp)
	t.ts.Merge(c.ts)
	c.tp.Reset()
	c.ts.Reset()
	s.current = tailCounts{tp: c.tp, ts: c.ts}
}

func (c *tailCounts) text(d time.Duration, streams int) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%.0f frames/s  %.1f kB/s  %d streams  %d gaps", float64(c.frames)/d.Seconds(),
		float64(c.bytes)/1000/d.Seconds(), streams, c.gaps)
	if c.replaced > 0 {
		fmt.Fprintf(&b, "  %d conflated", c.replaced)
	}
	latency(&b, "tp", c.tp)
	latency(&b, "ts", c.ts)
	return b.String()
}

func latency(b *strings.Builder, name string, h *hdrhistogram.Histogram) {
	if h.TotalCount() == 0 {
		return
	}
	ms := func(us int64) float64 { return float64(us) / 1000 }
	fmt.Fprintf(b, "  %s ms p50 %.3g p99 %.3g max %.3g", name, ms(h.ValueAtQuantile(50)), ms(h.ValueAtQuantile(99)), ms(h.Max()))
}
