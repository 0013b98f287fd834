package export

import (
	"bufio"
	"fmt"
	"io"

	"tickcast/wire"
)

// Format is a way to write a tape. The zero Format is invalid.
type Format uint8

// The formats.
const (
	NDJSON  Format = iota + 1 // a JSON object a transaction
	Tape                      // wire's tape
	CSV                       // a row an event
	LOBSTER                   // a message file and an orderbook file a symbol
	Parquet                   // a row an event
)

var formatNames = [...]string{"invalid", "ndjson", "tape", "csv", "lobster", "parquet"}

// String returns the format's name as it stands on command lines.
func (f Format) String() string {
	if int(f) < len(formatNames) {
		return formatNames[f]
	}
	return formatNames[0]
}

// ParseFormat returns the format of a name.
func ParseFormat(name string) (Format, error) {
	for f := NDJSON; int(f) < len(formatNames); f++ {
		if formatNames[f] == name {
			return f, nil
		}
	}
	return 0, fmt.Errorf("export: no format %.32q", name)
}

// Writer takes the transactions of a market in order.
type Writer interface {
	// Write takes the transactions of a batch and keeps no reference to it.
	Write(b *wire.Batch) error
	// Close writes what is buffered. It does not close the file beneath.
	Close() error
}

// New returns the writer of a format that needs one file. LOBSTER needs more:
// see NewLOBSTER.
func New(f Format, w io.Writer, instruments []wire.Instrument) (Writer, error) {
	switch f {
	case NDJSON:
		return newText(w, instruments, appendJSON, ""), nil
	case CSV:
		return newText(w, instruments, appendCSV, csvHeader), nil
	case Tape:
		t := &tape{w: bufio.NewWriterSize(w, bufferBytes)}
		_, err := t.w.Write(wire.AppendTapeHeader(nil, instruments))
		return t, err
	case Parquet:
		return newParquet(w, instruments), nil
	default:
		return nil, fmt.Errorf("export: format %s has no single file", f)
	}
}

const bufferBytes = 256 << 10

// tape writes wire's tape.
type tape struct {
	w   *bufio.Writer
	buf []byte
}

func (t *tape) Write(b *wire.Batch) error {
	t.buf = wire.AppendTapeBlock(t.buf[:0], b)
	_, err := t.w.Write(t.buf)
	return err
}

func (t *tape) Close() error { return t.w.Flush() }
