package torture

import (
	"bytes"
	"io"
	"strconv"
	"sync"
)

// tap reads a server's log: it counts the lines that tell of connections and
// passes on what is a warning or worse.
type tap struct {
	out io.Writer

	mu     sync.Mutex // guards all below
	rest   []byte     // of a line that is not complete
	begun  int64
	ends   map[int]int64 // by close code
	severe int           // lines of level error and worse
}

func newTap(out io.Writer) *tap { return &tap{out: out, ends: make(map[int]int64)} }

// Write implements io.Writer.
func (t *tap) Write(p []byte) (int, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.rest = append(t.rest, p...)
	for {
		line, rest, whole := bytes.Cut(t.rest, []byte("\n"))
		if !whole {
			break
		}
		t.line(line)
		t.rest = rest
	}
	t.rest = append([]byte(nil), t.rest...)
	return len(p), nil
}

func (t *tap) line(line []byte) {
	switch {
	case bytes.Contains(line, []byte(`"message":"connected"`)):
		t.begun++
	case bytes.Contains(line, []byte(`"message":"disconnected"`)):
		_, after, _ := bytes.Cut(line, []byte(`"code":`))
		digits, _, _ := bytes.Cut(after, []byte(","))
		code, _ := strconv.Atoi(string(digits)) // 0: a line without a code
		t.ends[code]++
	case bytes.Contains(line, []byte(`"level":"info"`)), bytes.Contains(line, []byte(`"level":"debug"`)):
	default:
		if !bytes.Contains(line, []byte(`"level":"warn"`)) {
			t.severe++
		}
		if t.out != nil {
			_, _ = t.out.Write(append(line, '\n')) // nobody is left to tell
		}
	}
}

// logged returns the disconnections that were logged, by code and in all, and
// the lines of level error and worse.
func (t *tap) logged() (ends map[int]int64, total int64, severe int) {
	t.mu.Lock()
	defer t.mu.Unlock()
	ends = make(map[int]int64)
	for code, n := range t.ends {
		ends[code] = n
		total += n
	}
	return ends, total, t.severe
}
