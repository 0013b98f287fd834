package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"tickcast/bench"
)

// benchCmd has variables of its own: its flags mean something else than those
// of serve and tail that have the same names.
type benchCmd struct {
	Profile     string         `env:"TICKCAST_BENCH_PROFILE" default:"hot" enum:"hot,ui,firehose,idle,dashboard,slow" help:"Workload, see above."`
	Connections int            `env:"TICKCAST_BENCH_CONNECTIONS" placeholder:"N" help:"Clients, instead of the profile's number."`
	Symbols     int            `env:"TICKCAST_BENCH_SYMBOLS" placeholder:"N" help:"Symbols, instead of the profile's number."`
	Rate        float64        `env:"TICKCAST_BENCH_RATE" placeholder:"N" help:"Ticks a second over all symbols, instead of the profile's."`
	Duration    time.Duration  `env:"TICKCAST_BENCH_DURATION" placeholder:"D" help:"Time measured, instead of the profile's."`
	Warmup      *time.Duration `env:"TICKCAST_BENCH_WARMUP" placeholder:"D" help:"Time at the same rate before (2s)."`
	Sample      int            `env:"TICKCAST_BENCH_SAMPLE" placeholder:"N" help:"Latency of every n-th message, instead of the profile's."`
	Audit       int            `env:"TICKCAST_BENCH_AUDIT" default:"2" help:"Connections on which every sequence number is checked."`
	JSON        bool           `env:"TICKCAST_BENCH_JSON" name:"json" help:"Print the report as one line of JSON."`
	URL         string         `env:"TICKCAST_BENCH_URL" name:"url" placeholder:"ws://…" help:"Measure a running server of this machine instead of starting one."`
	Admin       string         `env:"TICKCAST_BENCH_ADMIN" placeholder:"http://…" help:"Its admin listener, which sets the rate of --source load."`
	PID         int            `env:"TICKCAST_BENCH_PID" name:"pid" placeholder:"N" help:"Its process, for CPU and memory."`
	Query       string         `env:"TICKCAST_BENCH_QUERY" placeholder:"Q" help:"Query of the stream's URL, for example flush=100ms&heartbeat=0."`
	ServerCPUs  string         `env:"TICKCAST_BENCH_SERVER_CPUS" name:"server-cpus" placeholder:"LIST" help:"Confine the server to these processors (Linux)."`
	ClientCPUs  string         `env:"TICKCAST_BENCH_CLIENT_CPUS" name:"client-cpus" placeholder:"LIST" help:"Confine the clients to these processors (Linux)."`
}

// Help returns what stands between the usage line and the flags.
func (*benchCmd) Help() string {
	var b strings.Builder
	b.WriteString("Starts a server with --source load, connects clients, publishes ticks on a schedule and reports what arrived, " +
		"how late after the scheduled instant, and what it cost the server. The exit code is 1 if anything was lost.\n\nProfiles:\n")
	for _, p := range bench.Profiles() {
		each := "all"
		if p.PerClient > 0 {
			each = fmt.Sprint(p.PerClient, " each")
		}
		fmt.Fprintf(&b, "  %-10s %6d clients, %3d symbols (%s), %4.0f ticks/s, %v\n", p.Name, p.Connections, p.Symbols, each, p.Rate, p.Duration)
	}
	b.WriteString(`
Examples:
  tickcast bench
  tickcast bench --profile firehose --rate 20000
  tickcast bench --profile ui --query flush=100ms --server-cpus 0 --client-cpus 1
  tickcast bench --json > hot.json
  tickcast bench --url ws://127.0.0.1:8080 --admin http://127.0.0.1:9090 --pid 4711`)
	return b.String()
}

// Run measures, prints the report, and fails if something was lost.
func (c *benchCmd) Run(e *env) (err error) {
	cfg, serverCPUs, err := c.config()
	if err != nil {
		return err
	}
	line := &progressLine{w: e.stderr, live: isTerminal(e.stderr)}
	cfg.Progress = line.show
	if c.URL == "" {
		line.say("starting a server")
		server, err := c.start(e, cfg.Profile.Symbols, serverCPUs)
		if err != nil {
			line.clear()
			return err
		}
		defer func() {
			line.clear()
			// An interrupt ends the server as well: that is no fault of its own.
			if stopErr := server.Stop(); stopErr != nil && e.ctx.Err() == nil {
				fmt.Fprintf(e.stderr, "tickcast: %v\n", stopErr)
			}
		}()
		cfg.URL, cfg.Admin, cfg.PID = server.URL, server.Admin, server.PID
	}
	if c.Query != "" {
		cfg.URL += "/v1/stream?" + c.Query
	}
	report, err := bench.Run(e.ctx, cfg)
	line.clear()
	if err != nil {
		return err
	}
	if err := printReport(e.stdout, report, c.JSON); err != nil {
		return err
	}
	return report.Err()
}

// config returns what to measure, without the server's addresses if it is to
// be started, and the processors of that server.
func (c *benchCmd) config() (cfg bench.Config, serverCPUs []int, err error) {
	p, ok := bench.ProfileNamed(c.Profile)
	if !ok {
		return cfg, nil, fmt.Errorf("bench: no profile %q", c.Profile)
	}
	override(&p.Connections, c.Connections)
	override(&p.Symbols, c.Symbols)
	override(&p.Rate, c.Rate)
	override(&p.Duration, c.Duration)
	override(&p.Sample, c.Sample)
	if c.Warmup != nil {
		p.Warmup = *c.Warmup
	}
	if c.URL != "" && c.Admin == "" {
		return cfg, nil, errors.New("bench: --url needs --admin: the rate is set there, and the published ticks are counted there")
	}
	if c.URL == "" && (c.Admin != "" || c.PID != 0) {
		return cfg, nil, errors.New("bench: --admin and --pid belong to --url")
	}
	if c.URL != "" && c.ServerCPUs != "" {
		return cfg, nil, errors.New("bench: --server-cpus is for a server that this command starts")
	}
	if serverCPUs, err = bench.ParseCPUs(c.ServerCPUs); err != nil {
		return cfg, nil, err
	}
	clientCPUs, err := bench.ParseCPUs(c.ClientCPUs)
	if err != nil {
		return cfg, nil, err
	}
	if err := bench.PinSelf(clientCPUs); err != nil {
		return cfg, nil, err
	}
	return bench.Config{Profile: p, URL: c.URL, Admin: c.Admin, PID: c.PID, Audit: c.Audit}, serverCPUs, nil
}

func override[T comparable](value *T, flag T) {
	var unset T
	if flag != unset {
		*value = flag
	}
}

func (c *benchCmd) start(e *env, symbols int, cpus []int) (*bench.Server, error) {
	self, err := os.Executable()
	if err != nil {
		return nil, fmt.Errorf("bench: find this binary: %w", err)
	}
	return bench.StartServer(e.ctx, bench.ServerConfig{Path: self, Symbols: symbols, CPUs: cpus, Stderr: e.stderr})
}

// printReport prints for people, or for programs.
func printReport(w io.Writer, report interface{ WriteText(w io.Writer) error }, asJSON bool) error {
	if !asJSON {
		return report.WriteText(w)
	}
	out, err := json.Marshal(report)
	if err != nil {
		return fmt.Errorf("report: %w", err)
	}
	_, err = w.Write(append(out, '\n'))
	return err
}
