// Package pipe is what the commands share as parts of a pipeline: how they find their
// input, where output goes and in which form, and how they end.
package pipe

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

// Parse reads the command line into options, a pointer to a struct of kong flags, as
// every command does: --help, --version, and status 2 for wrong use.
func Parse(name string, options any) {
	ignoreWriteSignals()
	stdout := &remembering{w: os.Stdout}
	m := manualOf(options)
	parser := parserOf(name, options,
		kong.Help(func(_ kong.HelpOptions, ctx *kong.Context) error { return writeHelp(ctx.Stdout, ctx.Model, m) }),
		kong.Writers(stdout, sayings{os.Stderr}),
		kong.Exit(func(code int) {
			if err := stdout.err; err != nil && code == 0 { // of --help and --version
				os.Exit(status(name, fmt.Errorf("writing to stdout: %w", errors.Unwrap(err)), os.Stderr))
			}
			os.Exit(code)
		}))
	if _, err := parser.Parse(os.Args[1:]); err != nil {
		parser.Errorf("%s", explainUsage(parser.Model, m, err))
		parser.Exit(2)
	}
	setPage(options)
}

func parserOf(name string, options any, more ...kong.Option) *kong.Kong {
	var version struct {
		Version kong.VersionFlag `group:"other" help:"Print the version and exit."`
	}
	parser, err := kong.New(options, append(more, kong.Name(name), kong.Embed(&version),
		kong.Vars{"version": name + " " + Version})...)
	if err != nil {
		panic(err) // a mistake in the struct's tags
	}
	parser.Model.HelpFlag.Help = "Print this help and exit."
	return parser
}

// Describe returns what a command is, by its options: its flags and arguments, and what --help says beside them.
func Describe(name string, options any) (*kong.Application, *Manual) {
	return parserOf(name, options).Model, manualOf(options)
}

// manualOf returns the manual that options have.
func manualOf(options any) *Manual {
	if o, ok := options.(interface{ Manual() *Manual }); ok {
		return o.Manual()
	}
	return &Manual{Usage: "[FLAG...]"}
}

// A remembering writer keeps the first error, which kong would not tell, or in words of its own.
type remembering struct {
	w   io.Writer
	err error
}

func (r *remembering) Write(p []byte) (int, error) {
	if r.err == nil {
		_, r.err = r.w.Write(p)
	}
	return len(p), nil
}

// A UsageError is wrong use, which ends a command with status 2.
type UsageError string

// Usagef makes a UsageError as fmt.Sprintf does.
func Usagef(layout string, args ...any) UsageError { return UsageError(fmt.Sprintf(layout, args...)) }

func (e UsageError) Error() string { return string(e) }

// ExitStatus is that of wrong use.
func (e UsageError) ExitStatus() int { return 2 }

// ExitStatus is an error that is only a status: nothing is printed.
type ExitStatus int

func (s ExitStatus) Error() string { return fmt.Sprintf("exit status %d", int(s)) }

// ExitStatus returns the status.
func (s ExitStatus) ExitStatus() int { return int(s) }

// Main runs a command and exits with its status. An error is one line on stderr and
// status 1, or what its ExitStatus method says.
//
// A pipe that was closed downstream (`| head`) is no error: the reader has what it
// wanted, so the status is 0 and nothing is said.
func Main(name string, run func(context.Context) error) {
	ignoreWriteSignals()
	program = name
	ctx, stop := context.WithCancel(context.Background())
	go func() {
		WaitEnd()
		stop()
	}()
	os.Exit(status(name, run(ctx), os.Stderr))
}

// WaitEnd waits for a signal that asks for the end: SIGINT, SIGTERM and, unless it was
// ignored as nohup does, SIGHUP. Another SIGINT or SIGTERM after it kills, as signals do.
// Another SIGHUP does not: when a terminal goes away, the shell and the kernel both send one.
func WaitEnd() {
	signals, hangup := endSignals()
	select {
	case <-signals:
	case <-hangup:
	}
	signal.Stop(signals)
}

// endSignals are the signals that ask for the end, two of which may come at once.
func endSignals() (signals, hangup chan os.Signal) {
	signals, hangup = make(chan os.Signal, 2), make(chan os.Signal, 1)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM)
	if !signal.Ignored(syscall.SIGHUP) {
		signal.Notify(hangup, syscall.SIGHUP)
	}
	return signals, hangup
}

func status(name string, err error, stderr io.Writer) int {
	var s interface{ ExitStatus() int }
	var errno syscall.Errno
	switch {
	case err == nil || errors.As(err, &errno) && isClosedPipe(errno):
		return 0
	case errors.As(err, &s):
		if _, silent := err.(ExitStatus); !silent {
			Say(stderr, name, err.Error())
		}
		return s.ExitStatus()
	}
	Say(stderr, name, err.Error())
	return 1
}

// MainFilter is Main for the commands that read a stream. Of a file, which has no collector at
// its other end, they read no more when a signal asks for the end. Of a pipe they do: a ^C at
// the terminal reaches the whole pipeline, and the last events and the end record are still to
// come. What writes there may not have heard of it, or may not end: see waiting.
func MainFilter(name string, run func(context.Context) error) {
	ignoreWriteSignals()
	program = name
	p := startPager(name)
	endFilter(p != nil)
	code := status(name, run(context.Background()), os.Stderr)
	p.end()
	os.Exit(code)
}
