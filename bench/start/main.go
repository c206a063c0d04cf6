//go:build linux

// Start tells what starts of a program cost: instructions of the process, user and system, the
// time that passes, and the largest resident set. Each argument is a command, run once; in a guest
// whose clock counts instructions (testbed run --icount) a nanosecond is one.
package main

import (
	"fmt"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"
)

func main() {
	fmt.Printf("%-52s %6s %6s %6s %6s %4s\n", "command", "G", "user", "system", "s", "MB")
	for _, line := range os.Args[1:] {
		words := strings.Fields(line)
		cmd := exec.Command(words[0], words[1:]...)
		var said strings.Builder
		cmd.Stderr = &said
		began := time.Now()
		err := cmd.Run()
		took := time.Since(began)
		if err != nil {
			fmt.Printf("%-52s %v: %s\n", line, err, said.String())
			continue
		}
		user, system := cmd.ProcessState.UserTime(), cmd.ProcessState.SystemTime()
		usage := cmd.ProcessState.SysUsage().(*syscall.Rusage)
		fmt.Printf("%-52s %6.3f %6.3f %6.3f %6.2f %4d\n", line, (user + system).Seconds(), user.Seconds(), system.Seconds(),
			took.Seconds(), usage.Maxrss>>10)
	}
}
