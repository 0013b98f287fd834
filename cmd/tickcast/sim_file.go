package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"tickcast/marketsim/export"
	"tickcast/wire"
)

// tapeFile is where a tape is written: one file, standard output, or LOBSTER's
// many. A nil tapeFile takes everything and keeps nothing.
type tapeFile struct {
	w     export.Writer
	files []*os.File // to be closed
}

// open makes the files of --out; none without it.
func (c *simCmd) open(e *env, instruments []wire.Instrument) (*tapeFile, error) {
	if c.Out == "" {
		return nil, nil
	}
	format, err := export.ParseFormat(c.Format)
	if err != nil {
		return nil, err
	}
	t := &tapeFile{}
	switch {
	case format == export.LOBSTER:
		prefix := strings.TrimSuffix(c.Out, ".csv") + "_"
		t.w, err = export.NewLOBSTER(instruments, func(name string) (io.Writer, error) { return t.create(prefix + name) })
	case c.Out == "-":
		t.w, err = export.New(format, e.stdout, instruments)
	default:
		var f io.Writer
		if f, err = t.create(c.Out); err == nil {
			t.w, err = export.New(format, f, instruments)
		}
	}
	if err != nil {
		t.w = nil
		return nil, errors.Join(err, t.close())
	}
	return t, nil
}

func (t *tapeFile) create(name string) (io.Writer, error) {
	f, err := os.Create(name)
	if err != nil {
		return nil, err
	}
	t.files = append(t.files, f)
	return f, nil
}

func (t *tapeFile) write(b *wire.Batch) error {
	if t == nil {
		return nil
	}
	if err := t.w.Write(b); err != nil {
		t.w = nil // the error is told once
		return fmt.Errorf("write the tape: %w", err)
	}
	return nil
}

// close writes what is buffered and closes the files.
func (t *tapeFile) close() error {
	if t == nil {
		return nil
	}
	var errs []error
	if t.w != nil {
		if err := t.w.Close(); err != nil {
			errs = append(errs, fmt.Errorf("write the tape: %w", err))
		}
	}
	for _, f := range t.files {
		errs = append(errs, f.Close())
	}
	return errors.Join(errs...)
}
