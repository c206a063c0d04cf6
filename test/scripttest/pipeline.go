// Package scripttest is what the scripts that test the commands share.
package scripttest

import (
	"os"
	"os/signal"
	"syscall"

	"github.com/rogpeppe/go-internal/testscript"
)

// Under nohup, or in the background of a script, tests begin with signals ignored, and so would
// the programs that they start and send these signals to. What is caught here is not ignored there.
func init() {
	for _, s := range []os.Signal{syscall.SIGHUP, syscall.SIGINT, syscall.SIGTERM} {
		if signal.Ignored(s) {
			signal.Notify(make(chan os.Signal, 1), s)
		}
	}
}

// Pipeline is a command for scripts: it runs a line of shell, whose stdout and stderr become
// the script's. It fails when any part of a pipe in it fails.
func Pipeline(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: pipeline 'a | b'")
	}
	err := ts.Exec("bash", "-c", "set -o pipefail; "+args[0])
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
}
