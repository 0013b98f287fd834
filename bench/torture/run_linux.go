package torture

import (
	"bufio"
	"bytes"
	"context"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"time"

	"tickcast/bench"
)

// Run does what cfg says and returns what it found. The error is about the
// doing; whether the server kept its promises is for Report.Err to say.
func Run(ctx context.Context, cfg Config) (*Report, error) {
	if err := cfg.normalize(); err != nil {
		return nil, err
	}
	r := &run{cfg: cfg, log: newTap(cfg.Stderr)}
	r.report = Report{Scenario: cfg.Scenario.String(), Source: cfg.Source, Clients: cfg.Clients, Rate: cfg.Rate, Seed: cfg.Seed, ServerLines: -1}
	began := time.Now()
	defer r.close()
	if err := r.open(ctx); err != nil {
		return nil, err
	}
	var err error
	switch cfg.Scenario {
	case Mixed:
		err = r.mixed(ctx)
	case Storm:
		err = r.storm(ctx)
	case Shutdown:
		err = r.shutdown(ctx)
	}
	if err != nil && !errors.Is(err, errEnded) {
		return nil, err
	}
	r.crowd.do(func() {
		r.report.Tally, r.report.Lost = r.crowd.tally, r.crowd.lost
		r.report.judge(&r.crowd.ledger)
	})
	r.report.Seconds = time.Since(began).Seconds()
	return &r.report, nil
}

// errEnded ends a run whose server is no more; the violation has been noted.
var errEnded = errors.New("torture: the server ended by itself")

// run is a torture under way.
type run struct {
	cfg     Config
	log     *tap
	server  *bench.Server // nil: it is not ours
	pid     int
	url     string
	dir     string  // of the certificate, "": there is none
	tunnel  *tunnel // to a server with TLS, nil: it has none
	admin   *bench.Admin
	main    *bench.Admin // the main listener, for what is HTTP on it
	crowd   *crowd
	paced   bool // the source publishes at a rate that we set
	symbols []string
	base    metrics // before the first client
	report  Report
}

const (
	adminFiles  = 32 // descriptors beside those of clients
	settleMax   = 45 * time.Second
	connectMax  = 60 * time.Second
	poll        = 20 * time.Millisecond
	restTime    = 500 * time.Millisecond // a server's, after its start
	promptlyMax = 10 * time.Second       // what a server does at once, on a busy machine
)

// open starts the server and the crowd, whose clients do not connect yet.
func (r *run) open(ctx context.Context) error {
	if err := bench.RaiseFiles(r.cfg.Clients + adminFiles); err != nil {
		return err
	}
	r.url, r.pid = r.cfg.URL, r.cfg.PID
	admin := r.cfg.Admin
	if r.url == "" {
		if err := r.start(ctx); err != nil {
			return err
		}
		admin = r.server.Admin
	}
	target, err := bench.ParseTarget(ctx, r.url)
	if err != nil {
		return err
	}
	if r.admin, err = bench.NewAdmin(ctx, admin); err != nil {
		return err
	}
	if r.main, err = bench.NewAdmin(ctx, "http://"+target.Host); err != nil {
		return err
	}
	if err := r.list(ctx); err != nil {
		return err
	}
	if err := r.setRate(ctx, 0); err == nil {
		r.paced = true
	} else if r.cfg.URL == "" && r.cfg.Source == "load" {
		return err
	}
	if err := sleep(ctx, restTime); err != nil {
		return err
	}
	if r.base, err = scrape(ctx, r.admin); err != nil {
		return err
	}
	if r.crowd, err = newCrowd(newAudit(r.symbols), target, r.cfg.Seed); err != nil {
		return err
	}
	r.crowd.lenient = r.cfg.Lenient
	r.populate()
	go r.crowd.run()
	return nil
}

// start starts a server of our own, and a tunnel to it if it speaks TLS.
func (r *run) start(ctx context.Context) (err error) {
	r.cfg.Progress("starting a server")
	var roots *x509.CertPool
	if r.cfg.Sockets == SocketsTLS {
		if roots, err = r.certify(); err != nil {
			return fmt.Errorf("torture: certificate: %w", err)
		}
	}
	if r.server, err = bench.StartServer(ctx, r.serverConfig(bench.ServerConfig{})); err != nil {
		return err
	}
	r.url, r.pid = r.server.URL, r.server.PID
	if roots != nil {
		if r.tunnel, err = openTunnel(r.server.Addr(), roots); err == nil {
			r.url = r.tunnel.url()
		}
	}
	return err
}

// certify makes the certificate of servers to be started.
func (r *run) certify() (roots *x509.CertPool, err error) {
	if r.dir, err = os.MkdirTemp("", "tickcast-torture"); err != nil {
		return nil, err
	}
	cert, key, roots, err := writeCertificate(r.dir)
	r.cfg.Args = append([]string{"--tls-cert", cert, "--tls-key", key}, r.cfg.Args...)
	return roots, err
}

func (r *run) serverConfig(cfg bench.ServerConfig) bench.ServerConfig {
	cfg.Path, cfg.Source, cfg.Symbols, cfg.Log, cfg.Stderr = r.cfg.Path, r.cfg.Source, r.cfg.Symbols, "info", r.log
	cfg.Args = slices.Concat([]string{"--log-format", "json", "--drain", r.cfg.Drain.String()}, r.cfg.Sockets.args(), r.cfg.Args)
	return cfg
}

// close ends what is left.
func (r *run) close() {
	if r.crowd != nil {
		r.crowd.close()
	}
	if r.server != nil {
		if _, ended := r.server.Wait(0); !ended {
			_ = r.server.Stop() // that it has to be killed is said where it matters
		}
	}
	for _, a := range []*bench.Admin{r.admin, r.main} {
		if a != nil {
			a.Close()
		}
	}
	if r.tunnel != nil {
		r.tunnel.close()
	}
	if r.dir != "" {
		_ = os.RemoveAll(r.dir) // what is left of it is harmless
	}
}

// list asks the server for its symbols.
func (r *run) list(ctx context.Context) error {
	body, err := r.main.Get(ctx, "/v1/symbols")
	if err != nil {
		return fmt.Errorf("torture: symbols: %w", err)
	}
	var answer struct {
		Symbols []struct{ Symbol string }
	}
	if err := json.Unmarshal(body, &answer); err != nil {
		return fmt.Errorf("torture: symbols: %w", err)
	}
	for _, s := range answer.Symbols {
		r.symbols = append(r.symbols, s.Symbol)
	}
	if len(r.symbols) == 0 {
		return fmt.Errorf("torture: the server has no symbols")
	}
	r.report.Symbols = len(r.symbols)
	return nil
}

func (r *run) setRate(ctx context.Context, rate float64) error {
	_, err := r.admin.SetRate(ctx, rate)
	return err
}

// load begins to publish, if it is for us to say.
func (r *run) load(ctx context.Context) error {
	if !r.paced {
		r.report.Rate = 0
		return nil
	}
	return r.setRate(ctx, r.cfg.Rate)
}

// await polls until done, which runs in the crowd's goroutine; false means that
// it took longer than limit.
func (r *run) await(ctx context.Context, limit time.Duration, done func() bool) (bool, error) {
	for deadline := time.Now().Add(limit); ; {
		ok := false
		r.crowd.do(func() { ok = done() })
		if ok {
			return true, nil
		}
		if time.Now().After(deadline) {
			return false, nil
		}
		if err := sleep(ctx, poll); err != nil {
			return false, err
		}
	}
}

// connect lets all clients connect and waits for their states.
func (r *run) connect(ctx context.Context) error {
	c := r.crowd
	r.cfg.Progress(fmt.Sprintf("connecting %d clients", r.cfg.Clients))
	c.do(func() {
		for _, k := range c.conns {
			k.due = c.now
		}
	})
	ok, err := r.await(ctx, connectMax, func() bool { return c.ready == len(c.conns) })
	if err == nil && !ok {
		c.do(func() {
			err = fmt.Errorf("torture: %d of %d clients have their states after %v; %d violations, the first: %v",
				c.ready, len(c.conns), connectMax, c.total(), append(c.kept, Violation{})[0])
		})
	}
	return err
}

// ask has f run by the crowd, for a violation of the server or a warning.
func (r *run) judge(f func(l *ledger)) { r.crowd.do(func() { f(&r.crowd.ledger) }) }

// slow reports what took too long, or too much.
func (r *run) slow(rule Rule, format string, args ...any) {
	if r.cfg.Lenient {
		r.report.Warnings = append(r.report.Warnings, fmt.Sprintf(format, args...))
		return
	}
	r.judge(func(l *ledger) { l.server(rule, format, args...) })
}

// footprint is what the server holds at the moment.
func (r *run) footprint(m metrics) *Footprint {
	return &Footprint{
		Goroutines: int(m[seriesThreads]), Files: int(m[seriesFiles]), Sockets: kernelSockets(r.port()),
	}
}

// port is the server's own, behind a tunnel too.
func (r *run) port() int {
	addr := r.crowd.target.Addr
	if r.server != nil {
		addr = netip.MustParseAddrPort(r.server.Addr()) // we chose it
	}
	return int(addr.Port())
}

// kernelSockets counts the sockets whose own port it is and that wait for
// something: all but listeners and TIME_WAIT.
func kernelSockets(port int) (n int) {
	const listen, timeWait = "0A", "06"
	suffix := fmt.Sprintf(":%04X", port)
	for _, name := range []string{"/proc/net/tcp", "/proc/net/tcp6"} {
		text, err := os.ReadFile(name)
		if err != nil {
			continue // no IPv6
		}
		lines := bufio.NewScanner(bytes.NewReader(text))
		for lines.Scan() {
			f := strings.Fields(lines.Text())
			if len(f) > 3 && strings.HasSuffix(f[1], suffix) && f[3] != listen && f[3] != timeWait {
				n++
			}
		}
	}
	return n
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
