//go:build kernel

package kerneltest

import (
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// TestSignals: a terminal that goes away and kill end a collector as they should, with all that it
// saw and what it counted in the file; under nohup the first of these does not; kill -9 leaves
// no probe behind either. That ^C does, all tests show that stop one.
func TestSignals(t *testing.T) {
	net := chain(t, 2)
	for _, sig := range []syscall.Signal{syscall.SIGHUP, syscall.SIGTERM} {
		if sig == syscall.SIGTERM {
			signal.Ignore(syscall.SIGHUP) // a child inherits it, as from nohup
		}
		c, file := collect(t, "-p", "ip_rcv,net:netif_receive_skb,ret:ip_rcv")
		signal.Reset(syscall.SIGHUP)
		if sig == syscall.SIGTERM {
			c.cmd.Process.Signal(syscall.SIGHUP)
		}
		net.in(0, "ping -qc 3 -i 0.01 10.0.0.2")
		c.cmd.Process.Signal(sig)
		if status := c.wait(); status != 0 {
			t.Errorf("status %d after %v: %s", status, sig, c.errors())
		}
		s := readStream(t, file)
		if s.end == nil || s.end.Cause != "signal" || int(s.end.Events) != len(s.events) || len(s.events) < 12 {
			t.Errorf("after %v: %d events, end %+v", sig, len(s.events), s.end)
		}
		if want := fmt.Sprintf("skb-collect: %d events\n", len(s.events)); !strings.Contains(c.errors(), want) {
			t.Errorf("on stderr: %q, want %q", c.errors(), want)
		}
		nothingLeft(t)
	}
	c, _ := collect(t, "-p", "ip_*,ret:ip_rcv")
	c.cmd.Process.Kill()
	c.wait()
	nothingLeft(t)
}

var _ = sameOnAllKernels("TestClosedPipe", "what the programs do when their reader has left")

// TestClosedPipe: a reader that leaves, on a busy host and on a quiet one, ends the whole
// pipeline without a word.
func TestClosedPipe(t *testing.T) {
	net := chain(t, 2)
	flood := net.command(0, "ping", "-q", "-i", "0.01", "10.0.0.2")
	if err := flood.Start(); err != nil {
		t.Fatal(err)
	}
	for _, reader := range []string{"-o text | head -1", "| skb-sort | skb-pcap | head -c 1", "| skb-track | skb-sort -o json | head -1"} {
		script := "skb-collect -q --no-follow -p net:netif_receive_skb " + reader + "; echo status ${PIPESTATUS[*]}"
		out := pipeline(t, script+" >&1 2>&1")
		_, statuses, _ := strings.Cut(out, "status ")
		if strings.Trim(statuses, "0 \n") != "" || strings.Contains(out, "skb-collect:") {
			t.Errorf("%s: %q", reader, out)
		}
		nothingLeft(t)
	}
	flood.Process.Kill()
	flood.Wait()

	// No packet comes by any more whose writing would tell that the reader is gone.
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("skb-collect", "--no-follow", "-p", "icmp_echo")
	cmd.Stdout = w
	c := start(t, cmd, " attached")
	w.Close()
	r.Close()
	if status := c.wait(); status != 0 || strings.Contains(c.errors(), "pipe") {
		t.Errorf("status %d: %s", status, c.errors())
	}
	nothingLeft(t)
}

var _ = sameOnAllKernels("TestFullDisk", "what skb-collect does when a write fails")

// TestFullDisk: what fits on a full disk is a good stream, and the rest is not silent.
func TestFullDisk(t *testing.T) {
	net := chain(t, 2)
	dir := t.TempDir()
	run(t, "mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", dir)
	defer run(t, "umount", dir)
	file := filepath.Join(dir, "events.skb")
	c := start(t, exec.Command("skb-collect", "--no-follow", "-w", file), " attached")
	net.in(0, "ping -qf -c 200 10.0.0.2")
	if status := c.wait(); status != 1 {
		t.Errorf("status %d", status)
	}
	if want := "skb-collect: writing " + file + ": no space left on device\n"; !strings.HasSuffix(c.errors(), want) {
		t.Errorf("stderr ends %q, want %q", c.errors(), want)
	}
	if s := readStream(t, file); len(s.events) < 50 || s.start.Host == "" {
		t.Errorf("%d events in the file", len(s.events))
	}
	nothingLeft(t)
}

// TestEndComesFirst: the stream is there to its last byte, and its pipe closed, before the
// first probe is taken off; nothing is said from then on.
func TestEndComesFirst(t *testing.T) {
	net := chain(t, 2)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("skb-collect", "--no-follow", "--backend", "kprobe", "-p", "ip_*,icmp*")
	cmd.Stdout = w
	c := start(t, cmd, " attached")
	w.Close()
	net.in(0, "ping -qc 3 -i 0.01 10.0.0.2")
	before := kprobes(t)
	c.cmd.Process.Signal(syscall.SIGINT)
	s := decodeStream(t, r)
	after := kprobes(t)
	// To take one off takes a kernel longer than to read the list, but no kernel promises that.
	if before < 50 || after < before/2 {
		t.Errorf("of %d probes %d are left when the stream has ended", before, after)
	}
	if s.end == nil || int(s.end.Events) != len(s.events) || len(s.events) < 6 {
		t.Errorf("%d events, end %+v", len(s.events), s.end)
	}
	said := c.errors()
	if status := c.wait(); status != 0 || c.errors() != said && !strings.HasSuffix(c.errors(), " events\n") {
		t.Errorf("status %d; after the end: %q", status, strings.TrimPrefix(c.errors(), said))
	}
	nothingLeft(t)
}

// kprobes is how many the kernel has.
func kprobes(t *testing.T) int {
	t.Helper()
	b, err := os.ReadFile("/sys/kernel/debug/kprobes/list")
	if err != nil {
		t.Fatal(err)
	}
	return strings.Count(string(b), "\n")
}

// TestReaderNeverReads: a ^C takes the probes off though the output is stuck, and another one
// gives up what nobody reads, and counts it.
func TestReaderNeverReads(t *testing.T) {
	net := chain(t, 2)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	defer r.Close()
	cmd := exec.Command("skb-collect", "--no-follow", "--backend", "kprobe", "-p", "icmp_echo")
	cmd.Stdout = w
	c := start(t, cmd, " attached")
	w.Close()
	net.in(0, "ping -qf -c 5000 10.0.0.2")
	c.cmd.Process.Signal(syscall.SIGINT)
	until(t, "it says that nobody reads", func() (bool, string) {
		return strings.Contains(c.errors(), "the reader of stdout does not read: probes are taken off meanwhile; another ^C gives up"), c.errors()
	})
	until(t, "the probe is off", func() (bool, string) { return kprobes(t) == 0, c.errors() })
	c.cmd.Process.Signal(syscall.SIGINT)
	if status := c.wait(); status != 1 {
		t.Errorf("status %d: %s", status, c.errors())
	}
	var lost int
	_, words, _ := strings.Cut(c.errors(), "the stream ends without its last part: ")
	if _, err := fmt.Sscanf(words, "%d events are lost", &lost); err != nil || lost > 5000 || lost < 1000 {
		t.Errorf("%d events are lost, %v: %q", lost, err, c.errors())
	}
	nothingLeft(t)
}

// TestStalledReader: while the reader of the pipe takes nothing, a small ring buffer
// overflows. Every packet is either reported or counted as lost, in records and on stderr. A ^C
// turns the probes off all the same, and what is there still comes.
func TestStalledReader(t *testing.T) {
	net := chain(t, 2)
	r, w, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command("skb-collect", "--buffer", "64kB", "--no-lifetimes", "--ifname", "l1", "-p", "net:netif_receive_skb")
	cmd.Stdout = w
	before := net.received(1, "l1")
	c := start(t, cmd, " attached")
	w.Close()
	net.in(0, "ping -qf -c 10000 10.0.0.2")
	count := net.received(1, "l1") - before
	c.cmd.Process.Signal(syscall.SIGINT)
	until(t, "it says that nobody reads", func() (bool, string) { return strings.Contains(c.errors(), "does not read"), c.errors() })
	net.in(0, "ping -qc 10 -i 0.01 10.0.0.2") // of these nothing is reported
	s := decodeStream(t, r)
	if status := c.wait(); status != 0 {
		t.Errorf("status %d: %s", status, c.errors())
	}
	lost := 0
	for _, l := range s.losses {
		if l.What != "event" || l.Cause != "ring buffer full" || l.Since == 0 || l.TS < l.Since {
			t.Errorf("a loss record: %+v", l)
		}
		lost += int(l.Count)
	}
	// Packets of the kernel's own before the probe was there are in the counter only.
	if seen := len(s.events) + lost; seen > count || seen < 10000 || lost == 0 || len(s.events) < 500 {
		t.Errorf("%d events and %d lost of %d packets", len(s.events), lost, count)
	}
	if s.end == nil || int(s.end.Lost) != lost || int(s.end.Events) != len(s.events) {
		t.Errorf("end record %+v of %d events, %d lost", s.end, len(s.events), lost)
	}
	if want := fmt.Sprintf("%d events, at least %d lost: %[2]d ring buffer full", len(s.events), lost); !strings.Contains(c.errors(), want) {
		t.Errorf("stderr: %q, want %q", c.errors(), want)
	}
	nothingLeft(t)
}

// received is how many packets a device has received.
func (n *network) received(i int, dev string) int {
	n.t.Helper()
	count, err := strconv.Atoi(strings.TrimSpace(n.in(i, "cat /sys/class/net/"+dev+"/statistics/rx_packets")))
	if err != nil {
		n.t.Fatal(err)
	}
	return count
}

var _ = sameOnAllKernels("TestCommand", "how a command is run and its status handed on")

// TestCommand: skb-collect ends with the command after --, its packets reported and its
// status kept.
func TestCommand(t *testing.T) {
	net := chain(t, 2)
	for _, tt := range []struct {
		script string
		status int
	}{{"exit 0", 0}, {"exit 7", 7}, {"kill -9 $$", 137}} {
		file := filepath.Join(t.TempDir(), "events.skb")
		cmd := exec.Command("skb-collect", "-q", "--no-follow", "-w", file, "-p", "icmp_rcv", "--",
			"ip", "netns", "exec", net.names[0], "bash", "-c", "echo hello; ping -qc 1 10.0.0.2 >&2; "+tt.script)
		out, err := cmd.Output()
		if status := cmd.ProcessState.ExitCode(); status != tt.status || string(out) != "hello\n" {
			t.Errorf("%s: status %d, output %q, %v", tt.script, status, out, err)
		}
		s := readStream(t, file)
		if len(s.events) != 2 || s.end == nil || s.end.Cause != "command" || s.end.Status.V != tt.status {
			t.Errorf("%s: %d events, end %+v", tt.script, len(s.events), s.end)
		}
	}
	// Its output does not mix with a stream on stdout.
	s := decodeStream(t, strings.NewReader(pipeline(t, "skb-collect -q --no-follow -p icmp_rcv -- echo hello 2> /tmp/stderr")))
	if s.end == nil || run(t, "cat", "/tmp/stderr") != "hello\n" {
		t.Errorf("end %+v, stderr %q", s.end, run(t, "cat", "/tmp/stderr"))
	}
}

var _ = sameOnAllKernels("TestLimits", "when skb-collect ends or begins a new file")

// TestLimits: -c, --duration, --rotate and --ready-file.
func TestLimits(t *testing.T) {
	net := chain(t, 2)
	dir := t.TempDir()
	t.Run("count", func(t *testing.T) {
		c, file := collect(t, "--no-follow", "-c", "5")
		net.in(0, "ping -qc 10 -i 0.01 10.0.0.2")
		if status := c.wait(); status != 0 {
			t.Errorf("status %d: %s", status, c.errors())
		}
		if s := readStream(t, file); len(s.events) != 5 || s.end.Cause != "count" || s.end.Events != 5 {
			t.Errorf("%d events, end %+v", len(s.events), s.end)
		}
	})
	t.Run("duration", func(t *testing.T) {
		c, file := collect(t, "--no-follow", "--duration", "300ms")
		if status := c.wait(); status != 0 {
			t.Errorf("status %d: %s", status, c.errors())
		}
		if s := readStream(t, file); s.end == nil || s.end.Cause != "duration" || s.end.TS-s.start.TS < 3e8 {
			t.Errorf("start %d, end %+v", s.start.TS, s.end)
		}
	})
	t.Run("rotate", func(t *testing.T) {
		file := filepath.Join(dir, "r.skb")
		c := start(t, exec.Command("skb-collect", "--no-follow", "--rotate", "20kB", "-w", file, "-p", "icmp_echo"), " attached")
		net.in(0, "ping -qf -c 300 10.0.0.2")
		c.stop()
		var sequences []int
		for n := 0; ; n++ {
			name := file
			if n > 0 {
				name = fmt.Sprintf("%s.%d", file, n)
			}
			info, err := os.Stat(name)
			if err != nil {
				if n < 5 {
					t.Errorf("only %d files", n)
				}
				break
			}
			if info.Size() > 20_000+200 {
				t.Errorf("%s has %d bytes", name, info.Size())
			}
			s := readStream(t, name)
			if s.start.Host == "" || s.end == nil {
				t.Errorf("%s is no complete stream: %+v %+v", name, s.start, s.end)
			}
			for i := range s.events {
				echo := s.events[i].Packet.Data[14+20:]
				sequences = append(sequences, int(echo[6])<<8|int(echo[7]))
			}
		}
		for i, n := range sequences {
			if n != i+1 {
				t.Fatalf("event %d is echo request %d", i, n)
			}
		}
		if len(sequences) != 300 {
			t.Errorf("%d of 300 packets", len(sequences))
		}
	})
	t.Run("ready file", func(t *testing.T) {
		ready, precious := filepath.Join(dir, "ready"), filepath.Join(dir, "precious")
		if err := os.WriteFile(precious, []byte("x"), 0o600); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(precious, ready); err != nil { // planted, and of no use
			t.Fatal(err)
		}
		cmd := exec.Command("skb-collect", "-q", "--no-follow", "--ready-file", ready, "-c", "1", "-p", "icmp_echo")
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		until(t, "the ready file", func() (bool, string) {
			info, err := os.Lstat(ready)
			return err == nil && info.Mode().IsRegular(), ""
		})
		net.in(0, "ping -qc 1 10.0.0.2")
		var event format.Event
		d := format.NewDecoder(out)
		for {
			raw, err := d.Next()
			if err != nil {
				t.Fatalf("no event before %v", err)
			}
			if raw.Type() == format.TypeEvent {
				if err := event.Decode(raw); err != nil {
					t.Fatal(err)
				}
				break
			}
		}
		io.Copy(io.Discard, out)
		if err := cmd.Wait(); err != nil || event.Probe != "icmp_echo" {
			t.Errorf("%v, event %+v", err, event)
		}
		if b, err := os.ReadFile(precious); err != nil || string(b) != "x" {
			t.Errorf("what a planted link leads to: %q, %v", b, err)
		}
	})
	nothingLeft(t)
}
