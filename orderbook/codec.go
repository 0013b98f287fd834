package orderbook

import (
	"encoding/binary"
	"errors"
	"hash/crc32"

	"tickcast/wire"
)

// errShort is the sticky error of reader: the bytes end, or a number does not
// fit.
var errShort = errors.New("truncated or malformed")

// reader reads varints; the first error sticks and everything after is 0.
type reader struct {
	rest []byte
	err  error
}

func (r *reader) uint() uint64 {
	v, n := binary.Uvarint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) int() int64 {
	v, n := binary.Varint(r.rest)
	if n <= 0 {
		r.fail()
		return 0
	}
	r.rest = r.rest[n:]
	return v
}

func (r *reader) byte() byte {
	if len(r.rest) == 0 {
		r.fail()
		return 0
	}
	c := r.rest[0]
	r.rest = r.rest[1:]
	return c
}

func (r *reader) bool() bool { return r.byte() != 0 }

// count reads how many items follow, each of at least size bytes.
func (r *reader) count(size int) int {
	n := r.uint()
	if n > uint64(len(r.rest)/size) {
		r.fail()
		return 0
	}
	return int(n)
}

func (r *reader) fail() {
	r.rest = nil
	if r.err == nil {
		r.err = errShort
	}
}

func appendBool(dst []byte, v bool) []byte {
	if v {
		return append(dst, 1)
	}
	return append(dst, 0)
}

func crcOf(b []byte) uint32 { return crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)) }

func appendConfig(dst []byte, c *Config) []byte {
	for _, v := range [...]int64{
		int64(c.Tick), int64(c.Lot), int64(c.MinQty), int64(c.MaxQty), int64(c.MinPrice), int64(c.MaxPrice),
	} {
		dst = binary.AppendVarint(dst, v)
	}
	return appendBool(appendBool(dst, c.Requeue), c.OutsideIDs)
}

func (r *reader) config() Config {
	return Config{
		Tick: wire.Price(r.int()), Lot: wire.Qty(r.int()),
		MinQty: wire.Qty(r.int()), MaxQty: wire.Qty(r.int()),
		MinPrice: wire.Price(r.int()), MaxPrice: wire.Price(r.int()),
		Requeue: r.bool(), OutsideIDs: r.bool(),
	}
}
