package orderbook

import (
	"encoding/binary"
	"errors"
	"fmt"

	"tickcast/wire"
)

// A journal is what a book was told. Replayed into a new book it gives the same
// events and the same state, byte for byte:
//
//	header | record | record | …      header: "TCJ1" | configuration | CRC-32C
//	record: length of the payload (uvarint) | payload | CRC-32C of the payload
//	payload: kind | time (varint) | the fields of the kind (varints)
//
// Writing is the caller's. After a crash the last record may be torn: keep the
// part that ReplayJournal says is good and append behind it, instead of
// starting the file anew.

const journalMagic = "TCJ1"

// ErrJournal is returned for bytes that are no journal, or for a damaged record
// before the last.
var ErrJournal = errors.New("bad journal")

// AppendJournalHeader appends the header of a journal of the book.
func (b *Book) AppendJournalHeader(dst []byte) []byte {
	start := len(dst)
	dst = append(dst, journalMagic...)
	dst = appendConfig(dst, &b.cfg)
	return binary.LittleEndian.AppendUint32(dst, crcOf(dst[start:]))
}

// AppendCommand appends the journal record of a command.
func AppendCommand(dst []byte, c *Command) []byte {
	var room [256]byte // the longest payload has 115 bytes
	payload := appendPayload(room[:0], c)
	dst = binary.AppendUvarint(dst, uint64(len(payload)))
	dst = append(dst, payload...)
	return binary.LittleEndian.AppendUint32(dst, crcOf(payload))
}

func appendPayload(dst []byte, c *Command) []byte {
	dst = append(dst, byte(c.Kind))
	dst = binary.AppendVarint(dst, c.Time)
	switch c.Kind {
	case CommandNew:
		return appendOrder(dst, &c.Order)
	case CommandCancel:
		return binary.AppendUvarint(dst, c.ID)
	case CommandReduce:
		dst = binary.AppendUvarint(dst, c.ID)
		return binary.AppendVarint(dst, int64(c.Qty))
	case CommandReplace:
		dst = binary.AppendUvarint(dst, c.ID)
		dst = binary.AppendVarint(dst, int64(c.Qty))
		return binary.AppendVarint(dst, int64(c.Price))
	case CommandState:
		return append(dst, byte(c.State))
	case CommandBand:
		dst = binary.AppendVarint(dst, int64(c.Price))
		return binary.AppendVarint(dst, int64(c.High))
	case CommandReference:
		return binary.AppendVarint(dst, int64(c.Price))
	}
	return dst
}

func appendOrder(dst []byte, o *Order) []byte {
	dst = append(dst, byte(o.Type), byte(o.Side), byte(o.STP))
	dst = appendBool(dst, o.Hidden)
	dst = binary.AppendUvarint(dst, o.ID)
	dst = binary.AppendUvarint(dst, uint64(o.Owner))
	for _, v := range [...]int64{int64(o.Qty), int64(o.Price), int64(o.Trigger), int64(o.Display), int64(o.Min)} {
		dst = binary.AppendVarint(dst, v)
	}
	return dst
}

func (r *reader) order() Order {
	return Order{
		Type: Type(r.byte()), Side: wire.Side(r.byte()), STP: STP(r.byte()), Hidden: r.bool(),
		ID: r.uint(), Owner: uint32(r.uint()), Qty: wire.Qty(r.int()), Price: wire.Price(r.int()),
		Trigger: wire.Price(r.int()), Display: wire.Qty(r.int()), Min: wire.Qty(r.int()),
	}
}

// DecodeCommand reads the record at the front of src and returns the tail:
// ErrTorn if the bytes end within it, ErrJournal if it is damaged.
func DecodeCommand(src []byte) (c Command, tail []byte, err error) {
	n, w := binary.Uvarint(src)
	if w == 0 || w > 0 && n <= journalPayloadMax && uint64(len(src)-w) < n+4 {
		return Command{}, src, ErrTorn
	}
	if w < 0 || n > journalPayloadMax {
		return Command{}, src, fmt.Errorf("%w: a payload of %d bytes", ErrJournal, n)
	}
	payload, tail := src[w:w+int(n)], src[w+int(n)+4:]
	if binary.LittleEndian.Uint32(src[w+int(n):]) != crcOf(payload) {
		return Command{}, src, fmt.Errorf("%w: checksum", ErrJournal)
	}
	r := reader{rest: payload}
	c = r.command()
	if r.err != nil || len(r.rest) > 0 {
		return Command{}, src, fmt.Errorf("%w: payload of kind %v", ErrJournal, c.Kind)
	}
	return c, tail, nil
}

// journalPayloadMax bounds a payload, so that damage to a length is noticed.
const journalPayloadMax = 255

// ErrTorn is returned for a record that the end of the bytes cuts off.
var ErrTorn = errors.New("torn record")

func (r *reader) command() Command {
	c := Command{Kind: CommandKind(r.byte()), Time: r.int()}
	switch c.Kind {
	case CommandNew:
		c.Order = r.order()
	case CommandCancel:
		c.ID = r.uint()
	case CommandReduce:
		c.ID, c.Qty = r.uint(), wire.Qty(r.int())
	case CommandReplace:
		c.ID, c.Qty, c.Price = r.uint(), wire.Qty(r.int()), wire.Price(r.int())
	case CommandState:
		c.State = wire.State(r.byte())
	case CommandBand:
		c.Price, c.High = wire.Price(r.int()), wire.Price(r.int())
	case CommandReference:
		c.Price = wire.Price(r.int())
	default:
		r.fail()
	}
	return c
}

// ReplayJournal replays a journal into a new book. each, if not nil, sees every
// command with its events, which are valid during the call. good is the length
// of the intact part: it is short of src if the last record is torn, which is
// no error.
func ReplayJournal(src []byte, each func(*Command, []wire.Event)) (b *Book, good int, err error) {
	b, tail, err := decodeHeader(src)
	if err != nil {
		return nil, 0, err
	}
	var events []wire.Event
	for n := 1; len(tail) > 0; n++ {
		c, rest, err := DecodeCommand(tail)
		if errors.Is(err, ErrTorn) {
			break
		}
		if err != nil {
			return nil, len(src) - len(tail), fmt.Errorf("record %d: %w", n, err)
		}
		events = b.Do(events[:0], &c)
		if each != nil {
			each(&c, events)
		}
		tail = rest
	}
	return b, len(src) - len(tail), nil
}

func decodeHeader(src []byte) (*Book, []byte, error) {
	if len(src) < len(journalMagic) || string(src[:len(journalMagic)]) != journalMagic {
		return nil, src, fmt.Errorf("%w: it does not begin with %s", ErrJournal, journalMagic)
	}
	r := reader{rest: src[len(journalMagic):]}
	cfg := r.config()
	head := len(src) - len(r.rest)
	if r.err != nil || len(r.rest) < 4 || binary.LittleEndian.Uint32(r.rest) != crcOf(src[:head]) {
		return nil, src, fmt.Errorf("%w: header", ErrJournal)
	}
	b, err := New(cfg)
	if err != nil {
		return nil, src, fmt.Errorf("%w: header: %w", ErrJournal, err)
	}
	return b, r.rest[4:], nil
}
