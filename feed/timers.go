package feed

import "container/heap"

// timers is a heap of instants at which a group or a session wants to be
// looked at. An entry that is out of date is ignored when it comes up: the
// owner knows when it is due.
type timers struct{ entries timerHeap }

type timer struct {
	at      int64
	group   *group
	session *session
}

func (t *timers) push(at int64, g *group) { heap.Push(&t.entries, timer{at: at, group: g}) }

func (t *timers) pushSession(at int64, m *session) {
	heap.Push(&t.entries, timer{at: at, session: m})
}

// next returns the earliest instant, false if there is none.
func (t *timers) next() (int64, bool) {
	if len(t.entries) == 0 {
		return 0, false
	}
	return t.entries[0].at, true
}

// pop returns the earliest entry if it is due at now.
func (t *timers) pop(now int64) (timer, bool) {
	if len(t.entries) == 0 || t.entries[0].at > now {
		return timer{}, false
	}
	return heap.Pop(&t.entries).(timer), true
}

type timerHeap []timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].at < h[j].at }
func (h timerHeap) Swap(i, j int)      { h[i], h[j] = h[j], h[i] }
func (h *timerHeap) Push(x any)        { *h = append(*h, x.(timer)) }
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = timer{}
	*h = (*h)[:last]
	return t
}
