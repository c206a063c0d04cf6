//go:build hosts

package hosts

import (
	"bytes"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"
)

// bed is the program of test/bed.
var bed string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "hosts-")
	if err != nil {
		panic(err)
	}
	bed = filepath.Join(dir, "testbed")
	if out, err := exec.Command("go", "build", "-o", bed, "../bed").CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "%s", out)
		os.Exit(1)
	}
	status := m.Run()
	os.RemoveAll(dir)
	os.Exit(status)
}

// A machine is one guest.
type machine struct {
	name, kernel, scene string
	clock               time.Duration // how far it is ahead
	links               []string      // cables; each is in two machines
}

// play boots machines that collect while their scenes play. It returns the file of each one's stream, and what the
// first one printed.
func play(t *testing.T, machines ...machine) (streams []string, said string) {
	t.Helper()
	dir, err := os.MkdirTemp("", "net-") // a socket's path must be short
	if err != nil {
		t.Fatal(err)
	}
	defer os.RemoveAll(dir)
	out := t.TempDir()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Minute)
	defer cancel()
	ended := make(chan error)
	ends := map[string]int{}
	var first bytes.Buffer
	for i, m := range machines {
		streams = append(streams, filepath.Join(out, m.name, "stream.skb"))
		args := []string{"run", "--lean", "--kernel", m.kernel, "--memory", "1024", "--timeout", "10m",
			"--clock=" + m.clock.String(), "--in", "../../bin", "--in", "scene", "--out", filepath.Join(out, m.name)}
		for _, l := range m.links {
			here, there := "b", "a"
			if ends[l] == 0 {
				here, there = there, here
			}
			ends[l]++
			path := filepath.Join(dir, l)
			args = append(args, "--net", path+"."+here+":"+path+"."+there)
		}
		if err := os.Mkdir(filepath.Join(out, m.name), 0o777); err != nil {
			t.Fatal(err)
		}
		cmd := exec.CommandContext(ctx, bed, append(args, "--", "host", m.name, m.scene)...)
		cmd.Cancel = func() error { return cmd.Process.Signal(syscall.SIGTERM) }
		var both bytes.Buffer
		cmd.Stdout, cmd.Stderr = &both, &both
		if i == 0 {
			cmd.Stdout = &first
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		go func() {
			err := cmd.Wait()
			if s := cmd.ProcessState; s != nil {
				t.Logf("%s, kernel %s: %v of a core", m.name, m.kernel, s.UserTime()+s.SystemTime())
			}
			if err != nil {
				err = fmt.Errorf("%s, kernel %s: %w: %s%s", m.name, m.kernel, err, both.String(), first.String())
				cancel() // the others would wait for it
			}
			ended <- err
		}()
	}
	var failed error
	for range machines {
		if err := <-ended; err != nil && failed == nil {
			failed = err
		}
	}
	if failed != nil {
		t.Fatal(failed)
	}
	return streams, first.String()
}

// pipeline runs programs of ours.
func pipeline(t *testing.T, command string) []byte {
	t.Helper()
	cmd := exec.Command("bash", "-o", "pipefail", "-c", command)
	cmd.Env = append(os.Environ(), "PATH="+abs(t, "../../bin")+":"+os.Getenv("PATH"))
	var stderr strings.Builder
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s: %v: %s", command, err, stderr.String())
	}
	return out
}

func abs(t *testing.T, path string) string {
	t.Helper()
	path, err := filepath.Abs(path)
	if err != nil {
		t.Fatal(err)
	}
	return path
}
