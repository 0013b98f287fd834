// Command tickcast serves a simulated or recorded market over WebSockets, watches
// it and measures it: one file a subcommand, which reads flags and TICKCAST_*
// environment variables and wires the packages together.
package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"syscall"

	"github.com/alecthomas/kong"
)

// commands is the command line; each field is a subcommand with a
// Run(*env) error method in the file of its name.
type commands struct {
	Serve   serveCmd   `cmd:"" help:"Serve a simulated or recorded market over WebSockets."`
	Sim     simCmd     `cmd:"" help:"Simulate a market as fast as possible: its tape, its hash, its stylised facts."`
	Tail    tailCmd    `cmd:"" help:"Print a feed's frames, one a line, or live statistics."`
	Bench   benchCmd   `cmd:"" help:"Measure latency, loss and cost of serving many clients."`
	Torture tortureCmd `cmd:"" help:"Hold a server to its promises while clients freeze, crawl, flap and storm."`
	Match   matchCmd   `cmd:"" help:"Run a script of commands through an order book and print the reports."`
	Replay  replayCmd  `cmd:"" help:"Rebuild books from recorded messages and print the book after each."`
	Version versionCmd `cmd:"" help:"Print the version of this binary."`
}

const description = `A trading market-data feed server: a deterministic market simulator fills order
books whose ticks are encoded once and fanned out over WebSockets.

Every flag can be set in the environment: --log-level is TICKCAST_LOG_LEVEL.`

// env is what a command may touch of the world. ctx ends at SIGINT or SIGTERM.
type env struct {
	ctx            context.Context
	stdin          io.Reader
	stdout, stderr io.Writer
}

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// A second signal ends the process at once.
	context.AfterFunc(ctx, stop)
	os.Exit(run(ctx, os.Args[1:], os.Stdin, os.Stdout, os.Stderr))
}

// run parses args and executes the command; it returns the exit code: 0, 1 if
// the command failed, 2 if the command line makes no sense.
func run(ctx context.Context, args []string, stdin io.Reader, stdout, stderr io.Writer) int {
	var cli commands
	exited := -1
	parser, err := kong.New(&cli,
		kong.Name("tickcast"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(func(code int) { exited = code }),
		kong.DefaultEnvars("TICKCAST"),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.UsageOnError(),
	)
	if err != nil {
		panic(err) // the command structs are wrong
	}
	if len(args) == 0 {
		args = []string{"--help"}
	}
	kctx, err := parser.Parse(args)
	if exited >= 0 {
		return exited // --help
	}
	if err != nil {
		fmt.Fprintf(stderr, "tickcast: %v\n", err)
		return 2
	}
	err = kctx.Run(&env{ctx: ctx, stdin: stdin, stdout: stdout, stderr: stderr})
	if err != nil && !errors.Is(err, context.Canceled) {
		fmt.Fprintf(stderr, "tickcast: %v\n", err)
		return 1
	}
	return 0
}
