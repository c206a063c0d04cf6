//go:build linux

package main

import (
	"archive/tar"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"
)

// A guest is one boot of a kernel.
type guest struct {
	kernel  *kernel
	cpus    int
	memory  int // MB
	icount  bool
	threads bool
	in      []string
	out     string
	links   []link
	clock   time.Duration // how far it is ahead of this machine's, but for the time of the boot
	timeout time.Duration
	command []string
	shell   bool
	stdout  io.Writer                   // what the command prints, stderr too
	talk    func(pid int, in io.Writer) // gets what the command can read, if anything does
	used    time.Duration               // what the emulator computed
}

// outSize is the most that a guest can hand back, in bytes.
const outSize = 1 << 30

// run boots the guest, and returns its command's exit status.
func (g *guest) run(ctx context.Context) (int, error) {
	tmp, err := os.MkdirTemp("", "testbed-")
	if err != nil {
		return 1, err
	}
	defer os.RemoveAll(tmp)
	script := filepath.Join(tmp, "command")
	if err := os.WriteFile(script, []byte(shellQuote(g.command)+"\n"), 0o666); err != nil {
		return 1, err
	}
	if err := g.prepare(tmp, script); err != nil {
		return 1, err
	}
	ctx, cancel := context.WithTimeout(ctx, g.timeout)
	defer cancel()
	for try := 1; ; try++ {
		status, err := g.boot(ctx, tmp)
		if !errors.Is(err, errNotUp) || try == boots || ctx.Err() != nil {
			return status, err
		}
		fmt.Fprintf(os.Stderr, "testbed: kernel %s did not come up, booting it again\n", g.kernel.name)
	}
}

// boots is how often a kernel that does not even come up is tried: under emulation about
// one boot in a hundred trips over its own patching of code.
const boots = 3

var errNotUp = errors.New("the kernel did not come up")

// errTripped is a kernel that died of a breakpoint which it had put into its own code and taken
// out again: the emulator saw the code as it was before. It happens in one guest of many, at any
// place where the kernel patches code, under load.
var errTripped = errors.New("the emulator tripped")

// boot boots once.
func (g *guest) boot(ctx context.Context, tmp string) (int, error) {
	cmd := exec.CommandContext(ctx, g.qemu(), g.arguments(tmp)...)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stdout = g.stdout
	var qemuErrors bytes.Buffer
	cmd.Stderr = &qemuErrors
	if g.shell {
		cmd.Stdin = os.Stdin
		old, err := term.MakeRaw(int(os.Stdin.Fd()))
		if err != nil {
			return 1, errors.New("shell: stdin is no terminal")
		}
		defer func() { _ = term.Restore(int(os.Stdin.Fd()), old) }()
	}
	err := g.emulate(cmd)
	status, _ := os.ReadFile(filepath.Join(tmp, "status"))
	_, word, ok := strings.Cut(strings.TrimSpace(string(status)), "status ")
	if !ok {
		err = g.died(ctx, tmp, err, qemuErrors.String())
		if len(status) == 0 {
			err = fmt.Errorf("%w: %w", errNotUp, err)
		}
		return 1, err
	}
	n, err := strconv.Atoi(word)
	if err != nil {
		return 1, fmt.Errorf("the guest's status is %q", word)
	}
	return n, g.bringBack(filepath.Join(tmp, "out"))
}

// emulate runs the emulator.
func (g *guest) emulate(cmd *exec.Cmd) error {
	if g.talk != nil {
		in, err := cmd.StdinPipe()
		if err != nil {
			return err
		}
		defer in.Close()
		if err := cmd.Start(); err != nil {
			return err
		}
		g.talk(cmd.Process.Pid, in)
	} else if err := cmd.Start(); err != nil {
		return err
	}
	err := cmd.Wait()
	g.used += cmd.ProcessState.UserTime() + cmd.ProcessState.SystemTime()
	return err
}

// prepare makes what qemu reads: the file system and a disk for the way back.
func (g *guest) prepare(tmp, script string) error {
	initrd := filepath.Join(tmp, "initrd")
	if err := writeRoot(initrd, g.kernel, g.in); err != nil {
		return err
	}
	f, err := os.OpenFile(initrd, os.O_APPEND|os.O_WRONLY, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	b, err := os.ReadFile(script)
	if err != nil {
		return err
	}
	c := cpioWriter{w: f}
	c.file("skb/command", 0o755, b)
	if err := c.close(); err != nil {
		return err
	}
	out, err := os.Create(filepath.Join(tmp, "out"))
	if err != nil {
		return err
	}
	defer out.Close()
	return out.Truncate(outSize)
}

func (g *guest) arguments(tmp string) []string {
	cpus := g.cpus
	var args []string
	if g.icount {
		cpus = 1
		args = append(args, "-icount", "shift=0,sleep=off")
	}
	console := "ttyS0"
	if g.kernel.foreign() {
		console = "ttyAMA0" // the only serial port of the machine
	}
	commandLine, statusLine := lines(g.kernel)
	// norandmaps: the emulator translates a program's code anew for each address that it is at.
	cmdline := fmt.Sprintf("console=%s quiet panic=-1 norandmaps skb.command=%s skb.status=%s skb.date=%d", console,
		commandLine, statusLine, time.Now().Add(g.clock).Unix())
	if len(g.links) > 0 {
		// By the TSC, the clock of 7.x ran ten times too fast on a busy machine, away from the other guest's.
		cmdline += " skb.net clocksource=hpet"
	}
	if g.shell {
		columns, rows, err := term.GetSize(int(os.Stdout.Fd()))
		if err != nil {
			columns, rows = 80, 24
		}
		cmdline += fmt.Sprintf(" skb.tty=%dx%d", rows, columns)
	}
	args = append(args,
		"-m", strconv.Itoa(g.memory), "-smp", strconv.Itoa(cpus),
		"-kernel", g.kernel.image, "-initrd", filepath.Join(tmp, "initrd"), "-append", cmdline,
		"-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
		"-serial", "file:"+filepath.Join(tmp, "console"),
		"-chardev", "stdio,id=command,signal=off", "-chardev", "file,id=status,path="+filepath.Join(tmp, "status"),
		"-drive", "if=virtio,format=raw,file="+filepath.Join(tmp, "out"),
	)
	for i, l := range g.links {
		args = append(args, l.arguments(i)...)
	}
	// Not KVM, even where /dev/kvm exists, no cmpxchg16b, and no thread for each cpu unless
	// asked: see docs/testing.md.
	thread := "single"
	if g.threads {
		thread = "multi"
	}
	args = append(args, "-accel", "tcg,thread="+thread)
	if g.kernel.foreign() {
		return append(args, "-machine", "virt", "-cpu", "max,pauth-impdef=on",
			"-device", "virtio-serial", "-device", "virtconsole,chardev=command", "-device", "virtconsole,chardev=status")
	}
	return append(args, "-cpu", "max,-cx16",
		"-serial", "chardev:command", "-serial", "chardev:status")
}

// lines are the devices that carry the command's input and output, and the exit status.
func lines(k *kernel) (command, status string) {
	if k.foreign() {
		return "hvc0", "hvc1"
	}
	return "ttyS1", "ttyS2"
}

// qemu is the program that emulates the guest's machine.
func (g *guest) qemu() string {
	if g.kernel.foreign() {
		return "qemu-system-aarch64"
	}
	return "qemu-system-x86_64"
}

// died says why there is no exit status, with the end of the console.
func (g *guest) died(ctx context.Context, tmp string, err error, qemuErrors string) error {
	console, _ := os.ReadFile(filepath.Join(tmp, "console"))
	lines := strings.Split(strings.TrimSpace(string(console)), "\n")
	tail := strings.Join(lines[max(0, len(lines)-30):], "\n")
	why := "the guest ended without a word"
	switch {
	case errors.Is(ctx.Err(), context.DeadlineExceeded):
		why = fmt.Sprintf("the guest was still running after %v", g.timeout)
	case ctx.Err() != nil && context.Cause(ctx) == ctx.Err():
		return errors.New("interrupted")
	case ctx.Err() != nil:
		why = context.Cause(ctx).Error()
	case strings.Contains(string(console), "Kernel panic"):
		why = "the guest's kernel panicked"
	case qemuErrors != "":
		why = "qemu: " + lastLine([]byte(qemuErrors))
	case err != nil:
		why = "qemu: " + err.Error()
	}
	err = fmt.Errorf("kernel %s: %s; the end of its console:\n%s", g.kernel.name, why, tail)
	if strings.Contains(string(console), "Oops: int3") {
		err = fmt.Errorf("%w: %w", errTripped, err)
	}
	return err
}

// bringBack unpacks what the guest left in /skb/out.
func (g *guest) bringBack(disk string) error {
	if g.out == "" {
		return nil
	}
	f, err := os.Open(disk)
	if err != nil {
		return err
	}
	defer f.Close()
	r := tar.NewReader(f)
	for {
		h, err := r.Next()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return fmt.Errorf("reading what the guest handed back: %w", err)
		}
		name := filepath.Join(g.out, filepath.Clean("/"+h.Name))
		switch h.Typeflag {
		case tar.TypeDir:
			err = os.MkdirAll(name, 0o777)
		case tar.TypeReg:
			err = writeFile(name, r)
		}
		if err != nil {
			return err
		}
	}
}

func writeFile(name string, r io.Reader) error {
	f, err := os.Create(name)
	if err != nil {
		return err
	}
	_, err = io.Copy(f, r)
	return errors.Join(err, f.Close())
}

// shellQuote makes a line of shell of a command's words.
func shellQuote(words []string) string {
	var quoted []string
	for _, w := range words {
		quoted = append(quoted, "'"+strings.ReplaceAll(w, "'", `'\''`)+"'")
	}
	return strings.Join(quoted, " ")
}
