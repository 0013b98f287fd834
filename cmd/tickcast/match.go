package main

import (
	"bufio"
	"bytes"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"
	"math"
	"time"

	"tickcast/orderbook"
	"tickcast/wire"
)

type matchCmd struct {
	File   string `arg:"" help:"Script of commands, or '-' for standard input; may be gzipped."`
	Format string `enum:"script,flash1" default:"script" help:"script (text commands) or flash1 (columns of the public workload)."`
	Top    bool   `help:"Print the top of the book after every command."`
	NS     bool   `name:"ns" help:"Print ns a command and a SHA-256 of the reports instead of them."`

	Tick     int64 `default:"1" help:"Prices must be multiples of it."`
	Lot      int64 `default:"1" help:"Quantities must be multiples of it."`
	MinQty   int64 `help:"Smallest quantity of an order."`
	MaxQty   int64 `help:"Largest quantity of an order."`
	MinPrice int64 `help:"Lowest price; 0 means 1."`
	MaxPrice int64 `help:"Highest price."`
}

func (c *matchCmd) book() (*orderbook.Book, error) {
	return orderbook.New(orderbook.Config{
		Tick: wire.Price(c.Tick), Lot: wire.Qty(c.Lot),
		MinQty: wire.Qty(c.MinQty), MaxQty: wire.Qty(c.MaxQty),
		MinPrice: wire.Price(c.MinPrice), MaxPrice: wire.Price(c.MaxPrice),
		OutsideIDs: true,
	})
}

// Run executes a script on one book and prints the reports.
func (c *matchCmd) Run(e *env) error {
	in, err := openInput(e, c.File)
	if err != nil {
		return fmt.Errorf("match: %w", err)
	}
	defer in.Close()
	switch {
	case c.Format == "flash1":
		err = c.flash1(e, in)
	case c.NS:
		err = c.measure(e, in)
	default:
		err = c.script(e, in)
	}
	if err != nil {
		return fmt.Errorf("match %s: %w", c.File, err)
	}
	return nil
}

// script reports as it reads, so that it serves a pipe.
func (c *matchCmd) script(e *env, in *input) error {
	book, err := c.book()
	if err != nil {
		return err
	}
	out := bufio.NewWriterSize(e.stdout, 64<<10)
	p := newProgress(e.stderr, "commands")
	var events []wire.Event
	var text []byte
	err = eachCommand(answering{in, out}, func(i int, command *orderbook.Command) error {
		events = book.Do(events[:0], command)
		text = c.appendReports(text[:0], book, i, events)
		if _, err := out.Write(text); err != nil {
			return err
		}
		return p.step(e.ctx, in.percent)
	})
	p.end()
	if flushErr := out.Flush(); err == nil {
		err = flushErr
	}
	return err
}

// answering writes out the reports so far before it waits for more commands, so
// that whoever sends them one at a time gets its answers.
type answering struct {
	in  io.Reader
	out *bufio.Writer
}

func (a answering) Read(p []byte) (int, error) {
	if err := a.out.Flush(); err != nil {
		return 0, err
	}
	return a.in.Read(p)
}

func (c *matchCmd) appendReports(text []byte, book *orderbook.Book, i int, events []wire.Event) []byte {
	text = orderbook.AppendReports(text, i, events)
	if c.Top {
		text = orderbook.AppendTop(text, i, book.Top())
	}
	return text
}

// scriptBuffer is what is read at once, and more than the longest command.
const scriptBuffer = 64 << 10

// eachCommand calls f with the commands of a script and their line indices.
// Empty lines and comments (#) count as lines.
func eachCommand(r io.Reader, f func(i int, command *orderbook.Command) error) error {
	lines := bufio.NewScanner(r)
	lines.Buffer(make([]byte, 0, scriptBuffer), scriptBuffer)
	i := 0
	for ; lines.Scan(); i++ {
		if lines.Err() != nil {
			break // the line is cut off: it may read as another command
		}
		line := bytes.TrimSpace(lines.Bytes())
		if len(line) == 0 || line[0] == '#' {
			continue
		}
		command, err := orderbook.ParseCommand(line)
		if err != nil {
			return fmt.Errorf("line %d: %w", i+1, err)
		}
		if err := f(i, &command); err != nil {
			return err
		}
	}
	if err := lines.Err(); err != nil {
		return fmt.Errorf("line %d: %w", i+1, err)
	}
	return nil
}

// timedRuns is how often a script is timed; the fastest run counts, because
// whatever else the machine does only adds.
const timedRuns = 3

// fastest times a run of n commands through a new book and returns the shortest
// time.
func fastest(p *progress, n int, newBook func() (*orderbook.Book, error), play func(*orderbook.Book, []wire.Event) []wire.Event) (time.Duration, error) {
	best := time.Duration(math.MaxInt64)
	events := make([]wire.Event, 0, 1024)
	for range timedRuns {
		book, err := newBook()
		if err != nil {
			return 0, err
		}
		start := time.Now()
		events = play(book, events)
		best = min(best, time.Since(start))
		if p.add(n) {
			p.show(percentTimed(p.done, n))
		}
	}
	return best, nil
}

// percentTimed is the progress of the timed runs of n commands and of the one
// that is hashed.
func percentTimed(done, n int) int { return done * 100 / max((timedRuns+1)*n, 1) }

// measure runs the script for the clock alone, and then for the hash.
func (c *matchCmd) measure(e *env, in *input) error {
	commands, lines, err := readCommands(e, in)
	if err != nil {
		return err
	}
	p := newProgress(e.stderr, "commands timed")
	took, err := fastest(p, len(commands), c.book, func(book *orderbook.Book, events []wire.Event) []wire.Event {
		for n := range commands {
			events = book.Do(events[:0], &commands[n])
		}
		return events
	})
	if err != nil {
		return err
	}
	book, err := c.book()
	if err != nil {
		return err
	}
	sum := sha256.New()
	var events []wire.Event
	var text []byte
	for n := range commands {
		events = book.Do(events[:0], &commands[n])
		text = c.appendReports(text[:0], book, lines[n], events)
		sum.Write(text)
		if err := p.step(e.ctx, func() int { return percentTimed(p.done, len(commands)) }); err != nil {
			return err
		}
	}
	p.end()
	return printMeasure(e.stdout, took, len(commands), "op", sum)
}

// readCommands returns the commands of a script and their line indices.
func readCommands(e *env, in *input) (commands []orderbook.Command, lines []int, err error) {
	p := newProgress(e.stderr, "commands read")
	err = eachCommand(in, func(i int, command *orderbook.Command) error {
		commands, lines = append(commands, *command), append(lines, i)
		return p.step(e.ctx, in.percent)
	})
	p.end()
	return commands, lines, err
}

// flash1 runs the public workload likewise.
func (c *matchCmd) flash1(e *env, in *input) error {
	data, readErr := io.ReadAll(in)
	f, err := orderbook.ParseFlash1(data)
	switch {
	case readErr != nil && err != nil:
		return fmt.Errorf("%w: %w", readErr, err) // the second tells where
	case readErr != nil:
		return readErr
	case err != nil:
		return err
	}
	p := newProgress(e.stderr, "messages timed")
	took, err := fastest(p, f.Len(), f.NewBook, func(book *orderbook.Book, events []wire.Event) []wire.Event {
		for i := range f.Len() {
			events = f.Do(book, events[:0], i)
		}
		return events
	})
	if err != nil {
		return err
	}
	book, err := f.NewBook()
	if err != nil {
		return err
	}
	sum := sha256.New()
	var events []wire.Event
	var text []byte
	for i := range f.Len() {
		events = f.Do(book, events[:0], i)
		text = f.AppendReports(text[:0], i, events, i == 0)
		sum.Write(text)
		if err := p.step(e.ctx, func() int { return percentTimed(p.done, f.Len()) }); err != nil {
			return err
		}
	}
	p.end()
	return printMeasure(e.stdout, took, f.Len(), "message", sum)
}

func printMeasure(w io.Writer, took time.Duration, n int, unit string, sum hash.Hash) error {
	_, err := fmt.Fprintf(w, "%.1f ns/%s\nsha256 %x\n", float64(took.Nanoseconds())/float64(max(n, 1)), unit, sum.Sum(nil))
	return err
}
