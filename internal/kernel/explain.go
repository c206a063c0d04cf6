//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"os"
	"strings"

	"github.com/cilium/ebpf"
	"golang.org/x/sys/unix"
)

// capabilities that loading and attaching want, in the order in which they are named.
var capabilities = []struct {
	bit  int
	name string
}{{unix.CAP_BPF, "CAP_BPF"}, {unix.CAP_PERFMON, "CAP_PERFMON"}}

// CheckAllowed says in one line what of this machine forbids tracing: a kernel without
// kprobes, lockdown, missing capabilities, a container. nil means that nothing is known to.
func CheckAllowed() error {
	if _, err := os.Stat("/sys/bus/event_source"); err != nil {
		return errors.New("/sys is not mounted here, and skb-collect needs it: mount -t sysfs sysfs /sys")
	}
	if mode := lockdown(); mode == "confidentiality" {
		reason := "this kernel is locked down (confidentiality mode), so BPF programs may not read kernel memory; boot " +
			"without lockdown=confidentiality to trace here"
		if !hasKprobes() {
			reason += " (and it was built without kprobes)"
		}
		return errors.New(reason)
	}
	if !hasKprobes() {
		return errors.New("this kernel was built without kprobes (CONFIG_KPROBES): nothing in it can be traced")
	}
	return missingCapability()
}

func missingCapability() error {
	have, err := effective()
	if err != nil {
		return err
	}
	if have&(1<<unix.CAP_SYS_ADMIN) != 0 {
		return contained()
	}
	var missing []string
	for _, c := range capabilities {
		if have&(1<<c.bit) == 0 {
			missing = append(missing, c.name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("not permitted: %s missing; run as root, or once: setcap cap_bpf,cap_perfmon,cap_syslog+ep %s",
			strings.Join(missing, " and "), executable())
	}
	return contained()
}

func executable() string {
	if p, err := os.Executable(); err == nil {
		return p
	}
	return "skb-collect"
}

func effective() (uint64, error) {
	hdr := unix.CapUserHeader{Version: unix.LINUX_CAPABILITY_VERSION_3}
	var data [2]unix.CapUserData
	if err := unix.Capget(&hdr, &data[0]); err != nil {
		return 0, fmt.Errorf("reading this process's capabilities: %w", err)
	}
	return uint64(data[1].Effective)<<32 | uint64(data[0].Effective), nil
}

// lockdown returns the kernel's lockdown mode, "" when securityfs does not tell.
func lockdown() string {
	b, err := os.ReadFile("/sys/kernel/security/lockdown")
	if err != nil {
		return ""
	}
	_, rest, ok := strings.Cut(string(b), "[")
	mode, _, ok2 := strings.Cut(rest, "]")
	if !ok || !ok2 {
		return ""
	}
	return mode
}

// hasKprobes looks for the perf event source of kprobes, which is always there with
// CONFIG_KPROBE_EVENTS.
func hasKprobes() bool {
	_, err := os.Stat("/sys/bus/event_source/devices/kprobe")
	return err == nil
}

// explain makes one line of what the kernel answered, with its likely cause.
func explain(err error, doing string) error {
	var ve *ebpf.VerifierError
	switch {
	case errors.As(err, &ve):
		return fmt.Errorf("%s: the kernel's verifier refused it: %w", doing, shortVerifier(ve))
	case errors.Is(err, unix.EPERM) || errors.Is(err, unix.EACCES):
		if e := CheckAllowed(); e != nil {
			return e
		}
		return fmt.Errorf("%s: not permitted (is kernel memory locked by lockdown?)", doing)
	case errors.Is(err, unix.ENOMEM):
		return fmt.Errorf("%s: the kernel is out of memory for it (ulimit -l, or the cgroup's limit)", doing)
	}
	return fmt.Errorf("%s: %w", doing, err)
}

// explainPerf says why perf events, by which functions are probed one at a time, are not
// permitted. Debian's kernels know a level 3 of the sysctl, which wants more.
func explainPerf(err error) error {
	if filtersPerf() {
		return errors.New("probing functions: not permitted: a seccomp filter, as containers have, forbids " +
			"perf_event_open(2), which this kernel needs for it (podman and docker: --security-opt seccomp=unconfined)")
	}
	b, _ := os.ReadFile("/proc/sys/kernel/perf_event_paranoid")
	have, capErr := effective()
	if level := strings.TrimSpace(string(b)); level >= "3" && capErr == nil && have&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return fmt.Errorf("probing functions: not permitted: kernel.perf_event_paranoid is %s, so CAP_SYS_ADMIN is needed "+
			"on this kernel (or sysctl kernel.perf_event_paranoid=2)", level)
	}
	return explain(err, "probing functions")
}

// shortVerifier keeps the last lines of a verifier log, joined into one.
func shortVerifier(ve *ebpf.VerifierError) error {
	log := ve.Log
	if len(log) > 4 {
		log = log[len(log)-4:]
	}
	return fmt.Errorf("%w: %s", ve.Cause, strings.Join(log, "; "))
}
