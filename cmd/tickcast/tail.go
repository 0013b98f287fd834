package main

import (
	"bufio"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"syscall"
	"time"

	"tickcast/feed/client"
	"tickcast/wire"
)

type tailCmd struct {
	Streams []string `arg:"" name:"stream" help:"Streams or patterns: bbo.BTCUSDT, trade.*, book.ETH*."`
	URL     string   `name:"url" default:"ws://127.0.0.1:8080" help:"Feed to connect to."`
	trustFlags
	Control     bool          `help:"Print control frames too."`
	Stats       bool          `help:"Print a line of statistics every second instead of the frames."`
	Count       int64         `placeholder:"N" help:"End after N data frames."`
	Duration    time.Duration `placeholder:"D" help:"End after this time."`
	NoReconnect bool          `name:"no-reconnect" help:"End when the connection does."`
	Slow        string        `placeholder:"P" enum:",conflate,close" default:"" help:"What the feed does when this end is too slow: conflate or close."`
	Flush       time.Duration `placeholder:"D" help:"Let the feed send once per this time, up to 1s."`
}

// Help returns what stands between the usage line and the flags.
func (*tailCmd) Help() string {
	return `Prints each data frame as one line of JSON on standard output. What the feed
says about losses (gap, conflated, notice, error) and refused streams goes to
standard error. A lost connection is taken up again, event streams (trade, book)
from the last frame seen.

With --stats, tp is the time from publication to receipt and ts that from the
instant for which the event was scheduled, the latter while the market runs at
the speed of the wall clock. Both need clocks that agree.

Examples:
  tickcast tail bbo.BTCUSDT
  tickcast tail 'trade.*' --count 100 | jq .price
  tickcast tail 'bbo.*' 'book.ETH*' --stats
  tickcast tail 'bbo.*' --flush 100ms --url ws://feed.example:8080`
}

// errTailDone ends a tail that has all that it was asked for.
var errTailDone = errors.New("tail: done")

// Run prints frames until the count, the time, an interrupt, or an error that
// coming back does not mend.
func (c *tailCmd) Run(e *env) error {
	ctx := e.ctx
	if c.Duration > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, c.Duration)
		defer cancel()
	}
	trust, err := c.config()
	if err != nil {
		return err
	}
	t := newTailer(c, e)
	t.trust = trust
	if c.Stats {
		stop := t.stats.start(e.stdout, isTerminal(e.stdout))
		defer stop()
	}
	err = t.follow(ctx)
	if flushErr := t.out.Flush(); flushErr != nil && err == nil {
		err = flushErr
	}
	if ctx.Err() != nil || errors.Is(err, errTailDone) || brokenPipe(err) {
		return nil
	}
	return err
}

func brokenPipe(err error) bool {
	return errors.Is(err, syscall.EPIPE) || errors.Is(err, io.ErrClosedPipe)
}

// tailer follows streams over one connection after another.
type tailer struct {
	cmd    *tailCmd
	trust  *tls.Config // nil: the system's roots
	stderr io.Writer
	out    *bufio.Writer
	left   int64 // frames until the end; negative for no end

	streams map[string]*tailStream
	epoch   string
	clock   client.Clock
	stats   *tailStats

	delay time.Duration // before the next connection
	hint  time.Duration // the server's wish for that delay, 0 for none
}

// tailStream is what is known of one stream.
type tailStream struct {
	event  bool        // every frame counts: resumed, and checked for holes
	last   wire.Cursor // of the last frame, or of what a gap leads to
	oldest uint64      // frames up to here were there before the subscription
}

const (
	delayMin = 250 * time.Millisecond
	delayMax = 10 * time.Second
)

// outBytes is what is written to standard output at once when many frames are
// there at once.
const outBytes = 64 << 10

func newTailer(c *tailCmd, e *env) *tailer {
	left := int64(-1)
	if c.Count > 0 {
		left = c.Count
	}
	return &tailer{
		cmd: c, stderr: e.stderr, out: bufio.NewWriterSize(e.stdout, outBytes), left: left,
		streams: make(map[string]*tailStream), stats: newTailStats(), delay: delayMin,
	}
}

// follow connects and reads, again and again. The first connection must
// succeed.
func (t *tailer) follow(ctx context.Context) error {
	for first := true; ; first = false {
		connected, err := t.session(ctx)
		if errors.Is(err, errTailDone) || brokenPipe(err) || ctx.Err() != nil ||
			t.cmd.NoReconnect || first && !connected || !worthRetry(err) {
			return err
		}
		wait := t.backoff()
		t.say("%v; reconnecting in %v", err, wait.Round(time.Millisecond))
		if err := sleep(ctx, wait); err != nil {
			return err
		}
	}
}

// worthRetry reports whether the same request may succeed later.
func worthRetry(err error) bool {
	var closed *client.CloseError
	var refused *client.StatusError
	switch {
	case errors.Is(err, errNothing):
		return false
	case errors.As(err, &closed):
		return closed.Retry()
	case errors.As(err, &refused):
		return refused.Retry()
	}
	return true
}

// backoff returns the time until the next attempt: at least the server's wish,
// or a doubling delay less a part. The part is random, so that a thousand
// clients do not come back as one.
func (t *tailer) backoff() time.Duration {
	if hint := t.hint; hint > 0 {
		t.hint = 0
		return hint + rand.N(hint/2+1)
	}
	d := t.delay
	t.delay = min(2*t.delay, delayMax)
	return d - rand.N(d/2+1)
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-timer.C:
		return nil
	}
}

// session is one connection; connected tells whether it came about. It does
// not return nil.
func (t *tailer) session(ctx context.Context) (connected bool, err error) {
	conn, err := client.Dial(ctx, client.Config{
		URL: t.cmd.URL, TLS: t.trust, Slow: t.cmd.Slow, Flush: t.cmd.Flush,
		// Frames that arrived together are written together.
		OnWait: t.out.Flush,
	})
	if err != nil {
		return false, err
	}
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer func() {
		stop()
		_ = conn.Close()
	}()
	hello := conn.Hello()
	t.epoch, t.clock = hello.Epoch, hello.Clock
	if err := t.control(client.Frame{Op: "hello", Raw: hello.Raw}); err != nil {
		return true, err
	}
	if err := conn.Subscribe(client.Request{ID: 1, Streams: t.cmd.Streams, Since: t.cursors()}); err != nil {
		return true, err
	}
	for {
		f, err := conn.Next()
		switch {
		case errors.Is(err, client.ErrFrame):
			t.say("%v", err)
			continue
		case err != nil:
			return true, err
		case f.Op != "":
			err = t.control(f)
		default:
			err = t.data(f)
		}
		if err != nil {
			return true, err
		}
	}
}

// cursors returns where to resume the event streams.
func (t *tailer) cursors() map[string]wire.Cursor {
	since := make(map[string]wire.Cursor)
	for name, s := range maps.All(t.streams) {
		if s.event && s.last.Epoch != "" {
			since[name] = s.last
		}
	}
	return since
}

// say writes a line to standard error, after what was printed before it.
func (t *tailer) say(format string, args ...any) {
	_ = t.out.Flush() // its error comes again at the next write
	fmt.Fprintf(t.stderr, "tickcast: "+format+"\n", args...)
}
