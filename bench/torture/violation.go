package torture

import "fmt"

// Rule is a promise that a server can break. The zero Rule is invalid.
type Rule uint8

// The rules.
const (
	RuleGap       Rule = iota + 1 // I1: a frame is missing and nothing said so
	RuleAnnounced                 // I1: what was announced is not what is missing
	RuleResume                    // I1: a resume was not answered as promised
	RuleBook                      // I2: a book is not the server's
	RuleBytes                     // I2: one number of a stream, different bytes
	RuleForeign                   // I3: frames of a stream that was not asked for
	RuleMemory                    // I4: the server's memory grows
	RuleLeak                      // I5: goroutines, descriptors or sockets are left
	RuleHealthy                   // I6: clients that read are disturbed by those that do not
	RuleServer                    // I7: the server ended, or something panicked
	RuleEnd                       // I8: a disconnection without code, counter or log line
	RuleProtocol                  // a frame that PROTOCOL.md does not know, or out of order
	RuleTime                      // it took longer than promised
	ruleCount
)

var ruleNames = [...]string{
	"invalid", "gap", "announcement", "resume", "book", "bytes", "foreign", "memory", "leak", "healthy", "server", "end", "protocol", "time",
}

var ruleInvariants = [...]string{"", "I1", "I1", "I1", "I2", "I2", "I3", "I4", "I5", "I6", "I7", "I8", "", ""}

// String returns the rule's name.
func (r Rule) String() string {
	if r < ruleCount {
		return ruleNames[r]
	}
	return ruleNames[0]
}

// Violation is a promise that was broken.
type Violation struct {
	Rule      string `json:"rule"`
	Invariant string `json:"invariant,omitempty"` // of RELIABILITY.md
	Client    int    `json:"client"`              // -1: the server itself
	Stream    string `json:"stream,omitempty"`
	Text      string `json:"text"`
}

// String returns the violation in a line.
func (v Violation) String() string {
	where := ""
	if v.Client >= 0 {
		where = fmt.Sprintf(" client %d", v.Client)
	}
	if v.Stream != "" {
		where += " " + v.Stream
	}
	name := v.Rule
	if v.Invariant != "" {
		name += " (" + v.Invariant + ")"
	}
	return fmt.Sprintf("%s%s: %s", name, where, v.Text)
}

// violationsKept bounds the violations of a rule that are told one by one: a
// server that breaks a promise mostly breaks it a million times.
const violationsKept = 8

// ledger collects violations.
type ledger struct {
	counts [ruleCount]int
	kept   []Violation
}

// note adds a violation; client -1 is the server.
func (l *ledger) note(r Rule, client int, stream, format string, args ...any) {
	l.counts[r]++
	if l.counts[r] > violationsKept {
		return
	}
	l.kept = append(l.kept, Violation{
		Rule: r.String(), Invariant: ruleInvariants[r], Client: client, Stream: stream, Text: fmt.Sprintf(format, args...),
	})
}

// server adds a violation by the server as a whole.
func (l *ledger) server(r Rule, format string, args ...any) { l.note(r, -1, "", format, args...) }

func (l *ledger) total() (n int) {
	for _, c := range l.counts {
		n += c
	}
	return n
}
