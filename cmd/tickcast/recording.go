package main

import (
	"errors"
	"fmt"
	"io"
	"math"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"tickcast/marketsim"
	"tickcast/wire"
)

// recordingFlags say which recording is served.
type recordingFlags struct {
	Replay   string `help:"Recorded messages for --source replay; may be gzipped (${env})." placeholder:"FILE"`
	Format   string `default:"" enum:",lobster,pitch,itch,binance,tape" help:"Of --replay: lobster, pitch, itch, binance or tape (${env})."`
	SeedBook string `help:"LOBSTER orderbook file whose first row opens the book; may be gzipped (${env})." placeholder:"FILE"`
}

// formatTape is the format of sim --format tape, which is no format of an
// exchange.
const formatTape = "tape"

// openRecording makes the recording the market of s. It is read twice: once to
// find a bad record, and the symbols, before anything is served.
func (f *recordingFlags) openRecording(e *env, s *pacedSource) error {
	switch {
	case f.Replay == "" || f.Format == "":
		return errors.New("serve: --source replay wants --replay FILE and --format")
	case f.Replay == "-":
		return errors.New("serve: --replay -: a recording is read twice; want a file, not standard input")
	case f.Format == formatTape && f.SeedBook != "":
		return errors.New("serve: --seed-book is for --format lobster")
	}
	for _, name := range []string{f.Replay, f.SeedBook} {
		if err := checkRegular(name); err != nil {
			return fmt.Errorf("serve: replay %s: %w", name, err)
		}
	}
	open := f.openMessages
	if f.Format == formatTape {
		open = f.openTape
	}
	market, err := open(e, s)
	if err != nil {
		return fmt.Errorf("serve: replay %s: %w", f.Replay, err)
	}
	s.market, s.broken = market, market.Err
	return nil
}

// checkRegular refuses what cannot be read twice, a pipe for example. There may be
// no name.
func checkRegular(name string) error {
	if name == "" {
		return nil
	}
	info, err := os.Stat(name)
	if err == nil && !info.Mode().IsRegular() {
		err = errors.New("a recording is read twice; want a file")
	}
	return err
}

// openMessages opens a recording of an exchange's messages.
func (f *recordingFlags) openMessages(e *env, s *pacedSource) (*marketsim.Recording, error) {
	first, err := openInput(e, f.Replay)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	p, err := openReplay(e, first, f.Format, f.SeedBook)
	if err != nil {
		return nil, err
	}
	survey := marketsim.NewSurvey(p)
	line := newProgress(e.stderr, "messages")
	defer line.end()
	for {
		if err := survey.Next(); errors.Is(err, io.EOF) {
			break
		} else if err != nil {
			return nil, err
		}
		if err := line.step(e.ctx, first.percent); err != nil {
			return nil, err
		}
	}
	if s.file, err = openInput(e, f.Replay); err != nil {
		return nil, err
	}
	if p, err = openReplay(e, s.file, f.Format, f.SeedBook); err != nil {
		return nil, err
	}
	return marketsim.NewRecording(p, survey, lobsterSymbol(f.Replay))
}

// openTape opens a tape of our own.
func (f *recordingFlags) openTape(e *env, s *pacedSource) (*marketsim.Recording, error) {
	first, err := openInput(e, f.Replay)
	if err != nil {
		return nil, err
	}
	defer first.Close()
	r, err := marketsim.NewTapeRecording(first)
	if err != nil {
		return nil, err
	}
	line := newProgress(e.stderr, "transactions")
	defer line.end()
	var b wire.Batch
	for r.Next() < math.MaxInt64 {
		b.Reset()
		r.Step(&b, math.MaxInt64, stepTxnsMax)
		if line.add(len(b.Txns)) {
			line.show(first.percent())
		}
		if err := e.ctx.Err(); err != nil {
			return nil, err
		}
	}
	if err := r.Err(); err != nil {
		return nil, err
	}
	if s.file, err = openInput(e, f.Replay); err != nil {
		return nil, err
	}
	return marketsim.NewTapeRecording(s.file)
}

var lobsterDate = regexp.MustCompile(`^\d{4}-\d\d-\d\d$`)

// lobsterSymbol returns the symbol in the name of a LOBSTER message file,
// AAPL_2012-06-21_34200000_57600000_message_50.csv, or in one that sim wrote,
// day_BTCUSDT_message_10.csv; "" if it has none.
func lobsterSymbol(file string) string {
	name, _, ok := strings.Cut(filepath.Base(file), "_message")
	if !ok {
		return ""
	}
	parts := strings.Split(name, "_")
	for i, part := range parts {
		if i > 0 && lobsterDate.MatchString(part) {
			return parts[i-1]
		}
	}
	return parts[len(parts)-1]
}
