//go:build linux

// Package nsnames finds what people call the network namespaces of a host: by ip-netns(8), and by a process in each. No
// container runtime is asked: the cgroup of a process tells which one made its container.
package nsnames

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/collect/netns"
)

// Dir is where ip-netns(8) keeps the namespaces that it has given a name.
const Dir = "/run/netns"

// maxNames is how many namespaces are named at most.
const maxNames = 16 << 10

// Find returns what is known of the network namespaces of this host by their inode numbers, without the one that this
// process is in. It needs CAP_SYS_PTRACE to look at processes of other users. Without it, it leaves their namespaces
// out. It reads one link for each process, and looks at one process of each namespace more closely.
func Find() map[uint32]format.Namespace {
	own := netns.Inum("/proc/self/ns/net")
	all := map[uint32]format.Namespace{}
	for inum, pid := range processes(own) {
		if len(all) < maxNames {
			// A process that has just ended tells nothing.
			if n := ofProcess(pid, hostName); n.Name != "" {
				all[inum] = n
			}
		}
	}
	for inum, name := range named() {
		n, known := all[inum]
		if inum == own || !known && len(all) >= maxNames {
			continue
		}
		all[inum] = called(n, name)
	}
	tellApart(all)
	return all
}

// called gives a namespace the name of its file. That of a pod or a container says more than one that a program made
// up.
func called(n format.Namespace, file string) format.Namespace {
	if file != "" && (!machineMade(file) || n.Pod == "" && n.Container == "") {
		n.Name, n.By = file, format.ByIPNetns
	}
	return n
}

// uuid is one in small letters, as /proc/sys/kernel/random/uuid and Go's libraries write it.
var uuid = regexp.MustCompile(`^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

// machineMade reports whether nobody chose a file's name: containerd and CRI-O name those of pods cni-UUID or UUID,
// Podman names those of its containers netns-UUID.
func machineMade(file string) bool {
	_, id, ok := strings.Cut(file, "-")
	return uuid.MatchString(file) || ok && uuid.MatchString(id)
}

// tellApart puts the number behind names that several namespaces have, such as those of a unit of systemd with several.
// Those of ip-netns(8) are different, and stay.
func tellApart(all map[uint32]format.Namespace) {
	having := map[string]int{}
	for _, n := range all {
		having[n.Name]++
	}
	for inum, n := range all {
		if having[n.Name] > 1 && n.By != format.ByIPNetns {
			n.Name += numbered(inum)
			all[inum] = n
		}
	}
}

func numbered(inum uint32) string { return "/" + strconv.FormatUint(uint64(inum), 10) }

// named are the namespaces of ip-netns(8). It needs no privilege.
func named() map[uint32]string {
	files, err := os.ReadDir(Dir)
	if err != nil {
		return nil
	}
	all := map[uint32]string{}
	for _, f := range files {
		path := filepath.Join(Dir, f.Name())
		var fs unix.Statfs_t
		// A file that a namespace was not mounted on is no namespace.
		if unix.Statfs(path, &fs) != nil || fs.Type != unix.NSFS_MAGIC {
			continue
		}
		if n := netns.Inum(path); n != 0 && (all[n] == "" || f.Name() < all[n]) {
			all[n] = f.Name()
		}
	}
	return all
}

// processes gives, for each network namespace but one, the process in it with the lowest number: mostly the one that
// it was made for.
func processes(but uint32) map[uint32]int {
	proc, err := os.Open("/proc")
	if err != nil {
		return nil
	}
	defer proc.Close()
	names, _ := proc.Readdirnames(-1) // what could be read is better than nothing
	var pids []int
	for _, name := range names {
		if pid, err := strconv.Atoi(name); err == nil {
			pids = append(pids, pid)
		}
	}
	slices.Sort(pids)
	all := map[uint32]int{}
	for _, pid := range pids {
		link, err := os.Readlink("/proc/" + strconv.Itoa(pid) + "/ns/net")
		if err != nil {
			continue // it ended, or is not ours to look at
		}
		digits, ok := strings.CutPrefix(link, "net:[")
		n, err := strconv.ParseUint(strings.TrimSuffix(digits, "]"), 10, 32)
		if !ok || err != nil || uint32(n) == but {
			continue
		}
		if _, known := all[uint32(n)]; !known {
			all[uint32(n)] = pid
		}
	}
	return all
}

// ofProcess is what a process tells of the namespace that it is in. host gives the host name of one in a container.
func ofProcess(pid int, host func(pid int) string) format.Namespace {
	path := "/proc/" + strconv.Itoa(pid) + "/"
	cgroups, _ := os.ReadFile(path + "cgroup")
	comm, _ := os.ReadFile(path + "comm")
	p := ofCgroups(string(cgroups))
	n := format.Namespace{Container: p.container, Pod: p.pod, PID: uint32(pid),
		Comm: strings.TrimSuffix(string(comm), "\n")}
	if p.container != "" || p.pod != "" {
		n.Host = host(pid)
	}
	n.Name, n.By = p.name(n.Host, n.Comm, pid)
	return n
}

// shortID is how much of a container's id people use, as the runtimes' own commands print it.
const shortID = 12

// name is what the namespace of a process is called, and by what it is known; both are "" if nothing could be read.
func (p place) name(host, comm string, pid int) (name, by string) {
	host = strings.Join(strings.Fields(host), "_")
	switch id := p.container[:min(len(p.container), shortID)]; {
	case p.pod != "" && host != "":
		return "pod:" + host, "pod"
	case p.pod != "":
		return "pod:" + p.pod, "pod"
	case p.container != "" && p.runtime != "lxc" && p.runtime != "nspawn":
		return p.runtime + ":" + id, p.runtime
	case p.container != "":
		return p.runtime + ":" + p.container, p.runtime
	case p.unit != "":
		return p.unit, "systemd"
	}
	comm = strings.Join(strings.Fields(comm), "_") // a name is one word
	if comm == "" {
		return "", ""
	}
	return comm + "/" + strconv.Itoa(pid), "program"
}

// hostName is the host name in a process's UTS namespace, "" if that is the one of this process, or it may not be
// entered. In a pod it is the pod's name.
func hostName(pid int) (name string) {
	path := "/proc/" + strconv.Itoa(pid) + "/ns/uts"
	if own := netns.Inum("/proc/self/ns/uts"); own == 0 || netns.Inum(path) == own {
		return ""
	}
	_ = netns.WithinUTS(path, func() (err error) { name, err = os.Hostname(); return err })
	return name
}
