package main

import (
	"context"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/sort"
	"github.com/skb-tools/skb-tools/internal/track"
	"github.com/skb-tools/skb-tools/test/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skb-pcap": main, "tojson": tojson, "skb-track": track.Main, "skb-drops": drops.Main, "skb-sort": sort.Main})
}

func TestScripts(t *testing.T) {
	wireshark, err := filepath.Abs("../../contrib/wireshark")
	if err != nil {
		t.Fatal(err)
	}
	streams, err := filepath.Abs("../../testdata")
	if err != nil {
		t.Fatal(err)
	}
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			// make test-debian13 runs tshark as another user.
			for _, dir := range []string{filepath.Dir(e.WorkDir), e.WorkDir, filepath.Join(e.WorkDir, ".tmp")} {
				if err := os.Chmod(dir, 0o777); err != nil {
					return err
				}
			}
			// Wireshark reads the user's own settings from there.
			e.Setenv("HOME", e.WorkDir)
			e.Setenv("XDG_CONFIG_HOME", filepath.Join(e.WorkDir, "config"))
			e.Setenv("WIRESHARK", wireshark)
			e.Setenv("STREAMS", streams)
			recorded, err := os.ReadFile("../../internal/pcap/testdata/nat.skb")
			if err != nil {
				return err
			}
			if err := os.WriteFile(filepath.Join(e.WorkDir, "nat.skb"), recorded, 0o644); err != nil {
				return err
			}
			return writeStreams(e.WorkDir)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pipeline": scripttest.Pipeline},
	})
}

// tojson is what every other filter does with -o json.
func tojson() {
	pipe.MainFilter("tojson", func(context.Context) error {
		in, err := pipe.OpenInputs(os.Args[1:], os.Stdin)
		if err != nil {
			return err
		}
		in.Part = true
		sink, err := pipe.NewSink(pipe.Options{Output: "json"}, os.Stdout)
		if err != nil {
			return err
		}
		return pipe.Copy(in, sink, sink.Write)
	})
}
