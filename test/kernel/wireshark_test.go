//go:build kernel

package kerneltest

import (
	"bufio"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"
)

// A live is what a command prints, while it runs.
type live struct {
	mu     sync.Mutex
	text   strings.Builder
	delays []time.Duration // of lines that end with a time, from then until they were read
}

// printed starts to read what cmd, which has not started, will print.
func printed(t *testing.T, cmd *exec.Cmd) *live {
	t.Helper()
	l := &live{}
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	go func() {
		for s := bufio.NewScanner(out); s.Scan(); {
			now := time.Now()
			l.mu.Lock()
			l.text.WriteString(s.Text() + "\n")
			last := s.Text()[strings.LastIndexByte(s.Text(), ' ')+1:]
			if seconds, err := strconv.ParseFloat(last, 64); err == nil {
				l.delays = append(l.delays, now.Sub(time.UnixMicro(int64(seconds*1e6))))
			}
			l.mu.Unlock()
		}
	}()
	return l
}

func (l *live) has(line string) (bool, string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return strings.Contains("\n"+l.text.String(), "\n"+line), l.text.String()
}

var _ = sameOnAllKernels("TestLiveCapture", "how soon the filters and their readers print")

// TestLiveCapture: tcpdump and tshark at the end of the pipe print a packet while nothing
// comes after it, and soon: tcpdump within 200 ms of its time, which is what people take for at
// once. Of tshark, which takes seconds for a packet where each of its instructions is emulated,
// only that it need not wait for the next one; TestTshark of internal/pcap times it. The
// fastest of the lines counts: a guest is emulated on a machine that others use, and now and then
// it stands still for longer than that.
func TestLiveCapture(t *testing.T) {
	net := chain(t, 2)
	for reader, limit := range map[string]time.Duration{
		`tcpdump -l -nnttr - 2>/dev/null | sed -uE 's/^([0-9.]+) .*ICMP echo (request|reply).*length ([0-9]+)$/\2 \3 \1/'`:                     200 * time.Millisecond,
		`tshark -l -i - -T fields -e icmp.type -e ip.len -e frame.time_epoch 2>/dev/null | sed -u 's/^8\t/request /; s/^0\t/reply /; s/\t/ /'`: 10 * time.Second,
	} {
		var delays []time.Duration
		for range 3 {
			delays = append(delays, net.capture(reader)...)
			if slices.Min(delays) <= limit {
				break
			}
		}
		if slices.Min(delays) > limit {
			t.Errorf("%s: printed after %v, want %v at most for the fastest", reader, delays, limit)
		}
	}
	nothingLeft(t)
}

// capture has four packets printed at the end of a pipeline, and returns how long each took.
func (n *network) capture(reader string) []time.Duration {
	n.t.Helper()
	cmd := exec.Command("bash", "-c", "skb-collect --no-follow -p ip_rcv -f icmp -c 4 | skb-pcap | "+reader)
	lines := printed(n.t, cmd)
	p := start(n.t, cmd, "attached")
	sizes := []string{"108", "208"} // of ICMP, for tcpdump
	if strings.HasPrefix(reader, "tshark") {
		sizes = []string{"128", "228"} // of IP
	}
	for i, payload := range []string{"100", "200"} {
		n.in(0, "ping -qc 1 -s "+payload+" 10.0.0.2")
		for _, line := range []string{"request " + sizes[i], "reply " + sizes[i]} {
			until(n.t, line+" from "+reader, func() (bool, string) { return lines.has(line + " ") })
		}
	}
	if status := p.wait(); status != 0 {
		n.t.Errorf("%s: status %d, %s", reader, status, p.errors())
	}
	if len(lines.delays) < 4 {
		n.t.Fatalf("%s: times of %d lines only: %v", reader, len(lines.delays), lines.delays)
	}
	n.t.Logf("%s: printed after %v", reader, lines.delays)
	return lines.delays
}

var _ = sameOnAllKernels("TestExtcap", "how tshark runs a script and shows what it says")

// TestExtcap: tshark captures from the interface that skb-extcap adds, and shows why when
// that fails.
func TestExtcap(t *testing.T) {
	net := chain(t, 2)
	script, err := exec.LookPath("skb-extcap")
	if err != nil {
		t.Fatal(err)
	}
	// Wireshark reads the folder of all users first, and no other where there is none.
	folders := run(t, "tshark", "-G", "folders")
	m := regexp.MustCompile(`(?m)^(?:Global )?Extcap path:\s+(.*)$`).FindStringSubmatch(folders)
	if m == nil {
		t.Fatalf("tshark -G folders: %s", folders)
	}
	if err := os.MkdirAll(m[1], 0o755); err != nil {
		t.Fatal(err)
	}
	installed := filepath.Join(m[1], "skb-extcap")
	if err := os.Symlink(script, installed); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.Remove(installed) })
	if out := run(t, "tshark", "-D"); !strings.Contains(out, "skb (skb-tools: any kernel probe)") {
		t.Errorf("tshark -D: %s", out)
	}

	ping := net.command(0, "ping", "-q", "-i", "0.2", "10.0.0.2")
	if err := ping.Start(); err != nil {
		t.Fatal(err)
	}
	out := pipeline(t, "tshark -X lua_script:"+filepath.Join(filepath.Dir(script), "skb.lua")+
		" -i skb -f icmp -o extcap.skb.probes:'ip_rcv, icmp_rcv' -c 12 -T fields -e skb.probe -e skb.packet -e skb.hop -e icmp.type 2>&1")
	ping.Process.Kill()
	ping.Wait()
	followed := false
	for _, m := range regexp.MustCompile(`(?m)^ip_rcv\t(\d+)\t0\t8$`).FindAllStringSubmatch(out, -1) {
		followed = followed || strings.Contains(out, "icmp_rcv\t"+m[1]+"\t1\t8\n")
	}
	if !followed {
		t.Errorf("tshark -i skb has no echo request at both probes:\n%s", out)
	}
	nothingLeft(t)

	out = pipeline(t, "tshark -i skb -o extcap.skb.probes:no_such_function -c 1 2>&1; true")
	if !strings.Contains(out, "Error by extcap pipe: skb-collect: ") || !strings.Contains(out, "no_such_function") {
		t.Errorf("a wrong probe: %s", out)
	}
}
