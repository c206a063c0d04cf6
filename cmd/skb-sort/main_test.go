package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skb-tools/skb-tools/format"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skb-sort": main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			return os.WriteFile(filepath.Join(e.WorkDir, "big.skb"), big(), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pipeline": pipeline},
	})
}

// pipeline runs a line of shell, whose stdout and stderr become the script's. It fails
// when any part of a pipe in it fails.
func pipeline(ts *testscript.TestScript, neg bool, args []string) {
	if len(args) != 1 {
		ts.Fatalf("usage: pipeline 'a | b'")
	}
	err := ts.Exec("bash", "-c", "set -o pipefail; "+args[0])
	if (err != nil) != neg {
		ts.Fatalf("%s: %v", args[0], err)
	}
}

// big is a stream of 6 MB, its later half in front.
func big() []byte {
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	_ = e.Write(&format.Start{TS: 1, Host: "h"})
	for i := range 3000 {
		_ = e.Write(&format.Event{TS: uint64(2 + (i+1500)%3000), Probe: fmt.Sprint(i),
			Packet: format.Packet{Len: 2000, At: "mac", Data: make([]byte, 2000)}})
	}
	_ = e.Write(&format.End{TS: 4000})
	_ = e.Flush()
	return b.Bytes()
}
