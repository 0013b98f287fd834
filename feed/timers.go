package feed

import (
	"cmp"
	"slices"
)

// timers is a binary heap of instants at which a group or a session wants to be
// looked at. An entry that is out of date is ignored when it comes up: the
// owner knows when it is due. (container/heap would box every entry: garbage of
// each heartbeat.)
type timers struct {
	entries []timer
	ended   int // groups that ended since forget looked for them here
}

// timersSpare is how many ended groups are never looked for.
const timersSpare = 16

type timer struct {
	at      int64
	group   *group
	session *session
}

func (t *timers) push(at int64, g *group) { t.add(timer{at: at, group: g}) }

func (t *timers) pushSession(at int64, m *session) { t.add(timer{at: at, session: m}) }

// forget is told that a group has ended. It lets go of all that have when they
// may be half of the entries: whoever connects is in a group of those without
// streams for a moment, and each such group would be held until its heartbeat.
func (t *timers) forget() {
	if t.ended++; t.ended <= timersSpare+len(t.entries)/2 {
		return
	}
	t.ended = 0
	t.entries = slices.DeleteFunc(t.entries, func(e timer) bool { return e.group != nil && e.group.closed })
	slices.SortFunc(t.entries, func(a, b timer) int { return cmp.Compare(a.at, b.at) }) // which is a heap
}

// next returns the earliest instant, false if there is none.
func (t *timers) next() (int64, bool) {
	if len(t.entries) == 0 {
		return 0, false
	}
	return t.entries[0].at, true
}

// add lets an entry rise to its place.
func (t *timers) add(e timer) {
	t.entries = append(t.entries, e)
	i := len(t.entries) - 1
	for i > 0 && t.entries[(i-1)/2].at > e.at {
		t.entries[i] = t.entries[(i-1)/2]
		i = (i - 1) / 2
	}
	t.entries[i] = e
}

// pop returns the earliest entry if it is due at now. The last one takes its
// place, and sinks.
func (t *timers) pop(now int64) (timer, bool) {
	if len(t.entries) == 0 || t.entries[0].at > now {
		return timer{}, false
	}
	first, n := t.entries[0], len(t.entries)-1
	e := t.entries[n]
	t.entries[n] = timer{}
	t.entries = t.entries[:n]
	for i := 0; n > 0; {
		child := 2*i + 1
		if child+1 < n && t.entries[child+1].at < t.entries[child].at {
			child++
		}
		if child >= n || t.entries[child].at >= e.at {
			t.entries[i] = e
			break
		}
		t.entries[i], i = t.entries[child], child
	}
	return first, true
}
