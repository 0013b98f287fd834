package feed

import (
	"sync"
)

// slimNanos is for how long an inbox must need little until it is made small:
// what comes may come in bursts.
const slimNanos = int64(5e9)

// loop runs a shard: the one goroutine that calls it. Rounds take what came
// in, then write what is due; between them it waits, and looks after its
// sockets.
type loop struct {
	shard  *shard
	queue  queue
	now    func() int64
	poller poller
	pacing pacing
	in     delivery // taken from queue

	done    chan struct{}  // closed when the goroutine has returned
	sockets sync.WaitGroup // goroutines of connection sockets

	mu    sync.Mutex // guards posts and ended
	posts []func()   // from sockets and from outside, run in the loop's goroutine
	ended bool       // no post is taken any more

	slimAt   int64 // owned by run: when it looks at the inbox's memory
	stopping bool  // owned by run: return when no session is left
}

func newLoop(h *Hub, cfg *ShardsConfig) (*loop, error) {
	l := &loop{now: cfg.Now, done: make(chan struct{})}
	if err := l.poller.open(l, cfg); err != nil {
		return nil, err
	}
	l.queue.rouse, l.queue.itemsMax = l.poller.rouse, inboxItemsMax
	l.shard = newShard(h, &l.queue)
	l.shard.refill, l.shard.refillEach = l.refill, refillWrites
	return l, nil
}

// post has f run by the loop's goroutine; false if the loop has ended.
func (l *loop) post(f func()) bool {
	l.mu.Lock()
	ended := l.ended
	if !ended {
		l.posts = append(l.posts, f)
	}
	l.mu.Unlock()
	if !ended {
		l.queue.rouse()
	}
	return !ended
}

// run is the loop's goroutine. It returns when it was stopped and no session
// is left.
func (l *loop) run() {
	defer close(l.done)
	l.poller.enter()
	defer l.poller.leave()
	var posts []func()
	for {
		began := l.now()
		writes, packets := l.shard.stats.Writes, l.shard.stats.Packets
		l.shard.deliver(&l.in, began) // what a marker held up in the middle of the last round
		l.queue.take(&l.in)
		l.shard.deliver(&l.in, began)
		posts = l.takePosts(posts)
		for i, f := range posts {
			posts[i] = nil
			l.shard.now = l.now()
			f()
		}
		if now := l.now(); now >= l.shard.next() {
			l.shard.tick(now)
			l.slim(now)
		}
		more := l.shard.flush(l.now())
		ended := l.now()
		l.shard.wrote(ended)
		if l.stopping && len(l.shard.seats) == 0 && l.end() {
			return
		}
		l.pacing.round(began, ended, int(l.shard.stats.Packets-packets), int(l.shard.stats.Writes-writes))
		l.rest(more || l.in.at < len(l.in.items))
	}
}

// refillWrites is after how many writes of a round the inbox is looked at again:
// some 150 us.
const refillWrites = 32

// refill takes packets in the middle of a round. A marker changes who is
// served, and waits for the round's end; so does what is behind it.
func (l *loop) refill() {
	if l.in.at == len(l.in.items) {
		l.queue.take(&l.in)
		l.shard.now = l.now()
		l.shard.packets(&l.in)
	}
}

// slim gives back what the inbox needed for a burst, once in slimNanos.
func (l *loop) slim(now int64) {
	if now >= l.slimAt {
		l.slimAt = now + slimNanos
		l.queue.slim(&l.in)
	}
}

// rest looks after the sockets until the next round has something to do.
func (l *loop) rest(more bool) {
	for {
		now := l.now()
		switch until := min(l.pacing.due(), l.shard.next()); {
		case until > now && l.pacing.due() > now:
			// Packets gather: whoever publishes need not wake us.
			l.poller.wait(until-now, true)
			if l.posted() {
				return
			}
			continue
		case more || !l.queue.sleep():
			l.poller.wait(0, true)
		default:
			l.poller.wait(max(l.shard.next()-now, 0), l.pacing.hot(now))
			l.queue.asleep.Store(false)
		}
		return
	}
}

// posted reports whether a post waits.
func (l *loop) posted() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return len(l.posts) > 0
}

func (l *loop) takePosts(spare []func()) []func() {
	l.mu.Lock()
	defer l.mu.Unlock()
	posts := l.posts
	l.posts = spare[:0]
	return posts
}

// end refuses further posts, unless some came in meanwhile.
func (l *loop) end() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.ended = len(l.posts) == 0
	return l.ended
}

// guard runs f for a session. A panic is the end of that session only.
func (l *loop) guard(m *session, f func()) {
	defer func() {
		if r := recover(); r != nil {
			l.shard.stats.Panics++
			m.panicked(r)
		}
	}()
	f()
}
