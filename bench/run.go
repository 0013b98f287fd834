package bench

import (
	"context"
	"fmt"
	"time"
)

// Config says what to measure.
type Config struct {
	Profile Profile
	// URL is the server's stream, ws://host:port; a query is kept.
	URL string
	// Admin is http://host:port of the listener that sets the load's rate.
	Admin string
	// PID is the server's process; 0: its CPU and memory stay unknown.
	PID int
	// Audit is how many connections have every sequence checked. 0: 2.
	Audit int
	// Portable reads with a goroutine a connection also where epoll is at hand.
	Portable bool
	// Progress, if set, is told of each step of each stage, from Run's goroutine.
	Progress func(stage Stage, done, total int)
}

// Stage is a part of a run. The zero Stage is invalid.
type Stage uint8

// The stages, in their order.
const (
	StageConnect   Stage = iota + 1 // done and total are connections
	StageSubscribe                  // likewise
	StageQuiet                      // done and total are seconds, as below
	StageWarmUp
	StageMeasure
	StageDrain
)

var stageNames = [...]string{"invalid", "connecting", "subscribing", "quiet", "warming up", "measuring", "draining"}

// String returns the stage as a participle.
func (s Stage) String() string {
	if int(s) < len(stageNames) {
		return stageNames[s]
	}
	return stageNames[0]
}

const (
	auditDefault = 2
	// settleTime lets a server finish what connecting began, before its memory
	// is read.
	settleTime = 700 * time.Millisecond
	// subscribeTimeout bounds the wait for the last acknowledgement.
	subscribeTimeout = 20 * time.Second
	// drainQuiet is how long nothing must come until nothing more is expected;
	// drainMax bounds the drain of a server that fell behind.
	drainQuiet = time.Second
	drainMax   = 15 * time.Second
	drainPoll  = 20 * time.Millisecond
)

// Run measures one profile against a running server and leaves its load at
// rate 0. The error is about the measuring; whether the server did well is for
// Report.Err to say.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	r := &run{cfg: cfg}
	if err := r.prepare(ctx); err != nil {
		return nil, err
	}
	defer r.admin.Close()
	if _, err := r.admin.SetRate(ctx, 0); err != nil {
		return nil, err
	}
	defer func() {
		if ctx.Err() != nil { // the server may go on without us
			after, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Second)
			defer cancel()
			_, _ = r.admin.SetRate(after, 0)
		}
	}()
	if err := r.connect(ctx); err != nil {
		return nil, err
	}
	defer r.population.close()
	if err := r.quiet(ctx); err != nil {
		return nil, err
	}
	if err := r.warmUp(ctx); err != nil {
		return nil, err
	}
	return r.measure(ctx)
}

// run is a measurement under way; its methods are the steps in their order.
type run struct {
	cfg        Config
	target     Target
	admin      *Admin
	interest   *interest
	meter      *meter
	population population
	report     Report
}

func (r *run) prepare(ctx context.Context) (err error) {
	p := &r.cfg.Profile
	if err := p.validate(); err != nil {
		return err
	}
	if r.cfg.Audit == 0 {
		r.cfg.Audit = auditDefault
	}
	if r.cfg.Progress == nil {
		r.cfg.Progress = func(Stage, int, int) {}
	}
	if r.target, err = ParseTarget(ctx, r.cfg.URL); err != nil {
		return err
	}
	if err := RaiseFiles(p.Connections); err != nil {
		return err
	}
	if r.admin, err = NewAdmin(ctx, r.cfg.Admin); err != nil {
		return err
	}
	r.interest, r.meter = p.draw(), newMeter(p.Sample)
	r.report = Report{
		Profile: p.Name, Connections: p.Connections, Symbols: p.Symbols, Rate: p.Rate, Sampled: p.Sample,
		Audited: min(r.cfg.Audit, r.readers()), P99LimitUS: p.P99Limit.Microseconds(),
	}
	return nil
}

// readers returns how many connections read.
func (r *run) readers() int {
	p := &r.cfg.Profile
	if p.SlowEvery == 0 {
		return p.Connections
	}
	return p.Connections - (p.Connections+p.SlowEvery-1)/p.SlowEvery
}

// connect makes the population and waits until all that read are subscribed.
func (r *run) connect(ctx context.Context) (err error) {
	p := &r.cfg.Profile
	before, known := ReadUsage(r.cfg.PID)
	r.population, err = connect(ctx, &crowd{
		target: r.target, profile: p, interest: r.interest, audit: r.cfg.Audit, meter: r.meter, portable: r.cfg.Portable,
		progress: func(n int) { r.cfg.Progress(StageConnect, n, p.Connections) },
	})
	if err != nil {
		return err
	}
	err = r.subscribed(ctx)
	if err == nil && known {
		err = sleep(ctx, settleTime)
	}
	if err != nil {
		r.population.close()
		return err
	}
	if after, ok := ReadUsage(r.cfg.PID); ok && known {
		each := (after.RSSBytes - before.RSSBytes) / int64(p.Connections)
		r.report.Memory = &each
	}
	return nil
}

func (r *run) subscribed(ctx context.Context) error {
	want := r.readers()
	for deadline := time.Now().Add(subscribeTimeout); ; {
		acked, _, failure := r.meter.state()
		r.cfg.Progress(StageSubscribe, acked, want)
		switch {
		case failure != nil:
			return fmt.Errorf("bench: %w", failure)
		case acked == want:
			return nil
		case time.Now().After(deadline):
			return fmt.Errorf("bench: %d of %d subscriptions acknowledged within %v", acked, want, subscribeTimeout)
		}
		if err := sleep(ctx, drainPoll); err != nil {
			return err
		}
	}
}

// quiet measures the server without ticks.
func (r *run) quiet(ctx context.Context) error {
	if r.cfg.Profile.Quiet == 0 {
		return nil
	}
	began := time.Now()
	before, known := ReadUsage(r.cfg.PID)
	if err := r.pass(ctx, StageQuiet, r.cfg.Profile.Quiet); err != nil {
		return err
	}
	if after, ok := ReadUsage(r.cfg.PID); ok && known {
		r.report.QuietBusy = share(after.CPU-before.CPU, time.Since(began))
	}
	return nil
}

// warmUp publishes at the profile's rate and lets all of it arrive.
func (r *run) warmUp(ctx context.Context) error {
	if r.cfg.Profile.Warmup == 0 {
		return nil
	}
	r.meter.reset()
	if _, err := r.admin.SetRate(ctx, r.cfg.Profile.Rate); err != nil {
		return err
	}
	if err := r.pass(ctx, StageWarmUp, r.cfg.Profile.Warmup); err != nil {
		return err
	}
	published, err := r.admin.SetRate(ctx, 0)
	if err != nil {
		return err
	}
	return r.drain(ctx, r.interest.expected(published))
}

func (r *run) measure(ctx context.Context) (*Report, error) {
	p := &r.cfg.Profile
	r.meter.reset()
	a := r.observe()
	begin, err := r.setRate(ctx, p.Rate)
	if err != nil {
		return nil, err
	}
	if err := r.pass(ctx, StageMeasure, p.Duration); err != nil {
		return nil, err
	}
	b := r.observe()
	end, err := r.setRate(ctx, 0)
	if err != nil {
		return nil, err
	}
	expected := r.interest.expected(end.published)
	if err := r.drain(ctx, expected); err != nil {
		return nil, err
	}
	rep := &r.report
	rep.Published, rep.Expected = end.published, expected
	rep.Duration = round(end.at.Sub(begin.at).Seconds(), 3)
	rep.ScheduleKept = round(float64(end.published)/(p.Rate*end.at.Sub(begin.at).Seconds()), 4)
	r.account(a, b)
	r.received()
	rep.warn()
	return rep, nil
}

// change is a change of the rate.
type change struct {
	at        time.Time // halfway between request and answer
	published int64     // at the rate before
}

func (r *run) setRate(ctx context.Context, rate float64) (change, error) {
	asked := time.Now()
	published, err := r.admin.SetRate(ctx, rate)
	return change{at: asked.Add(time.Since(asked) / 2), published: published}, err
}

// drain waits until as many messages came as expected, or none for a while.
func (r *run) drain(ctx context.Context, expected int64) error {
	r.cfg.Progress(StageDrain, 0, 0)
	began := time.Now()
	last, changed := int64(-1), began
	for {
		n := r.meter.counts().messages
		if n != last {
			last, changed = n, time.Now()
		}
		// One more look after the last expected message finds what is too much.
		quiet := time.Since(changed)
		if n >= expected && quiet >= 2*drainPoll || quiet >= drainQuiet || time.Since(began) >= drainMax {
			return nil
		}
		if err := sleep(ctx, drainPoll); err != nil {
			return err
		}
	}
}

// pass lets time go by and reports each second of it.
func (r *run) pass(ctx context.Context, stage Stage, d time.Duration) error {
	const step = time.Second
	total := int((d + step - 1) / step)
	for i := 0; d > 0; i++ {
		r.cfg.Progress(stage, i, total)
		if err := sleep(ctx, min(d, step)); err != nil {
			return err
		}
		if acked, closed, failure := r.meter.state(); closed > 0 && closed >= acked {
			return fmt.Errorf("bench: every connection has ended, the first by: %w", failure)
		}
		d -= step
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-t.C:
		return nil
	}
}
