package main

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"testing"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pcap"
	"github.com/skb-tools/skb-tools/internal/track"
	"github.com/skb-tools/skb-tools/test/scripttest"
)

func TestMain(m *testing.M) {
	testscript.Main(m, map[string]func(){"skb-sort": main, "skb-track": track.Main, "skb-drops": drops.Main, "skb-pcap": pcap.Main})
}

func TestScripts(t *testing.T) {
	testscript.Run(t, testscript.Params{
		Dir:           "testdata/script",
		UpdateScripts: os.Getenv("UPDATE") != "",
		Setup: func(e *testscript.Env) error {
			e.Setenv("TZ", "UTC")
			streams, err := filepath.Abs("../../testdata")
			if err != nil {
				return err
			}
			e.Setenv("STREAMS", streams)
			return os.WriteFile(filepath.Join(e.WorkDir, "big.skb"), big(), 0o600)
		},
		Cmds: map[string]func(*testscript.TestScript, bool, []string){"pipeline": scripttest.Pipeline},
	})
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
	_ = e.Write(&format.End{TS: 4000, Events: 3000})
	_ = e.Flush()
	return b.Bytes()
}
