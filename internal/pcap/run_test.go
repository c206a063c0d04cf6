package pcap

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/gopacket/gopacket/pcapgo"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// stream encodes records.
func stream(t testing.TB, records ...format.Appender) []byte {
	t.Helper()
	var b bytes.Buffer
	e := format.NewEncoder(&b)
	for _, r := range records {
		if err := e.Write(r); err != nil {
			t.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func someStart() *format.Start { return &format.Start{Host: "h", Kernel: "6.12", Arch: "x86_64"} }

func someEvent(ts uint64) *format.Event {
	return &format.Event{TS: ts, Probe: "ip_rcv", Packet: format.Packet{Len: 20, At: "network", Data: make([]byte, 20)}}
}

// A packet is with the reader before the next one comes, however slow the stream; and so
// is an interface before the first packet.
func TestLive(t *testing.T) {
	in, input := io.Pipe()
	output, out := io.Pipe()
	done := make(chan error)
	go func() {
		err := Run(context.Background(), Options{Input: pipe.Input{Part: true}}, in, out, io.Discard)
		out.Close()
		done <- err
	}()
	if _, err := input.Write(stream(t, someStart())); err != nil {
		t.Fatal(err)
	}
	r, err := pcapgo.NewNgReader(output, pcapgo.DefaultNgReaderOptions) // reads on to the first interface
	if err != nil {
		t.Fatal(err)
	}
	for i := range 3 {
		if _, err := input.Write(stream(t, someEvent(uint64(i+1)))); err != nil {
			t.Fatal(err)
		}
		_, ci, err := r.ReadPacketData()
		if err != nil || ci.Timestamp.UnixNano() != int64(i+1) {
			t.Fatalf("packet %d: %v, %v", i, ci.Timestamp, err)
		}
	}
	input.Close()
	if _, _, err := r.ReadPacketData(); err != io.EOF {
		t.Error(err)
	}
	if err := <-done; err != nil {
		t.Error(err)
	}
}

// An interface that a live capture meets late is in front of all packets of a file, or
// reordercap of Wireshark 4.0 fails on it. Into a pipe packets go at once, and it is late.
func TestLateInterface(t *testing.T) {
	in, input := io.Pipe()
	file := filepath.Join(t.TempDir(), "late.pcapng")
	done := make(chan error)
	go func() {
		done <- Run(context.Background(), Options{Input: pipe.Input{Part: true}, Write: file}, in, io.Discard, io.Discard)
	}()
	for i, probe := range []string{"ip_rcv", "ip_output", "net:net_dev_xmit"} {
		e := someEvent(uint64(i + 1))
		e.Probe = probe
		if _, err := input.Write(stream(t, someStart(), e)); err != nil { // read before the next
			t.Fatal(err)
		}
	}
	input.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("reordercap", file, filepath.Join(t.TempDir(), "ordered.pcapng")).CombinedOutput()
	if err != nil || !strings.HasPrefix(string(out), "3 frames, 0 out of order") {
		t.Errorf("reordercap: %v, %s", err, out)
	}
}

// tshark prints a packet while nothing comes after it. It takes some 500 ms when a
// packet comes just after the one before was printed, whoever writes it; the fastest of some
// packets counts, on a machine that others use.
func TestTshark(t *testing.T) {
	tshark := exec.CommandContext(t.Context(), "tshark", "-l", "-i", "-", "-T", "fields", "-e", "frame.interface_name")
	out, err := tshark.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	printed, err := tshark.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := tshark.Start(); err != nil {
		t.Fatal(err)
	}
	in, input := io.Pipe()
	done := make(chan error)
	go func() {
		err := Run(context.Background(), Options{Input: pipe.Input{Part: true}}, in, out, io.Discard)
		out.Close()
		done <- err
	}()
	lines := bufio.NewScanner(printed)
	fastest := time.Hour
	for i := range 6 {
		began := time.Now()
		if _, err := input.Write(stream(t, someStart(), someEvent(uint64(i+1)))); err != nil {
			t.Fatal(err)
		}
		if !lines.Scan() || lines.Text() != "ip_rcv" {
			t.Fatalf("packet %d: tshark prints %q", i, lines.Text())
		}
		fastest = min(fastest, time.Since(began))
	}
	input.Close()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
	if err := tshark.Wait(); err != nil {
		t.Fatal(err)
	}
	t.Logf("after %v", fastest)
	if fastest > time.Second {
		t.Errorf("tshark prints a packet after %v at the earliest", fastest)
	}
}
