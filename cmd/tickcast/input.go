package main

import (
	"bufio"
	"compress/gzip"
	"fmt"
	"io"
	"os"
)

// input is a file argument: "-" is standard input, gzip is recognised by its
// content.
type input struct {
	io.Reader
	name  string
	file  *os.File // nil for standard input
	bytes *counter // read so far, compressed
}

// counter counts what passes.
type counter struct {
	r io.Reader
	n int64
}

func (c *counter) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.n += int64(n)
	return n, err
}

const inputBuffer = 256 << 10

func openInput(e *env, name string) (*input, error) {
	in := &input{name: name}
	var r io.Reader = e.stdin
	if name != "-" {
		file, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in.file, r = file, file
	}
	in.bytes = &counter{r: r}
	buffered := bufio.NewReaderSize(in.bytes, inputBuffer)
	in.Reader = buffered
	if magic, _ := buffered.Peek(2); len(magic) == 2 && magic[0] == 0x1f && magic[1] == 0x8b {
		zr, err := gzip.NewReader(buffered)
		if err != nil {
			in.Close()
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		in.Reader = bufio.NewReaderSize(zr, inputBuffer) // which tells an error after the data before it
	}
	return in, nil
}

// Close closes the file. Standard input stays open.
func (in *input) Close() {
	if in.file != nil {
		_ = in.file.Close() // it was only read
	}
}

// percent returns how much of the file has been read, -1 if its size is
// unknown.
func (in *input) percent() int {
	if in.file == nil {
		return -1
	}
	info, err := in.file.Stat()
	if err != nil || info.Size() == 0 {
		return -1
	}
	return int(in.bytes.n * 100 / info.Size())
}
