package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strings"

	"tickcast/marketsim"
)

type replayCmd struct {
	File     string `arg:"" help:"Recorded messages, or '-' for standard input; may be gzipped."`
	Format   string `enum:"lobster,pitch,itch,binance" required:"" help:"lobster, pitch, itch or binance."`
	Levels   int    `default:"10" help:"Levels a side to print."`
	Symbol   string `help:"Print this symbol only."`
	SeedBook string `help:"LOBSTER orderbook file whose first row opens the book; may be gzipped."`
}

// Run rebuilds the books and prints one row a message.
func (c *replayCmd) Run(e *env) error {
	if c.Levels < 1 {
		return fmt.Errorf("replay: %d levels", c.Levels)
	}
	in, err := openInput(e, c.File)
	if err != nil {
		return fmt.Errorf("replay: %w", err)
	}
	defer in.Close()
	if err := c.replay(e, in); err != nil {
		return fmt.Errorf("replay %s: %w", c.File, err)
	}
	return nil
}

func (c *replayCmd) replay(e *env, in *input) error {
	p, err := openReplay(e, in, c.Format, c.SeedBook)
	if err != nil {
		return err
	}
	only := strings.ToUpper(c.Symbol)
	if c.Format == marketsim.ReplayLOBSTER.String() {
		only = "" // the symbol is in the name of the file, which has no other
	}
	rows := newRowPrinter(e.stdout, only)
	price, qty := p.Scales()
	w := marketsim.RowWriter{Levels: c.Levels, PriceExp: price, QtyExp: qty}
	line := newProgress(e.stderr, "messages")
	var text []byte
	for {
		m, err := p.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			text, err = rows.print(&w, text[:0], m)
		}
		if err != nil {
			return errors.Join(err, rows.flush())
		}
		if err := line.step(e.ctx, in.percent); err != nil {
			return err
		}
	}
	line.end()
	if only != "" && rows.printed == 0 {
		return fmt.Errorf("no message of %d is of %s", p.Records(), only)
	}
	fmt.Fprintf(e.stderr, "%d messages, %d symbols, %d orders live at the end, %d unknown references\n",
		p.Records(), p.Symbols(), p.Live(), p.Unknown())
	return rows.flush()
}

// openReplay replays in, which must stay open; the file of the seed book, "" for
// none, is read at once.
func openReplay(e *env, in *input, formatName, seedBook string) (*marketsim.Replay, error) {
	format, err := marketsim.ParseReplayFormat(formatName)
	if err != nil {
		return nil, err
	}
	if seedBook == "" {
		return marketsim.NewReplay(in, format, nil)
	}
	seed, err := openInput(e, seedBook)
	if err != nil {
		return nil, err
	}
	defer seed.Close()
	return marketsim.NewReplay(in, format, seed)
}

// rowPrinter writes a row a message. The rows of a many-symbol recording begin
// with the symbol, so the first ones are held until a second symbol appears.
type rowPrinter struct {
	out    *bufio.Writer
	only   string
	first  string // the one symbol so far
	held   []byte // its rows
	starts []heldRow
	state  rowState

	printed int // rows
}

type heldRow struct {
	at    int
	first bool // of the first symbol, not of none
}

type rowState uint8

const (
	rowsHeld   rowState = iota + 1 // one symbol so far
	rowsPlain                      // without symbols
	rowsNaming                     // with symbols
)

// heldBytesMax bounds the rows held; a recording with one symbol that far is
// taken for one that has no other.
const heldBytesMax = 64 << 20

var errSecondSymbol = errors.New("a second symbol this late: pick one with --symbol")

func newRowPrinter(w io.Writer, only string) *rowPrinter {
	p := &rowPrinter{out: bufio.NewWriterSize(w, 256<<10), only: only, state: rowsHeld}
	if only != "" {
		p.state = rowsPlain
	}
	return p
}

func (p *rowPrinter) print(w *marketsim.RowWriter, text []byte, m *marketsim.Message) ([]byte, error) {
	symbol := ""
	if m.Book != nil {
		symbol = m.Book.Symbol
	}
	if p.only != "" && symbol != p.only {
		return text, nil
	}
	p.printed++
	if symbol != "" && p.only == "" && symbol != p.first {
		if err := p.another(symbol); err != nil {
			return text, err
		}
	}
	if p.state == rowsNaming {
		text = append(append(text, symbol...), ',')
	}
	if m.Book != nil {
		text = w.AppendRow(text, m.Book.Book)
	} else {
		text = w.AppendRow(text, nil)
	}
	text = append(text, '\n')
	if p.state != rowsHeld {
		_, err := p.out.Write(text)
		return text, err
	}
	p.starts = append(p.starts, heldRow{len(p.held), symbol != ""})
	if p.held = append(p.held, text...); len(p.held) > heldBytesMax {
		return text, p.release(rowsPlain)
	}
	return text, nil
}

// another notes a symbol that is not the first.
func (p *rowPrinter) another(symbol string) error {
	switch {
	case p.first == "":
		p.first = symbol
	case p.state == rowsHeld:
		return p.release(rowsNaming)
	case p.state == rowsPlain:
		return errSecondSymbol
	}
	return nil
}

// release writes the rows held.
func (p *rowPrinter) release(state rowState) error {
	p.state = state
	for i, row := range p.starts {
		end := len(p.held)
		if i+1 < len(p.starts) {
			end = p.starts[i+1].at
		}
		if state == rowsNaming {
			if row.first {
				p.out.WriteString(p.first)
			}
			p.out.WriteByte(',')
		}
		p.out.Write(p.held[row.at:end])
	}
	p.held, p.starts = nil, nil
	return p.out.Flush()
}

func (p *rowPrinter) flush() error {
	if p.state == rowsHeld {
		return p.release(rowsPlain)
	}
	return p.out.Flush()
}
