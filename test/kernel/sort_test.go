//go:build kernel

package kerneltest

import (
	"fmt"
	"os"
	"os/exec"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

var _ = sameOnAllKernels("TestSortLive", "how skb-sort reads two streams that go on")

// TestSortLive: behind collectors that go on, skb-sort prints what they see while it reads,
// of two at once, in order; and it keeps apart which collector saw what.
func TestSortLive(t *testing.T) {
	net := chain(t, 2)
	const file = "/tmp/live.skb"
	p := start(t, exec.Command("bash", "-c", `skb-sort --window 5s -o stream \
		<(exec skb-collect -q --no-follow -s 100 -p ip_rcv) <(exec skb-collect -q --no-follow -s 200 -p ip_output) > `+file+` & echo started >&2; wait`), "started")
	until(t, "events of both", func() (bool, string) {
		net.in(0, "ping -qc 3 -i 0.01 10.0.0.2")
		probes := map[string]bool{}
		for d := decoder(t, file); ; {
			r, err := d.Next()
			if err != nil {
				return probes["ip_rcv"] && probes["ip_output"], fmt.Sprint(probes)
			}
			probe, _ := r.Get("probe").Str()
			probes[string(probe)] = true
		}
	})
	run(t, "pkill", "-INT", "-x", "skb-collect")
	p.wait()
	if says := p.errors(); says != "started\n" {
		t.Errorf("on stderr: %s", says)
	}
	var last uint64
	var starts format.Starts[uint32]
	for d, snaplen := decoder(t, file), uint32(0); ; {
		r, err := d.Next()
		if err != nil {
			break
		}
		switch ts, _ := r.Time(); r.Type() {
		case format.TypeStart:
			var start format.Start
			_ = start.Decode(r)
			snaplen = start.Snaplen
			starts.Set(r, snaplen)
		case format.TypeResume:
			snaplen, _ = starts.Resume(r)
		case format.TypeEvent:
			if probe, _ := r.Get("probe").Str(); (snaplen == 100) != (string(probe) == "ip_rcv") {
				t.Fatalf("%s is behind the start of a collector with snaplen %d", probe, snaplen)
			}
			if ts < last {
				t.Fatal("not in order")
			}
			last = ts
		}
	}
	nothingLeft(t)
}

func decoder(t *testing.T, file string) *format.Decoder {
	f, err := os.Open(file)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { f.Close() })
	return format.NewDecoder(f)
}
