package torture

import "fmt"

// step is something that a follower was told of a stream; frames in a row are
// one.
type step struct {
	what     byte // one of the constants
	from, to uint64
}

const (
	stepConnect  = 'c'
	stepAsk      = 'a' // with a cursor
	stepBegin    = 'b' // acknowledged, not recovered
	stepRecover  = 'r' // acknowledged, recovered
	stepGap      = 'g'
	stepSnapshot = 's'
	stepPart     = 'p' // of a snapshot, not the last one
	stepFrame    = 'f'
)

var stepNames = map[byte]string{
	stepConnect: "connected", stepAsk: "asked since", stepBegin: "began at", stepRecover: "recovered from",
	stepGap: "gap", stepSnapshot: "snapshot", stepPart: "part of snapshot", stepFrame: "frames",
}

// trail is the last steps of a stream, so that a violation tells how it came to
// it.
type trail struct {
	steps [trailMax]step
	n     int // in all
}

const trailMax = 10

func (t *trail) add(what byte, from, to uint64) {
	if last := &t.steps[(t.n+trailMax-1)%trailMax]; what == stepFrame && t.n > 0 && last.what == stepFrame && last.to+1 == from {
		last.to = to
		return
	}
	t.steps[t.n%trailMax] = step{what, from, to}
	t.n++
}

// append appends the trail, oldest step first.
func (t *trail) append(dst []byte) []byte {
	for i := max(t.n-trailMax, 0); i < t.n; i++ {
		s := &t.steps[i%trailMax]
		switch {
		case s.what == stepConnect:
			dst = fmt.Appendf(dst, ", %s", stepNames[s.what])
		case s.from == s.to:
			dst = fmt.Appendf(dst, ", %s %d", stepNames[s.what], s.from)
		default:
			dst = fmt.Appendf(dst, ", %s %d to %d", stepNames[s.what], s.from, s.to)
		}
	}
	return dst
}
