package orderbook

import "tickcast/wire"

// CommandKind says what a Command does. The zero kind is invalid.
type CommandKind uint8

// The kinds of commands, with the fields of Command that they use.
const (
	CommandNew       CommandKind = iota + 1 // Order
	CommandCancel                           // ID
	CommandReduce                           // ID, Qty
	CommandReplace                          // ID, Qty, Price
	CommandState                            // State
	CommandBand                             // Price (low), High
	CommandReference                        // Price
)

var commandNames = [...]string{"invalid", "new", "cancel", "reduce", "replace", "state", "band", "reference"}

// String returns the kind's word in match scripts.
func (k CommandKind) String() string {
	if int(k) < len(commandNames) {
		return commandNames[k]
	}
	return commandNames[0]
}

// Command is one call of a Book as a value: a line of a match script, a record
// of a journal.
type Command struct {
	Time  int64 // logical time, any unit; journals keep it, the book ignores it
	Order Order
	ID    uint64
	Qty   wire.Qty
	Price wire.Price
	High  wire.Price
	Kind  CommandKind
	State wire.State
}

// Do carries out a command. An empty band is rejected.
func (b *Book) Do(dst []wire.Event, c *Command) []wire.Event {
	switch c.Kind {
	case CommandNew:
		return b.Enter(dst, &c.Order)
	case CommandCancel:
		return b.Cancel(dst, c.ID)
	case CommandReduce:
		return b.Reduce(dst, c.ID, c.Qty)
	case CommandReplace:
		return b.Replace(dst, c.ID, c.Qty, c.Price)
	case CommandState:
		return b.SetState(dst, c.State)
	case CommandBand:
		if b.SetBand(c.Price, c.High) != nil {
			return append(dst, wire.Event{Kind: wire.EventRejected, Reason: wire.ReasonBand})
		}
	case CommandReference:
		b.SetReference(c.Price)
	}
	return dst
}
