package feed

import (
	"context"
	"fmt"
	"net"
	"sync"
	"sync/atomic"
	"time"

	"tickcast/wire"
)

// ShardsMax is how many shards there can be: the bits of a shardSet.
const ShardsMax = 64

// ShardsConfig configures Shards.
type ShardsConfig struct {
	// Count is how many shards there are, at most ShardsMax. 0 means 1.
	Count int
	// Now returns the wall time in ns since the Unix epoch. Required.
	Now func() int64
	// Ordinary makes shards use ordinary system calls where they would use
	// raw ones, which the scheduler does not see. With raw ones a busy shard
	// holds on to a processor of the runtime's: raise GOMAXPROCS by Count, or
	// everything else starves.
	Ordinary bool
	// Connections makes every session keep its net.Conn and have goroutines,
	// as TLS sessions and systems without epoll do.
	Connections bool
}

// Shards runs the fan-out of a Hub: sessions are spread over shards, each a
// goroutine of its own.
type Shards struct {
	hub   *Hub
	now   func() int64
	loops []*loop
	next  atomic.Uint64
	wg    sync.WaitGroup
	stop  chan struct{} // closed by Shutdown: the beats end
	once  sync.Once     // of stop
}

// NewShards starts the shards of h. They run until Shutdown.
func NewShards(h *Hub, cfg ShardsConfig) (*Shards, error) {
	if cfg.Count == 0 {
		cfg.Count = 1
	}
	if cfg.Count < 0 || cfg.Count > ShardsMax {
		return nil, fmt.Errorf("shards: count %d; want 1 to %d", cfg.Count, ShardsMax)
	}
	if cfg.Now == nil {
		return nil, fmt.Errorf("shards: no clock")
	}
	s := &Shards{hub: h, now: cfg.Now, stop: make(chan struct{})}
	for range cfg.Count {
		l, err := newLoop(h, &cfg)
		if err != nil {
			s.Shutdown(context.Background(), 0)
			return nil, fmt.Errorf("shards: %w", err)
		}
		s.loops = append(s.loops, l)
		s.wg.Go(l.run)
	}
	s.wg.Go(s.beat)
	return s, nil
}

// beat calls Hub.Beat when that is due.
func (s *Shards) beat() {
	timer := time.NewTimer(0)
	defer timer.Stop()
	for {
		select {
		case <-s.stop:
			return
		case <-s.hub.tiered: // a tier that was made may be due first
		case <-timer.C:
		}
		wall := s.now()
		timer.Reset(time.Duration(s.hub.Beat(wall) - wall))
	}
}

// Serve begins a session on conn, which is upgraded already; early is what
// was read from it beyond the handshake. The session owns conn from here on.
// It does not wait for the session; o.Closed tells of its end. false means
// that the shards were shut down; conn is closed then.
func (s *Shards) Serve(conn net.Conn, early []byte, o Options) bool {
	l := s.loops[s.next.Add(1)%uint64(len(s.loops))]
	taken := l.post(func() {
		if l.stopping {
			_ = conn.Close() // refused: nothing was promised
			conn := l.shard.connName(l.shard.welcome(&o))
			if o.Closed != nil {
				o.Closed(End{Conn: conn, Remote: o.Remote, TLS: o.TLS, Code: wire.CloseShutdown, Reason: "shutting down"})
			}
			return
		}
		l.adopt(conn, early, o)
	})
	if !taken {
		_ = conn.Close() // refused: nothing was promised
	}
	return taken
}

// Now returns the wall time, ns, by the clock that the shards have, by which
// readers of the hub go too. The zero Shards has none.
func (s *Shards) Now() int64 {
	if s.now == nil {
		return 0
	}
	return s.now()
}

// Congested reports whether a shard's inbox is over half full: a source that
// can wait, should.
func (s *Shards) Congested() bool {
	for _, l := range s.loops {
		if l.queue.congested() {
			return true
		}
	}
	return false
}

// Shutdown tells every client, closes the sessions spread over drain, and
// returns when no shard runs any more. When ctx ends, what is left is cut.
func (s *Shards) Shutdown(ctx context.Context, drain time.Duration) {
	s.once.Do(func() {
		if s.stop != nil { // the zero Shards has no loops either
			close(s.stop)
		}
	})
	for _, l := range s.loops {
		l.post(func() { l.shutdown(int64(drain)) })
	}
	stop := context.AfterFunc(ctx, func() {
		for _, l := range s.loops {
			l.post(l.cut)
		}
	})
	defer stop()
	s.wg.Wait()
	for _, l := range s.loops {
		l.sockets.Wait()
	}
}

// shutdown gives every session a notice now and a close frame in its turn, so
// early that what a client does not answer ends with the drain.
func (l *loop) shutdown(drain int64) {
	s := l.shard
	l.stopping = true
	n := int64(len(s.seats))
	i := int64(0)
	spread := drain - min(closeNanos, drain/2)
	if drain > 0 {
		s.drained = s.now + drain
	}
	for _, seat := range s.seats {
		m := seat.session
		if m.dead {
			continue
		}
		// Spread, so that a thousand clients do not come back at once.
		m.endAt = s.now + spread*i/max(n, 1)
		reconnect := 500 + (i*2654435761)%2000
		m.pushControl(wire.AppendNoticeShutdown(nil, reconnect))
		m.write() // the close frame, which may be due now, would replace it
		s.timers.pushSession(m.endAt, m)
		i++
	}
}

// cut ends all sessions at once.
func (l *loop) cut() {
	for _, seat := range l.shard.seats {
		seat.session.kill(wire.CloseShutdown, "drain time is over", true)
	}
}

// Stats returns the totals of all shards. It waits for their rounds.
func (s *Shards) Stats() ShardStats {
	var total ShardStats
	for _, l := range s.loops {
		answer := make(chan ShardStats, 1)
		var st ShardStats
		if l.post(func() { answer <- l.shard.total() }) {
			st = <-answer // a post that was taken is run
		} else {
			<-l.done
			st = l.shard.total() // nobody else looks at it any more
		}
		total.add(&st)
	}
	return total
}

// total returns the shard's totals as of now.
func (s *shard) total() ShardStats {
	st := s.stats
	st.Sessions, st.Groups, st.LogBytes = len(s.seats), len(s.groups), s.bytes
	return st
}

func (t *ShardStats) add(o *ShardStats) {
	t.Sessions += o.Sessions
	t.Groups += o.Groups
	t.LogBytes += o.LogBytes
	t.Packets += o.Packets
	t.Frames += o.Frames
	t.Writes += o.Writes
	t.Snapshots += o.Snapshots
	t.Replays += o.Replays
	t.Resyncs += o.Resyncs
	t.Gaps += o.Gaps
	t.Conflated += o.Conflated
	t.Evictions += o.Evictions
	t.Refused += o.Refused
	t.Torn += o.Torn
	t.Panics += o.Panics
	t.Behind += o.Behind
	t.Recovered += o.Recovered
	t.Restated += o.Restated
	t.Lost += o.Lost
	t.GapsBy.add(&o.GapsBy)
	for i, n := range o.Limits {
		t.Limits[i] += n
	}
	t.UnsentAge = max(t.UnsentAge, o.UnsentAge)
	t.Slow += o.Slow
	t.BytesIn += o.BytesIn
	t.BytesOut += o.BytesOut
	t.EncodeToWrite.add(&o.EncodeToWrite)
}
