package drops

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

// TestLookRealPrograms: the programs themselves, given the commands for hostile names, run
// nothing else, read no file that a name leads to and change nothing: what a stub can't tell, as
// a program may parse its words again. They run in a network namespace of their own.
func TestLookRealPrograms(t *testing.T) {
	dir := t.TempDir()
	bin, log := filepath.Join(dir, "bin"), filepath.Join(dir, "log")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	there := map[string]bool{}
	for _, program := range []string{"ip", "tc", "bridge", "sysctl", "ss"} {
		if path, err := exec.LookPath(program); err == nil {
			there[program] = true
			if err := os.Symlink(path, filepath.Join(bin, program)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !there["ip"] || !there["ss"] {
		t.Fatal("no iproute2 here, which the tests need")
	}
	for _, program := range []string{"touch", "nft", "root", "include", "cat", "ls", "nsenter"} {
		stub := "#!/bin/sh\necho \"$0 $*\" >>" + log + "\n"
		if err := os.WriteFile(filepath.Join(bin, program), []byte(stub), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	known := map[string]bool{}
	for _, line := range looksOf(t, "eth0") {
		known[line] = true
	}
	var script strings.Builder
	const state = "ip -o link; ip -o address; ip rule; ip netns; sysctl -a 2>/dev/null | while read a b c; do case $a in *forwarding*) echo $a $c;; esac; done\n"
	fmt.Fprintf(&script, "{ %s} >before 2>&1\n", strings.Replace(state, "; sysctl", "\nsysctl", 1))
	lines := 0
	for _, name := range hostile {
		for _, line := range looksOf(t, name) {
			if program, _, _ := strings.Cut(line, " "); !there[program] || known[line] {
				continue
			}
			known[line] = true
			lines++
			fmt.Fprintf(&script, "%s >>out 2>&1 </dev/null\n", line)
		}
	}
	fmt.Fprintf(&script, "{ %s} >after 2>&1\n", strings.Replace(state, "; sysctl", "\nsysctl", 1))
	if lines < 100 {
		t.Fatalf("only %d commands", lines)
	}
	if err := os.WriteFile(filepath.Join(dir, "script"), []byte(script.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	args := []string{"/bin/sh", "script"}
	for _, alone := range [][]string{{"unshare", "-n"}, {"unshare", "-r", "-n"}} {
		if exec.Command(alone[0], append(alone[1:], "true")...).Run() == nil {
			path, _ := exec.LookPath(alone[0])
			args = append(append([]string{path}, alone[1:]...), args...)
			break
		}
	}
	cmd := exec.Command(args[0], args[1:]...)
	cmd.Dir, cmd.Env = dir, []string{"PATH=" + bin}
	if out, err := cmd.CombinedOutput(); err != nil && bytes.Contains(out, []byte("yntax")) {
		t.Errorf("%v: %s", err, out)
	}
	read := func(name string) []byte {
		b, err := os.ReadFile(filepath.Join(dir, name))
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	if ran, err := os.ReadFile(log); err == nil {
		t.Errorf("another program ran: %s", ran)
	}
	if out := read("out"); bytes.Contains(out, []byte("root:x:")) || len(out) == 0 {
		t.Errorf("a file was read, or nothing ran: %d bytes", len(out))
	}
	if before, after := read("before"), read("after"); !bytes.Equal(before, after) || !bytes.Contains(before, []byte("lo")) || there["sysctl"] && !bytes.Contains(before, []byte("forwarding")) {
		t.Errorf("before:\n%s\nafter:\n%s", before, after)
	}
	if left, _ := filepath.Glob(filepath.Join(dir, "*")); len(left) > 6 {
		t.Errorf("files were made: %q", left)
	}
	if _, err := os.Stat(filepath.Join(dir, "canary")); err == nil {
		t.Error("a command made a file")
	}
}
