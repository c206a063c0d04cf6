package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"
)

func TestMain(m *testing.M) { testscript.Main(m, map[string]func(){"skb-track": main}) }

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			streams, err := filepath.Abs("../../testdata")
			e.Setenv("STREAMS", streams)
			return err
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pipeline": pipeline},
	})
}

// pipeline runs a line of shell, whose stdout becomes the script's. It fails when any part
// of a pipe in it fails.
func pipeline(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: pipeline 'a | b'")
	}
	err := ts.Exec("bash", "-c", "set -o pipefail; "+args[0])
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
}
