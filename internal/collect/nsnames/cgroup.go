package nsnames

import "strings"

// A place is what the path of a cgroup tells of the processes in it.
type place struct {
	// "docker", "podman", "containerd", "cri-o", "lxc", "nspawn"; "container": the path does not tell which
	runtime   string
	container string // its id or, of lxc and nspawn, its name; "": no container
	pod       string // uid of Kubernetes' pod
	unit      string // of systemd: nginx.service; "" within a container
}

// runtimes are what stands in front of a container's id of 64 hexadecimal digits in a part of the path: with systemd's
// driver that part is a scope (docker-ID.scope), with cgroupfs' it is a folder.
//
// docker: daemon/oci_linux.go of moby names scopes docker-ID.scope, and folders /docker/ID. podman: libpod-ID(.scope),
// libpod-payload-ID where crun splits it. containerd's CRI plugin: cri-containerd-ID.scope, or
// SLICE:cri-containerd:ID where runc was not told of systemd. nerdctl: nerdctl-ID.scope. CRI-O: crio-ID(.scope).
var runtimes = [...]struct{ prefix, name string }{
	{"docker-", "docker"},
	{"libpod-payload-", "podman"}, {"libpod-", "podman"},
	{"cri-containerd-", "containerd"}, {"nerdctl-", "containerd"}, {"containerd-", "containerd"},
	{"crio-", "cri-o"},
}

// parents are folders in which cgroupfs' driver makes one for each container, named by its id alone.
var parents = map[string]string{
	"docker": "docker", "libpod_parent": "podman", "libpod": "podman", "default": "containerd",
	"k8s.io": "containerd", "moby": "docker"}

// ofCgroups reads what /proc/PID/cgroup holds: of version 1 a line for each hierarchy, of version 2 one that begins
// with 0:: (cgroups(7)). The line that tells most counts: a runtime need not have put a container into all of them.
func ofCgroups(text string) (best place) {
	for line := range strings.Lines(text) {
		parts := strings.SplitN(strings.TrimSuffix(line, "\n"), ":", 3)
		if len(parts) < 3 {
			continue
		}
		if p := ofPath(parts[2]); p.weight() > best.weight() {
			best = p
		}
	}
	return best
}

func (p place) weight() (n int) {
	if p.container != "" {
		n += 4
		if p.runtime != "container" {
			n++
		}
	}
	if p.pod != "" {
		n += 2
	}
	if p.unit != "" {
		n++
	}
	return n
}

// ofPath reads a path. A container in another one has both in its path: the inner one counts.
func ofPath(path string) (p place) {
	parts := strings.Split(path, "/")
	for i := len(parts) - 1; i >= 0; i-- {
		parent := ""
		if i > 0 {
			parent = parts[i-1]
		}
		if p.container == "" {
			p.runtime, p.container = ofPart(parts[i], parent)
		}
		if p.pod == "" {
			p.pod = podOf(parts[i])
		}
		if p.unit == "" && p.container == "" && strings.HasSuffix(parts[i], ".service") {
			p.unit = parts[i]
		}
	}
	if p.container != "" || p.pod != "" {
		p.unit = "" // it is the runtime's, or of a systemd within the container
	}
	return p
}

// ofPart reads a part of a path, in a folder.
func ofPart(part, parent string) (runtime, container string) {
	name := strings.TrimSuffix(part, ".scope")
	if i := strings.LastIndex(name, ":cri-containerd:"); i >= 0 {
		name = "cri-containerd-" + name[i+len(":cri-containerd:"):]
	}
	for _, r := range runtimes {
		if id, ok := strings.CutPrefix(name, r.prefix); ok && isID(id) {
			return r.name, id
		}
	}
	if isID(part) {
		if r := parents[parent]; r != "" {
			return r, part
		}
		return "container", part
	}
	// lxc 4 and newer: lxc.payload.NAME; older: /lxc/NAME. systemd-nspawn: machine-NAME.scope, or its unit.
	if id, ok := strings.CutPrefix(part, "lxc.payload."); ok && id != "" {
		return "lxc", id
	}
	if parent == "lxc" && part != "" {
		return "lxc", part
	}
	if id, ok := strings.CutPrefix(part, "systemd-nspawn@"); ok && strings.HasSuffix(id, ".service") {
		return "nspawn", strings.TrimSuffix(id, ".service")
	}
	if id, ok := strings.CutPrefix(part, "machine-"); ok && strings.HasSuffix(id, ".scope") {
		return "nspawn", strings.TrimSuffix(id, ".scope")
	}
	return "", ""
}

// isID tells whether s is a container's id: 64 hexadecimal digits, in small letters.
func isID(s string) bool { return len(s) == 64 && isHex(s) }

func isHex(s string) bool {
	return strings.Trim(s, "0123456789abcdef") == ""
}

// podOf is the uid of a pod in a part of a path: podUID with cgroupfs' driver, kubepods-besteffort-podUID.slice with
// systemd's, where - is written as _. A pod of a file on the node (a static one) has a uid of 32 hexadecimal digits.
func podOf(part string) string {
	uid, ok := strings.CutPrefix(part, "pod")
	if !ok {
		_, after, ok := strings.Cut(part, "-pod")
		if !ok || !strings.Contains(part, "kubepods") { // kind has it behind kubelet-
			return ""
		}
		uid, _, _ = strings.Cut(after, ".slice")
		uid = strings.ReplaceAll(uid, "_", "-")
	}
	if bare := strings.ReplaceAll(uid, "-", ""); len(bare) != 32 || !isHex(bare) {
		return ""
	}
	return uid
}
