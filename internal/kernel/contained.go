//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"os"
	"strings"

	"golang.org/x/sys/unix"
)

// contained says what of a container forbids tracing to a process that has the capabilities: that they are of a
// user namespace, or a filter of system calls. nil: nothing does.
func contained() error {
	if inUserNamespace() {
		return errors.New("not permitted: the capabilities of a user namespace, as in a rootless container, do not count " +
			"for BPF; run skb-collect outside of it, or start the container as root")
	}
	// The kernel itself answers EINVAL, as it has no such command. Before 5.19 it does so only to a process with
	// CAP_BPF or CAP_SYS_ADMIN, which this is.
	_, _, errno := unix.Syscall(unix.SYS_BPF, 1<<31-1, 0, 0)
	if errno != unix.EINVAL && filtersCalls() {
		return errors.New("not permitted: a seccomp filter, as containers have, forbids bpf(2); start the container with " +
			"one that allows it, or with none (podman and docker: --security-opt seccomp=unconfined)")
	}
	return nil
}

// filtersPerf tells whether a seccomp filter forbids perf_event_open(2). The kernel itself answers EINVAL to flags
// that it does not know, whoever asks.
func filtersPerf() bool {
	_, _, errno := unix.Syscall6(unix.SYS_PERF_EVENT_OPEN, 0, 0, 0, 0, ^uintptr(0), 0)
	return errno != unix.EINVAL && filtersCalls()
}

// filtersCalls tells whether this process has a seccomp filter: PR_GET_SECCOMP then returns SECCOMP_MODE_FILTER.
func filtersCalls() bool {
	mode, err := unix.PrctlRetInt(unix.PR_GET_SECCOMP, 0, 0, 0, 0)
	return err == nil && mode == unix.SECCOMP_MODE_FILTER
}

// inUserNamespace tells whether this process is in another user namespace than the machine's first, which maps
// every user to itself (user_namespaces(7)).
func inUserNamespace() bool {
	b, err := os.ReadFile("/proc/self/uid_map")
	return err == nil && strings.Join(strings.Fields(string(b)), " ") != "0 0 4294967295"
}
