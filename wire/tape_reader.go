package wire

import (
	"bufio"
	"encoding/binary"
	"errors"
	"hash/crc32"
	"io"
)

// TapeReader reads a tape block by block. Use NewTapeReader.
type TapeReader struct {
	r           *bufio.Reader
	instruments []Instrument
	good        int64 // bytes up to the end of the last good block
	buf         []byte
}

// NewTapeReader reads the beginning of a tape. Its error is the reader's or
// wraps ErrTape.
func NewTapeReader(r io.Reader) (*TapeReader, error) {
	t := &TapeReader{r: bufio.NewReaderSize(r, tapeBlockAim)}
	var magic [len(tapeMagic)]byte
	if _, err := io.ReadFull(t.r, magic[:]); err != nil || string(magic[:]) != tapeMagic {
		return nil, tapeError("it does not begin with %q", tapeMagic)
	}
	t.good = int64(len(magic))
	body, err := t.block()
	if err != nil {
		if errors.Is(err, io.EOF) {
			err = tapeError("no listing")
		}
		return nil, err
	}
	if err := t.listing(body); err != nil {
		return nil, err
	}
	return t, nil
}

// Instruments returns the listing. The caller must not change it.
func (t *TapeReader) Instruments() []Instrument { return t.instruments }

// Good returns the length of the tape up to the end of the last block that was
// read: where a torn tape is to be cut.
func (t *TapeReader) Good() int64 { return t.good }

// Next makes b the next block of transactions. It returns io.EOF at the end,
// and an error that wraps ErrTape where the tape is torn or damaged.
func (t *TapeReader) Next(b *Batch) error {
	b.Reset()
	before := t.good
	body, err := t.block()
	if err != nil {
		return err
	}
	if err := t.transactions(b, body); err != nil {
		t.good = before
		b.Reset()
		return err
	}
	return nil
}

// block reads a block and checks its sum. The result is kind and payload,
// valid until the next call.
func (t *TapeReader) block() ([]byte, error) {
	var head [tapeHeadBytes]byte
	if n, err := io.ReadFull(t.r, head[:]); err != nil {
		if n == 0 && errors.Is(err, io.EOF) {
			return nil, io.EOF
		}
		return nil, t.torn(err, "the head of a block")
	}
	length := binary.LittleEndian.Uint32(head[:])
	if length == 0 || length > TapeBlockMax {
		return nil, tapeError("a block of %d bytes at %d", length, t.good)
	}
	if cap(t.buf) < int(length) {
		t.buf = make([]byte, length)
	}
	body := t.buf[:length]
	if _, err := io.ReadFull(t.r, body); err != nil {
		return nil, t.torn(err, "a block")
	}
	if crc32.Checksum(body, castagnoli) != binary.LittleEndian.Uint32(head[4:]) {
		return nil, tapeError("checksum of the block at %d", t.good)
	}
	t.good += tapeHeadBytes + int64(length)
	return body, nil
}

func (t *TapeReader) torn(err error, what string) error {
	if errors.Is(err, io.ErrUnexpectedEOF) || errors.Is(err, io.EOF) {
		return tapeError("it ends within %s at %d", what, t.good)
	}
	return err
}

func (t *TapeReader) listing(body []byte) error {
	r := tapeFields{rest: body}
	if r.byte() != tapeListing {
		return tapeError("the first block is no listing")
	}
	for range r.count(7) {
		in := Instrument{Symbol: Symbol(r.text()), Base: r.text(), Quote: r.text()}
		in.PriceScale, in.QtyScale = r.byte(), r.byte()
		in.Tick, in.Lot = Price(r.int()), Qty(r.int())
		if r.bad || !symbolShaped(string(in.Symbol)) || in.PriceScale > ScaleMax || in.QtyScale > ScaleMax || in.Tick < 1 || in.Lot < 1 {
			return tapeError("instrument %d", len(t.instruments))
		}
		t.instruments = append(t.instruments, in)
	}
	if r.bad || len(r.rest) > 0 {
		return tapeError("listing")
	}
	return nil
}

func (t *TapeReader) transactions(b *Batch, body []byte) error {
	r := tapeFields{rest: body}
	if r.byte() != tapeTransactions {
		return tapeError("block of an unknown kind before %d", t.good)
	}
	var last tapeState
	for range r.count(3) {
		last.time += r.int()
		instrument := r.uint()
		for range r.count(2) {
			b.Events = append(b.Events, last.event(&r))
		}
		if r.bad || instrument >= uint64(len(t.instruments)) {
			return tapeError("transaction %d of the block before %d", len(b.Txns), t.good)
		}
		b.Commit(uint32(instrument), last.time)
	}
	if r.bad || len(r.rest) > 0 {
		return tapeError("the block before %d", t.good)
	}
	return nil
}

func (s *tapeState) event(r *tapeFields) Event {
	e := Event{Kind: EventKind(r.byte())}
	mask := r.byte()
	e.Side = Side(mask & maskSide)
	if mask&maskID != 0 {
		s.id += uint64(r.int())
		e.ID = s.id
	}
	if mask&maskRef != 0 {
		e.Ref = r.uint()
	}
	if mask&maskTrade != 0 {
		e.Trade = r.uint()
	}
	if mask&maskPrice != 0 {
		s.price += r.int()
		e.Price = Price(s.price)
	}
	if mask&maskQty != 0 {
		e.Qty = Qty(r.int())
	}
	if mask&maskRest != 0 {
		e.Count = uint32(r.uint())
		e.State, e.Reason = State(r.byte()), Reason(r.byte())
	}
	return e
}

// tapeFields reads a block. The first missing byte makes it bad for ever: from
// then on every method returns 0.
type tapeFields struct {
	rest []byte
	bad  bool
}

func (r *tapeFields) fail() {
	r.rest, r.bad = nil, true
}

func (r *tapeFields) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *tapeFields) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *tapeFields) int() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

// count reads how many items of at least so many bytes follow.
func (r *tapeFields) count(bytes int) int {
	n := r.uint()
	if n > uint64(len(r.rest)/bytes) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *tapeFields) text() string {
	n := r.count(1)
	s := string(r.rest[:n])
	r.rest = r.rest[n:]
	return s
}
