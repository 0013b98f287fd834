package orderbook

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"

	"tickcast/wire"
)

// Match scripts, one command a line:
//
//	new,<id>,buy|sell,limit|market|ioc|fok|post|stop|stoplimit|iceberg,<qty>[,<price>[,<trigger or display>]] [owner=N] [stp=newest|oldest|both|decrement] [hidden] [min=N]
//	cancel,<id>
//	reduce,<id>,<qty>
//	replace,<id>,<qty>,<price>
//	state,pre_open|auction|continuous|halt|closed
//	band,<low>,<high>
//	reference,<price>
//
// A stop's only price is its trigger: stop,<qty>,<trigger> and
// stop,<qty>,<ignored>,<trigger> are the same.

// ErrScript is returned for a line that is no command, wrapped with what is
// wrong with it.
var ErrScript = errors.New("not a command")

func scriptError(format string, a ...any) error {
	return fmt.Errorf("%w: "+format, append([]any{ErrScript}, a...)...)
}

// ParseCommand reads one line of a match script, without its line break.
func ParseCommand(line []byte) (Command, error) {
	main, options, _ := bytes.Cut(bytes.TrimSpace(line), []byte(" "))
	f := fields{rest: main, more: true}
	word := f.word()
	c := Command{Kind: parseKind(word)}
	switch c.Kind {
	case CommandNew:
		f.order(&c.Order)
		f.options(&c.Order, options)
		options = nil
	case CommandCancel:
		c.ID = f.id()
	case CommandReduce:
		c.ID, c.Qty = f.id(), wire.Qty(f.number())
	case CommandReplace:
		c.ID, c.Qty, c.Price = f.id(), wire.Qty(f.number()), wire.Price(f.number())
	case CommandState:
		c.State = f.state()
	case CommandBand:
		c.Price, c.High = wire.Price(f.number()), wire.Price(f.number())
	case CommandReference:
		c.Price = wire.Price(f.number())
	default:
		return Command{}, scriptError("%.32q", word)
	}
	if f.err == nil && (f.more || len(bytes.TrimSpace(options)) > 0) {
		f.err = scriptError("something follows the %v", c.Kind)
	}
	if f.err != nil {
		return Command{}, f.err
	}
	return c, nil
}

func parseKind(word []byte) CommandKind {
	for k := CommandNew; k <= CommandReference; k++ {
		if string(word) == commandNames[k] {
			return k
		}
	}
	return 0
}

// fields reads values between commas; the first error sticks.
type fields struct {
	rest []byte
	more bool // another field follows
	err  error
}

func (f *fields) word() []byte {
	if !f.more {
		f.fail("a field is missing")
		return nil
	}
	var word []byte
	word, f.rest, f.more = bytes.Cut(f.rest, []byte(","))
	return word
}

func (f *fields) fail(format string, a ...any) {
	if f.err == nil {
		f.err = scriptError(format, a...)
	}
}

// number reads a decimal int64. It is short of strconv because scripts are
// long: no string is made of the field.
func (f *fields) number() int64 {
	word := f.word()
	n, ok := parseInt(word)
	if !ok {
		f.fail("%.32q is no integer", word)
	}
	return n
}

func (f *fields) id() uint64 { return uint64(f.number()) }

func parseInt(s []byte) (int64, bool) {
	digits := s
	if len(s) > 0 && s[0] == '-' {
		digits = s[1:]
	}
	if len(digits) == 0 || len(digits) > 19 { // 2^63 has 19
		return 0, false
	}
	n := uint64(0)
	for _, c := range digits {
		if c < '0' || c > '9' {
			return 0, false
		}
		n = n*10 + uint64(c-'0')
	}
	if len(digits) < len(s) {
		return -int64(n), n <= 1<<63
	}
	return int64(n), n < 1<<63
}

func (f *fields) order(o *Order) {
	o.ID = f.id()
	switch side := f.word(); string(side) {
	case "buy":
		o.Side = wire.Buy
	case "sell":
		o.Side = wire.Sell
	default:
		f.fail("side %.32q", side)
	}
	typ := f.word()
	for t := Limit; t <= Iceberg; t++ {
		if string(typ) == typeNames[t] {
			o.Type = t
		}
	}
	if o.Type == 0 {
		f.fail("order type %.32q", typ)
	}
	o.Qty = wire.Qty(f.number())
	f.prices(o)
}

// prices reads what follows the quantity.
func (f *fields) prices(o *Order) {
	var n [2]int64
	count := 0
	for ; count < 2 && f.more; count++ {
		if bytes.HasPrefix(f.rest, []byte(",")) && count == 0 {
			f.word() // a price left out
			continue
		}
		n[count] = f.number()
	}
	o.Price = wire.Price(n[0])
	need := 1
	switch o.Type {
	case Market:
		need = 0
	case Stop:
		if count == 1 {
			n[1] = n[0]
		}
		o.Trigger, o.Price = wire.Price(n[1]), 0
	case StopLimit:
		o.Trigger, need = wire.Price(n[1]), 2
	case Iceberg:
		o.Display, need = wire.Qty(n[1]), 2
	}
	if count < need {
		f.fail("a price, trigger or display quantity is missing")
	}
}

func (f *fields) options(o *Order, options []byte) {
	for option := range bytes.FieldsSeq(options) {
		key, value, _ := bytes.Cut(option, []byte("="))
		switch string(key) {
		case "hidden":
			o.Hidden = true
		case "owner":
			n, ok := parseInt(value)
			if o.Owner = uint32(n); !ok || n < 0 || n > 1<<32-1 {
				f.fail("%.32q", option)
			}
		case "min":
			n, ok := parseInt(value)
			if o.Min = wire.Qty(n); !ok {
				f.fail("%.32q", option)
			}
		case "stp":
			o.STP = parseSTP(value)
			if o.STP == 0 && string(value) != "none" {
				f.fail("%.32q", option)
			}
		default:
			f.fail("option %.32q", option)
		}
	}
}

func parseSTP(word []byte) STP {
	for s := STPNewest; s <= STPDecrement; s++ {
		if string(word) == stpNames[s] {
			return s
		}
	}
	return 0
}

// stateContinuous is what scripts call wire.StateTrading.
const stateContinuous = "continuous"

func (f *fields) state() wire.State {
	word := f.word()
	if string(word) == stateContinuous {
		return wire.StateTrading
	}
	for s := wire.StatePreOpen; s <= wire.StateClosed; s++ {
		if string(word) == s.String() {
			return s
		}
	}
	f.fail("state %.32q", word)
	return 0
}

// AppendReports appends the report lines of command i: those of its events that
// a script reports, each with a line break.
func AppendReports(dst []byte, i int, events []wire.Event) []byte {
	for n := range events {
		e := &events[n]
		switch e.Kind {
		case wire.EventAccepted:
			dst = appendLine(dst, "accepted,", i, int64(e.ID))
		case wire.EventTrade:
			dst = appendLine(dst, "trade,", i, int64(e.Price), int64(e.Qty), int64(e.ID), int64(e.Ref))
		case wire.EventCancelled:
			dst = appendLine(dst, "cancelled,", i, int64(e.ID), int64(e.Qty))
		case wire.EventReplaced:
			dst = appendLine(dst, "replaced,", i, int64(e.ID))
		case wire.EventUncross:
			dst = appendLine(dst, "uncross,", i, int64(e.Price), int64(e.Qty))
		case wire.EventRejected:
			dst = appendLine(dst, "rejected,", i, int64(e.ID))
			dst = appendWord(dst, e.Reason.String())
		case wire.EventStateSet:
			dst = appendLine(dst, "state,", i)
			dst = appendWord(dst, stateWord(e.State))
		}
	}
	return dst
}

func stateWord(s wire.State) string {
	if s == wire.StateTrading {
		return stateContinuous
	}
	return s.String()
}

// AppendTop appends the line `top,<i>,<bid>,<qty>,<ask>,<qty>`, with `-,0` for
// an empty side.
func AppendTop(dst []byte, i int, top wire.Top) []byte {
	dst = append(dst, "top,"...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	for _, l := range [...]wire.Level{top.Bid, top.Ask} {
		if l.Qty == 0 {
			dst = append(dst, ",-,0"...)
			continue
		}
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(l.Price), 10)
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, int64(l.Qty), 10)
	}
	return append(dst, '\n')
}

func appendLine(dst []byte, name string, i int, values ...int64) []byte {
	dst = append(dst, name...)
	dst = strconv.AppendInt(dst, int64(i), 10)
	for _, v := range values {
		dst = append(dst, ',')
		dst = strconv.AppendInt(dst, v, 10)
	}
	return append(dst, '\n')
}

// appendWord puts a word before the line break that ends dst.
func appendWord(dst []byte, word string) []byte {
	dst[len(dst)-1] = ','
	dst = append(dst, word...)
	return append(dst, '\n')
}
