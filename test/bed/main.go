//go:build linux

// Testbed runs programs as root on real kernels, in virtual machines under software
// emulation. docs/testing.md tells how it works.
package main

import (
	"context"
	"fmt"
	"os"
	"os/signal"
	"runtime"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/alecthomas/kong"
)

var cli struct {
	Fetch struct {
		Foreign bool `help:"And the arm64 kernel that tests run on."`
	} `cmd:"" help:"Get the kernels, unless they are in the cache."`
	Run   runCommand  `cmd:"" help:"Run a command in a guest."`
	Test  testCommand `cmd:"" help:"Run a Go test binary in a guest of each kernel."`
	Shell runCommand  `cmd:"" help:"A root shell in a guest."`
	Tools struct {
		Suite string `arg:"" help:"Debian release, as trixie."`
	} `cmd:"" help:"Get a Debian release's tshark and tcpdump, and print the folder for PATH."`
	Packages packagesCommand `cmd:"" help:"Get Debian's packages, and print the folder that they are unpacked in."`
	File     fileCommand     `cmd:"" help:"Get a file of Debian's mirror, and print its path."`
}

type runCommand struct {
	Kernel  string        `default:"6.12" help:"5.10, 6.1, 6.12 or 7.x."`
	CPUs    int           `name:"cpus" default:"2"`
	Memory  int           `default:"1536" help:"MB."`
	Lean    bool          `help:"Without Open vSwitch and Wireshark's tools: less to fetch."`
	Threads bool          `help:"A thread for each cpu: faster, and 7.x may panic."`
	Icount  bool          `help:"One cpu, and time that counts instructions: figures come out the same on a busy machine."`
	In      []string      `type:"existingpath" help:"Files, or folders of them, to have in /skb/in, which is on PATH."`
	Out     string        `type:"path" help:"Folder for what the command leaves in /skb/out."`
	Net     []string      `sep:"none" placeholder:"LOCAL:REMOTE" help:"A network device, eth0 and so on: two sockets' paths, which the guest at its other end has the other way round."`
	Clock   time.Duration `help:"How far the guest's clock is ahead, before it boots."`
	Timeout time.Duration `default:"10m"`
	Command []string      `arg:"" optional:""`
}

type testCommand struct {
	Bin        string        `required:"" type:"existingfile" help:"The test binary."`
	In         []string      `type:"existingpath" help:"As with run."`
	Run        string        `help:"As go test -run."`
	Foreign    string        `type:"existingdir" help:"Folder with the test binary and the programs for arm64: the tests run on 6.12-arm64 too."`
	ForeignRun string        `help:"--run there, if there is none."`
	Commit     string        `help:"Run tests that are the same on all kernels on two of them; which two goes by this hash of a commit."`
	Beside     []string      `help:"Shell command to run on this machine, in the place of a guest."`
	Out        string        `type:"path" help:"Folder for /skb/out of each guest, in one folder a kernel."`
	Verbose    bool          `short:"v"`
	CPUs       int           `name:"cpus" default:"2" help:"Of a guest."`
	Guests     int           `default:"${cores}" help:"Guests at a time."`
	Timeout    time.Duration `default:"30m" help:"Of a test."`
}

func main() {
	parser := kong.Must(&cli, kong.Name("testbed"), kong.Vars{"cores": strconv.Itoa(runtime.NumCPU())},
		kong.Exit(func(code int) { os.Exit(min(code, 2)) }))
	k, err := parser.Parse(os.Args[1:])
	parser.FatalIfErrorf(err)
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM)
	defer stop()
	status, err := dispatch(ctx, strings.Fields(k.Command())[0])
	if err != nil {
		fmt.Fprintln(os.Stderr, "testbed:", err)
		status = 1
	}
	os.Exit(status)
}

func dispatch(ctx context.Context, command string) (int, error) {
	switch command {
	case "fetch":
		for _, name := range kernelNames(cli.Fetch.Foreign) {
			if _, err := fetch(name); err != nil {
				return 1, err
			}
		}
		return 0, nil
	case "tools":
		return printed(fetchTools(cli.Tools.Suite))
	case "packages":
		return printed(fetchPackages(cli.Packages))
	case "file":
		return printed(fetchFile(cli.File))
	case "run", "shell":
		c := cli.Run
		if command == "shell" {
			c = cli.Shell
		}
		get := fetch
		if c.Lean {
			get = fetchKernel
		}
		k, err := get(c.Kernel)
		if err != nil {
			return 1, err
		}
		k.lean = c.Lean
		links, err := parseLinks(c.Net)
		if err != nil {
			return 1, err
		}
		g := &guest{kernel: k, links: links, clock: c.Clock, cpus: c.CPUs, memory: c.Memory, icount: c.Icount,
			threads: c.Threads, in: c.In, out: c.Out, timeout: c.Timeout, command: c.Command, shell: command == "shell",
			stdout: os.Stdout}
		return g.run(ctx)
	default:
		return testAll(ctx, &cli.Test)
	}
}

// printed prints a path that a command of the shell's goes on with.
func printed(path string, err error) (int, error) {
	if err != nil {
		return 1, err
	}
	fmt.Println(path)
	return 0, nil
}
