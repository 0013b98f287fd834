package feed

import (
	"sync"
	"time"
)

// loop runs a shard: the one goroutine that calls it. Rounds take what came
// in, then write what is due; between them it waits.
type loop struct {
	shard *shard
	queue queue
	now   func() int64

	wake chan struct{} // holds one token when there is something to do
	done chan struct{} // closed when the goroutine has returned

	mu    sync.Mutex // guards posts and ended
	posts []func()   // from sockets and from outside, run in the loop's goroutine
	ended bool       // no post is taken any more

	stopping bool // owned by run: return when no session is left
}

func newLoop(h *Hub, now func() int64) *loop {
	l := &loop{now: now, wake: make(chan struct{}, 1), done: make(chan struct{})}
	l.queue.rouse = l.rouse
	l.shard = newShard(h, &l.queue)
	return l
}

// rouse ends a wait, or keeps the next one from beginning.
func (l *loop) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
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
		l.rouse()
	}
	return !ended
}

// run is the loop's goroutine. It returns when it was stopped and no session
// is left.
func (l *loop) run() {
	defer close(l.done)
	timer := time.NewTimer(time.Hour)
	defer timer.Stop()
	var d delivery
	var posts []func()
	for {
		l.queue.take(&d)
		l.shard.deliver(&d, l.now())
		posts = l.takePosts(posts)
		for i, f := range posts {
			posts[i] = nil
			l.shard.now = l.now()
			f()
		}
		if now := l.now(); now >= l.shard.next() {
			l.shard.tick(now)
		}
		more := l.shard.flush(l.now())
		if l.stopping && len(l.shard.sessions) == 0 && l.end() {
			return
		}
		if !more && l.queue.sleep() {
			l.wait(timer)
		}
	}
}

// wait blocks until there is something to do.
func (l *loop) wait(timer *time.Timer) {
	timer.Reset(time.Duration(max(l.shard.next()-l.now(), 0)))
	select {
	case <-l.wake:
	case <-timer.C:
	}
	l.queue.asleep.Store(false)
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
