package main

import (
	"errors"
	"fmt"
	"os"
	"time"

	"tickcast/bench/torture"
)

// tortureCmd has variables of its own: its flags mean something else than those
// of serve and bench that have the same names.
type tortureCmd struct {
	Scenario   string        `arg:"" optional:"" env:"TICKCAST_TORTURE_SCENARIO" default:"mixed" enum:"mixed,storm,shutdown" help:"What goes wrong, see above: mixed, storm or shutdown."`
	Duration   time.Duration `env:"TICKCAST_TORTURE_DURATION" placeholder:"D" help:"Time of load: 5m in mixed, 3s before each fault in the others."`
	Clients    int           `env:"TICKCAST_TORTURE_CLIENTS" default:"1000" help:"Clients."`
	Symbols    int           `env:"TICKCAST_TORTURE_SYMBOLS" default:"200" help:"Symbols of the server that is started."`
	Each       int           `env:"TICKCAST_TORTURE_EACH" default:"10" help:"Symbols of each client, whose books it follows; a fifth also follow bbo and trades of three."`
	Rate       float64       `env:"TICKCAST_TORTURE_RATE" default:"2000" help:"Updates a second over all symbols, of --source load."`
	Frozen     float64       `env:"TICKCAST_TORTURE_FROZEN" default:"5" help:"Percentage of clients that stop reading: half of them for good, half for a while, again and again."`
	Slow       float64       `env:"TICKCAST_TORTURE_SLOW" default:"5" help:"Percentage of clients that read 8 KB/s."`
	Reconnects *float64      `env:"TICKCAST_TORTURE_RECONNECTS" placeholder:"N" help:"Clients a second that leave and come back within 2 s, half of them with cursors (one in 50)."`
	Rounds     int           `env:"TICKCAST_TORTURE_ROUNDS" default:"3" help:"Kills of storm."`
	Drain      time.Duration `env:"TICKCAST_TORTURE_DRAIN" default:"3s" help:"Drain time of the server that is started."`
	Floor      time.Duration `env:"TICKCAST_TORTURE_FLOOR" default:"10ms" help:"Least p99 that counts for the quiet time: what the machine's noise is."`
	Lenient    bool          `env:"TICKCAST_TORTURE_LENIENT" help:"Times and memory are reported and not judged: for machines that do other things meanwhile."`
	Seed       uint64        `env:"TICKCAST_TORTURE_SEED" default:"1" help:"Seed of what clients do."`
	JSON       bool          `env:"TICKCAST_TORTURE_JSON" name:"json" help:"Print the report as one line of JSON."`
	Source     string        `env:"TICKCAST_TORTURE_SOURCE" default:"load" enum:"load,sim" help:"Source of the server that is started: load, or sim, a market at its own pace."`
	Query      string        `env:"TICKCAST_TORTURE_QUERY" placeholder:"Q" help:"Query of every client's URL, for example flush=50ms."`
	Sockets    string        `env:"TICKCAST_TORTURE_SOCKETS" default:"raw" enum:"raw,ordinary,connections,tls" help:"Sockets of the server that is started: raw and ordinary are descriptors with system calls of either kind; connections and tls have two goroutines each."`
	ServerArgs []string      `env:"TICKCAST_TORTURE_SERVER_ARGS" name:"server-arg" placeholder:"ARG" help:"Further argument of the server that is started, as --server-arg=--speed=0.5; may be given again."`
	URL        string        `env:"TICKCAST_TORTURE_URL" name:"url" placeholder:"ws://…" help:"Torture a running server of this machine instead of starting one; only mixed."`
	Admin      string        `env:"TICKCAST_TORTURE_ADMIN" placeholder:"http://…" help:"Its admin listener."`
	PID        int           `env:"TICKCAST_TORTURE_PID" name:"pid" placeholder:"N" help:"Its process, for memory and CPU."`
}

// Help returns what stands between the usage line and the flags.
func (*tortureCmd) Help() string {
	return `Starts a server, does to it what clients and operators do at their worst, and checks every frame that it sends to anyone. The exit code is 1 if a promise was broken; the report names each. It needs Linux and ends by itself.

Scenarios:
  mixed     1,000 clients of ten books each, 100,000 deliveries/s; then 5 % freeze, 5 % read 8 KB/s, 20 a second leave and come back, half of them resuming
  storm     the server is killed (SIGKILL) and started again under all clients, who come back at once with cursors of the old epoch: all have their snapshots within 2 s, each of which was encoded once
  shutdown  SIGTERM under load: clients are told and closed, the process ends in time

Checked: no number of a stream is missing unless it was announced, exactly; every book is the server's at every checksum and at the end; the bytes of a frame are the same for everybody; resumes within history are recovered; clients that read are not disturbed; memory, goroutines and descriptors come back; every end of a connection has a code, a counter and a log line; nothing panics.

Examples:
  tickcast torture --duration 60s
  tickcast torture storm --rounds 1
  tickcast torture shutdown --drain 10s --json
  tickcast torture --sockets tls --rate 500
  tickcast torture --source sim --symbols 50 --server-arg=--speed=0.5
  tickcast torture --url ws://127.0.0.1:8080 --admin http://127.0.0.1:8081 --pid 4711`
}

// Run tortures, prints the report, and fails if a promise was broken.
func (c *tortureCmd) Run(e *env) error {
	cfg, err := c.config()
	if err != nil {
		return err
	}
	cfg.Stderr = e.stderr
	line := &progressLine{w: e.stderr, live: isTerminal(e.stderr)}
	cfg.Progress = line.say
	report, err := torture.Run(e.ctx, cfg)
	line.clear()
	if err != nil {
		return err
	}
	if err := printReport(e.stdout, report, c.JSON); err != nil {
		return err
	}
	return report.Err()
}

func (c *tortureCmd) config() (cfg torture.Config, err error) {
	if c.URL == "" && (c.Admin != "" || c.PID != 0) {
		return cfg, errors.New("torture: --admin and --pid belong to --url")
	}
	if c.URL != "" && len(c.ServerArgs) > 0 {
		return cfg, errors.New("torture: --server-arg is for a server that this command starts")
	}
	cfg = torture.Config{
		Source: c.Source, Args: c.ServerArgs, URL: c.URL, Admin: c.Admin, PID: c.PID, Query: c.Query,
		Clients: c.Clients, Symbols: c.Symbols, PerClient: c.Each, Rate: c.Rate, Duration: c.Duration,
		Frozen: c.Frozen / 100, Slow: c.Slow / 100, Reconnects: float64(c.Clients) / 50, Rounds: c.Rounds, Drain: c.Drain,
		Floor: c.Floor, Lenient: c.Lenient, Seed: c.Seed,
	}
	if c.Reconnects != nil {
		cfg.Reconnects = *c.Reconnects
	}
	if cfg.Sockets, err = torture.ParseSockets(c.Sockets); err != nil {
		return cfg, err
	}
	if cfg.Scenario, err = torture.ParseScenario(c.Scenario); err != nil {
		return cfg, err
	}
	if c.URL == "" {
		if cfg.Path, err = os.Executable(); err != nil {
			return cfg, fmt.Errorf("torture: find this binary: %w", err)
		}
	}
	return cfg, nil
}
