// Package metricstest asks programs for what they serve to Prometheus.
package metricstest

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"os/exec"
	"strings"
	"testing"
)

// Check lets Prometheus' own program read a page. The test's package is two folders below the project's.
func Check(t testing.TB, page string) {
	t.Helper()
	promtool := exec.Command("../../contrib/fleet/promtool", "check", "metrics")
	promtool.Stdin = strings.NewReader(page)
	if out, err := promtool.CombinedOutput(); err != nil {
		t.Fatalf("promtool check metrics: %v\n%s\n%s", err, out, page)
	}
}

// Served runs a program with --metrics localhost:0. It returns the page that is served when all of a stream was read
// and the input is still open, and what was handed on. last is a record of an unknown type, in the form that the
// program both reads and writes: that it was handed on tells that the stream was read. The page is one that Check finds
// good, and none is served after the end.
func Served(t testing.TB, program string, stream, last []byte,
	run func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error,
) (page string, handedOn []byte) {
	t.Helper()
	inRead, inWrite := io.Pipe()
	errRead, errWrite := io.Pipe()
	outRead, outWrite := io.Pipe()
	done := make(chan error, 1)
	go func() {
		done <- run(t.Context(), inRead, outWrite, errWrite)
		errWrite.Close()
		outWrite.Close()
	}()
	said, err := bufio.NewReader(errRead).ReadString('\n')
	if err != nil {
		t.Fatalf("%v; %v", err, <-done)
	}
	go drain(errRead)
	url := strings.TrimSpace(strings.TrimPrefix(said, program+": the metrics are at "))
	go func() { _, _ = inWrite.Write(append(bytes.Clone(stream), last...)) }() // what was not read is missing below
	for b := make([]byte, 4096); !bytes.HasSuffix(handedOn, last); {
		n, err := outRead.Read(b)
		if err != nil {
			t.Fatalf("%v; %v", err, <-done)
		}
		handedOn = append(handedOn, b[:n]...)
	}
	r, err := http.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer r.Body.Close()
	text, err := io.ReadAll(r.Body)
	if err != nil {
		t.Fatal(err)
	}
	inWrite.Close()
	go drain(outRead)
	if err := <-done; err != nil {
		t.Error(err)
	}
	if _, err := http.Get(url); err == nil {
		t.Error("it is served after the end")
	}
	Check(t, string(text))
	return string(text), bytes.TrimSuffix(handedOn, last)
}

// drain reads what the program still writes.
func drain(r io.Reader) { _, _ = io.Copy(io.Discard, r) }
