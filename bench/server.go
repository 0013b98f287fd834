package bench

import (
	"cmp"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"
)

// ServerConfig says how to start a server to be measured.
type ServerConfig struct {
	Path    string    // of the tickcast binary
	Source  string    // sim or load, "": load
	Symbols int       // that its source publishes
	Log     string    // level of its log, "": warn
	Args    []string  // flags of serve beside these
	CPUs    []int     // processors to confine it to, none: all
	Stderr  io.Writer // where its log goes
	// Addr and Admin are the host:port of its listeners; "": free ports.
	Addr, Admin string
}

// Server is a tickcast that was started to be measured.
type Server struct {
	URL   string // ws://…, of its stream
	Admin string // http://…, of its admin listener
	PID   int

	grace   time.Duration // of Stop
	process *os.Process
	exited  chan struct{}
	state   *os.ProcessState // how it ended; read after exited is closed
}

const (
	readyTimeout = 15 * time.Second
	readyPoll    = 20 * time.Millisecond
	// stopGrace is how long a server may take to end by itself. It has
	// thousands of connections to say goodbye to.
	stopGrace = 5 * time.Second
)

// StartServer starts `serve` on this machine and returns when it is ready. End
// it with Stop.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	s, err := LaunchServer(cfg)
	if err != nil {
		return nil, err
	}
	if err := s.ready(ctx, s.Admin+"/readyz"); err != nil { // its stream may speak TLS
		_ = s.Stop() // the first error says more
		return nil, err
	}
	return s, nil
}

// Addr returns the host:port of its listener for clients.
func (s *Server) Addr() string { return strings.TrimPrefix(s.URL, "ws://") }

// LaunchServer starts `serve` and does not wait until it is ready.
func LaunchServer(cfg ServerConfig) (*Server, error) {
	if cfg.Addr == "" || cfg.Admin == "" {
		addrs, err := freePorts(2)
		if err != nil {
			return nil, err
		}
		cfg.Addr, cfg.Admin = cmp.Or(cfg.Addr, addrs[0]), cmp.Or(cfg.Admin, addrs[1])
	}
	args := []string{
		"serve", "--addr", cfg.Addr, "--admin", cfg.Admin, "--source", cmp.Or(cfg.Source, "load"),
		"--symbols", strconv.Itoa(cfg.Symbols), "--log-level", cmp.Or(cfg.Log, "warn"),
	}
	cmd := exec.Command(cfg.Path, append(args, cfg.Args...)...)
	cmd.Stderr = cfg.Stderr
	cmd.SysProcAttr = ownGroup()
	s := &Server{URL: "ws://" + cfg.Addr, Admin: "http://" + cfg.Admin, grace: stopGrace, exited: make(chan struct{})}
	if err := s.start(cmd, cfg.CPUs); err != nil {
		return nil, fmt.Errorf("bench: start server: %w", err)
	}
	return s, nil
}

// start runs the process from a thread that lives as long as it: the child
// inherits the thread's processors, and is told when the thread dies.
func (s *Server) start(cmd *exec.Cmd, cpus []int) error {
	started := make(chan error, 1)
	go func() {
		runtime.LockOSThread() // and never unlocked: the thread is not reused
		defer close(s.exited)
		err := pinThread(0, cpus)
		if err == nil {
			err = cmd.Start()
		}
		if err == nil {
			s.process, s.PID = cmd.Process, cmd.Process.Pid
		}
		started <- err
		if err == nil {
			_ = cmd.Wait() // its error is the state in other words
			s.state = cmd.ProcessState
		}
	}()
	return <-started
}

func (s *Server) ready(ctx context.Context, url string) error {
	timeout := time.NewTimer(readyTimeout)
	defer timeout.Stop()
	tick := time.NewTicker(readyPoll)
	defer tick.Stop()
	c := http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	for {
		select {
		case <-s.exited:
			return fmt.Errorf("bench: the server ended before it was ready: %v", s.state)
		case <-ctx.Done():
			return ctx.Err()
		case <-timeout.C:
			return fmt.Errorf("bench: the server is not ready after %v: %s", readyTimeout, url)
		case <-tick.C:
			if probe(ctx, &c, url) {
				return nil
			}
		}
	}
}

func probe(ctx context.Context, c *http.Client, url string) bool {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		return false
	}
	resp, err := c.Do(req)
	if err != nil {
		return false
	}
	_ = resp.Body.Close()
	return resp.StatusCode == http.StatusOK
}

// Stop ends the server, by force after a grace, and waits for it. An error says
// that it ended otherwise than by being asked to.
func (s *Server) Stop() error {
	select {
	case <-s.exited:
		return fmt.Errorf("bench: the server ended by itself: %v", s.state)
	default:
	}
	s.Terminate()
	if _, ended := s.Wait(s.grace); ended {
		return nil
	}
	s.Kill()
	return fmt.Errorf("bench: the server did not end within %v of SIGTERM and was killed", s.grace)
}

// Terminate asks the server to end.
func (s *Server) Terminate() {
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		_ = s.process.Kill() // systems without SIGTERM
	}
}

// Kill ends the server by force, and returns when it has ended.
func (s *Server) Kill() {
	_ = s.process.Kill() // it has ended already
	<-s.exited
}

// Wait waits for the server's end, at most for d, and returns its exit code, -1
// if a signal ended it.
func (s *Server) Wait(d time.Duration) (code int, ended bool) {
	timeout := time.NewTimer(d)
	defer timeout.Stop()
	select {
	case <-s.exited:
		return s.state.ExitCode(), true
	case <-timeout.C:
		return 0, false
	}
}

// freePorts returns n addresses of this machine that were free a moment ago.
func freePorts(n int) ([]string, error) {
	var addrs []string
	for range n {
		ln, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			return nil, fmt.Errorf("bench: find a port: %w", err)
		}
		defer ln.Close() // after all are found, so that they differ
		addrs = append(addrs, ln.Addr().String())
	}
	return addrs, nil
}
