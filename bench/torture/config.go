package torture

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"math"
	"time"
)

// Scenario says what goes wrong. The zero Scenario is invalid.
type Scenario uint8

// The scenarios.
const (
	Mixed    Scenario = iota + 1 // clients freeze, read slowly, come and go
	Storm                        // the server is killed, and all come back at once
	Shutdown                     // SIGTERM under load
)

var scenarioNames = [...]string{"invalid", "mixed", "storm", "shutdown"}

// String returns the scenario's name.
func (s Scenario) String() string {
	if int(s) < len(scenarioNames) {
		return scenarioNames[s]
	}
	return scenarioNames[0]
}

// ParseScenario returns the scenario of that name.
func ParseScenario(name string) (Scenario, error) {
	for s := Mixed; int(s) < len(scenarioNames); s++ {
		if s.String() == name {
			return s, nil
		}
	}
	return 0, fmt.Errorf("torture: no scenario %q", name)
}

// ErrSystem is returned where torture cannot run.
var ErrSystem = errors.New("torture: it needs Linux")

// ErrConfig is wrapped by errors about a Config.
var ErrConfig = errors.New("torture")

// Config says what to do to which server. Zero fields have the defaults that
// stand beside them, but where 0 makes sense.
type Config struct {
	Scenario Scenario // Mixed
	Path     string   // of the tickcast binary that is started; required without URL
	Source   string   // of the started server: load or sim; load
	Args     []string // further flags of it
	Sockets  Sockets  // of it; SocketsRaw

	// URL, ws://host:port, and Admin, http://host:port, are those of a server
	// that runs already; PID, if not 0, is its process. Only Mixed can use it.
	URL, Admin string
	PID        int

	// Query is that of every client's URL, for example flush=50ms.
	Query string

	Clients   int           // 1,000
	Symbols   int           // that the started server has: 200
	PerClient int           // symbols of each client: 10
	Rate      float64       // updates a second over all symbols, of a load source: 2,000
	Duration  time.Duration // of load in Mixed: 5 m; of load before the fault in others: 3 s

	Frozen     float64 // share of clients that stop reading, 0 to 0.4
	Slow       float64 // share of clients that read 8 KB/s, 0 to 0.4
	Reconnects float64 // clients that leave and come back, a second

	Rounds int           // of Storm: 3
	Drain  time.Duration // of the started server at SIGTERM: 3 s

	// Floor is the least 99th percentile of the quiet time: machines that share
	// their cores have noise of this size. 10 ms.
	Floor time.Duration
	// Lenient reports what takes too long, or too much memory, as warnings: for
	// machines that do other things meanwhile.
	Lenient bool
	Seed    uint64

	Stderr   io.Writer         // where warnings and errors of the server go
	Progress func(text string) // is told what happens; from Run's goroutine
}

const (
	clientsMax   = 18_000 // what 20,000 descriptors leave room for
	symbolsMax   = 4_096
	sharesMax    = 0.4
	flapperLives = 5 // seconds that a flapper stays, on average
)

func (c *Config) normalize() error {
	c.Scenario = cmp.Or(c.Scenario, Mixed)
	c.Source = cmp.Or(c.Source, "load")
	c.Sockets = cmp.Or(c.Sockets, SocketsRaw)
	c.Clients = cmp.Or(c.Clients, 1000)
	c.Symbols = cmp.Or(c.Symbols, 200)
	c.PerClient = cmp.Or(c.PerClient, 10)
	c.Rate = cmp.Or(c.Rate, 2000)
	c.Rounds = cmp.Or(c.Rounds, 3)
	c.Drain = cmp.Or(c.Drain, 3*time.Second)
	c.Floor = cmp.Or(c.Floor, 10*time.Millisecond)
	if c.Duration == 0 {
		c.Duration = 3 * time.Second
		if c.Scenario == Mixed {
			c.Duration = 5 * time.Minute
		}
	}
	if c.Progress == nil {
		c.Progress = func(string) {}
	}
	return c.validate()
}

func (c *Config) validate() error {
	bad := func(format string, args ...any) error {
		return fmt.Errorf("%w: "+format, append([]any{ErrConfig}, args...)...)
	}
	switch {
	case c.Scenario.String() == scenarioNames[0]:
		return bad("no such scenario")
	case c.Sockets.String() == socketsNames[0]:
		return bad("no such sockets")
	case c.URL != "" && c.Sockets != SocketsRaw:
		return bad("the sockets of a server that runs already are what they are")
	case c.Clients < 10 || c.Clients > clientsMax:
		return bad("%d clients; want 10 to %d", c.Clients, clientsMax)
	case c.Symbols < 1 || c.Symbols > symbolsMax:
		return bad("%d symbols; want 1 to %d", c.Symbols, symbolsMax)
	case c.PerClient < 1:
		return bad("%d symbols for each client", c.PerClient)
	case !(c.Rate > 0) || math.IsInf(c.Rate, 0):
		return bad("rate %v; want more than 0", c.Rate)
	case c.Duration < time.Second || c.Duration > 24*time.Hour:
		return bad("duration %v; want 1s to 24h", c.Duration)
	case !(c.Frozen >= 0 && c.Frozen <= sharesMax && c.Slow >= 0 && c.Slow <= sharesMax):
		return bad("shares %v frozen and %v slow; want 0 to %v", c.Frozen, c.Slow, sharesMax)
	case c.Scenario == Mixed && !(c.Reconnects >= 0 && c.Reconnects*flapperLives <= sharesMax/2*float64(c.Clients)):
		return bad("%v reconnects/s; want 0 to %v with %d clients", c.Reconnects, sharesMax/2*float64(c.Clients)/flapperLives, c.Clients)
	case c.URL == "" && c.Path == "":
		return bad("neither a server nor a binary to start one")
	case c.URL != "" && c.Admin == "":
		return bad("a server that runs is looked at through its admin listener: name it too")
	case c.URL != "" && c.Scenario != Mixed:
		return bad("scenario %v ends servers: it starts its own", c.Scenario)
	case c.Rounds < 1 || c.Drain < 0:
		return bad("%d rounds, drain %v", c.Rounds, c.Drain)
	}
	return nil
}

// quiet is the part of Duration without faults.
func (c *Config) quiet() time.Duration {
	return min(max(c.Duration/6, time.Second), 30*time.Second)
}
