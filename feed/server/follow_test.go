package server

import (
	"encoding/json"
	"fmt"
	"hash/crc32"
	"slices"
	"strconv"
	"strings"

	"tickcast/wire"
)

// message is any text of the server.
type message struct {
	Op, Code, Reason string
	Recovered        bool
	Stream           json.RawMessage
	Streams          json.RawMessage
	Cursors          map[string]uint64
	Cursor           string
	Seq              uint64
	TS               int64
	Type             string
	From             *uint64
	To, Frames       uint64
	Bids, Asks       [][2]string
	CRC              *uint32
	Reconnect        int64 `json:"reconnect_ms"`
}

func (m *message) stream() string {
	name, err := strconv.Unquote(string(m.Stream))
	if err != nil {
		return ""
	}
	return name
}

func parse(text string) (message, error) {
	var m message
	if err := json.Unmarshal([]byte(text), &m); err != nil {
		return m, fmt.Errorf("%s: %w", text, err)
	}
	return m, nil
}

// follower believes nothing: it wants every stream without a hole that was not
// announced, and every book to have the checksum that its frames say.
type follower struct {
	next    map[string]uint64
	books   map[string]*image
	frames  int
	checked int
	gaps    int
	credit  uint64 // state frames announced as conflated, that were not yet missed
}

func newFollower() *follower {
	return &follower{next: make(map[string]uint64), books: make(map[string]*image)}
}

// take looks at the next text.
func (f *follower) take(text string) error {
	m, err := parse(text)
	if err == nil {
		err = f.message(&m)
	}
	if err != nil {
		return fmt.Errorf("%.300s: %w", text, err)
	}
	return nil
}

func (f *follower) message(m *message) error {
	switch m.Op {
	case "":
		return f.data(m.stream(), m)
	case "subscribed":
		var streams []struct{ Stream, Cursor string }
		if err := json.Unmarshal(m.Streams, &streams); err != nil {
			return err
		}
		for _, s := range streams {
			_, seq, ok := wire.ParseCursor([]byte(s.Cursor))
			if !ok {
				return fmt.Errorf("cursor %q", s.Cursor)
			}
			f.next[s.Stream] = seq + 1
		}
	case "gap":
		f.gaps++
		name := m.stream()
		if m.From == nil || *m.From != f.next[name] || m.To < *m.From {
			return fmt.Errorf("a gap that does not begin at %d", f.next[name])
		}
		f.next[name] = m.To + 1
	case "conflated":
		f.credit += m.Frames
	case "heartbeat":
		for name, seq := range m.Cursors {
			if seq+1 != f.next[name] {
				return fmt.Errorf("%s stands at %d; want %d", name, seq, f.next[name]-1)
			}
		}
	}
	return nil
}

func (f *follower) data(name string, m *message) error {
	f.frames++
	next, known := f.next[name]
	restated := m.Type == "snapshot" || strings.HasPrefix(name, "bbo.")
	switch {
	case !known:
		return fmt.Errorf("nobody subscribed to it")
	case m.Seq == next:
		f.next[name]++
	case m.Seq > next && m.Seq-next <= f.credit && strings.HasPrefix(name, "bbo."):
		f.credit -= m.Seq - next
		f.next[name] = m.Seq + 1
	case m.Seq != next-1 || !restated:
		return fmt.Errorf("seq %d; want %d", m.Seq, next)
	}
	if strings.HasPrefix(name, "book.") {
		if f.books[name] == nil || m.Type == "snapshot" {
			f.books[name] = &image{bids: make(map[string]string), asks: make(map[string]string)}
		}
		return f.book(f.books[name], m)
	}
	return nil
}

func (f *follower) book(b *image, m *message) error {
	b.set(b.bids, m.Bids)
	b.set(b.asks, m.Asks)
	if m.CRC == nil {
		return nil
	}
	f.checked++
	if crc := b.crc(); crc != *m.CRC {
		return fmt.Errorf("checksum %d; want %d", crc, *m.CRC)
	}
	return nil
}

// image is a client's book.
type image struct{ bids, asks map[string]string }

func (b *image) set(side map[string]string, levels [][2]string) {
	for _, l := range levels {
		if side[l[0]] = l[1]; digits(l[1]) == "" {
			delete(side, l[0])
		}
	}
}

func digits(number string) string {
	return strings.TrimLeft(strings.ReplaceAll(number, ".", ""), "0")
}

// crc is the checksum of PROTOCOL.md, "The checksum of a book".
func (b *image) crc() uint32 {
	text := ""
	for i, side := range []map[string]string{b.asks, b.bids} {
		var prices []string
		for p := range side {
			prices = append(prices, p)
		}
		slices.SortFunc(prices, func(x, y string) int {
			fx, _ := strconv.ParseFloat(x, 64)
			fy, _ := strconv.ParseFloat(y, 64)
			if (fx < fy) == (i == 0) {
				return -1
			}
			return 1
		})
		for _, p := range prices[:min(len(prices), 10)] {
			text += digits(p) + digits(side[p])
		}
	}
	return crc32.ChecksumIEEE([]byte(text))
}
