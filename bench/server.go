package bench

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"os/exec"
	"runtime"
	"strconv"
	"syscall"
	"time"
)

// ServerConfig says how to start a server to be measured.
type ServerConfig struct {
	Path    string    // of the tickcast binary
	Symbols int       // that its load source publishes
	CPUs    []int     // processors to confine it to, none: all
	Stderr  io.Writer // where its log goes
}

// Server is a tickcast that was started to be measured.
type Server struct {
	URL   string // ws://…, of its stream
	Admin string // http://…, of its admin listener
	PID   int

	grace   time.Duration // of Stop
	process *os.Process
	exited  chan struct{}
	exit    string // how it ended; read after exited is closed
}

const (
	readyTimeout = 15 * time.Second
	readyPoll    = 20 * time.Millisecond
	// stopGrace is how long a server may take to end by itself. It has
	// thousands of connections to say goodbye to.
	stopGrace = 5 * time.Second
)

// StartServer starts `serve --source load` on free ports of this machine and
// returns when it is ready. End it with Stop.
func StartServer(ctx context.Context, cfg ServerConfig) (*Server, error) {
	addrs, err := freePorts(2)
	if err != nil {
		return nil, err
	}
	cmd := exec.Command(cfg.Path, "serve", "--addr", addrs[0], "--admin", addrs[1],
		"--source", "load", "--symbols", strconv.Itoa(cfg.Symbols), "--log-level", "warn")
	cmd.Stderr = cfg.Stderr
	cmd.SysProcAttr = ownGroup()
	s := &Server{URL: "ws://" + addrs[0], Admin: "http://" + addrs[1], grace: stopGrace, exited: make(chan struct{})}
	if err := s.start(cmd, cfg.CPUs); err != nil {
		return nil, fmt.Errorf("bench: start server: %w", err)
	}
	if err := s.ready(ctx, "http://"+addrs[0]+"/readyz"); err != nil {
		_ = s.Stop() // the first error says more
		return nil, err
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
			s.exit = cmd.ProcessState.String()
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
			return fmt.Errorf("bench: the server ended before it was ready: %s", s.exit)
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
		return fmt.Errorf("bench: the server ended by itself: %s", s.exit)
	default:
	}
	if err := s.process.Signal(syscall.SIGTERM); err != nil {
		_ = s.process.Kill() // systems without SIGTERM
	}
	select {
	case <-s.exited:
		return nil
	case <-time.After(s.grace):
	}
	_ = s.process.Kill()
	<-s.exited
	return fmt.Errorf("bench: the server did not end within %v of SIGTERM and was killed", s.grace)
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
