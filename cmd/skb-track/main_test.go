package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skb-tools/skb-tools/test/scripttest"
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
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pipeline": scripttest.Pipeline},
	})
}
