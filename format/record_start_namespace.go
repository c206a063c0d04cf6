package format

import (
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
)

// A Namespace is what people call a network namespace, and how that is known.
type Namespace struct {
	Name      string // as text shows it: web, docker:4f1c9bd2a0e3, pod:web-7d9f, nginx.service, nginx/812
	By        string // what it is known by: see namedSection
	Container string // id of the container, or its name; "": in none
	Pod       string // uid of Kubernetes' pod; "": in none
	Host      string // the host name in it; "": that of the host, or not known
	PID       uint32 // a process in it; 0: none is known
	Comm      string // that process's program
}

// How a name is known, of those that readers ask for.
const (
	ByIPNetns = "ip netns" // it is a file's in /run/netns
	ByCapture = "capture"
)

var namedSection = Section{"named", []Key{
	{Name: "name", Form: FormStr,
		What: "what it is called: `web` (of ip-netns(8)), `docker:4f1c9bd2a0e3` (the runtime and the first 12 digits of " +
			"the container's id), `pod:web-7d9f` (the host name in the pod, or its uid), `nginx.service`, or " +
			"`nginx/812` (program and process). If several would be called the same, each has `/` and its `inum` behind"},
	{Name: "by", Form: FormStr,
		What: "by what that is known: `ip netns`; the path of the cgroup of `pid`: `docker`, `podman`, `containerd`, " +
			"`cri-o`, `container` (the path does not tell the runtime), `pod`, `lxc`, `nspawn`, `systemd`; " +
			"`program`; `capture`: the capture that the stream was read from has the name"},
	{Name: "container", Form: FormStr, What: "id of the container that `pid` is in; of `lxc` and `nspawn` its name",
		Absent: "it is in none that is known"},
	{Name: "pod", Form: FormStr, What: "uid of its pod", Absent: "it is in none that is known"},
	{Name: "host", Form: FormStr, What: "the host name in that container", Absent: "it is the host's, or not known"},
	{Name: "pid", Form: FormUint, What: "the process in it that had the lowest number then", Absent: "none is known"},
	{Name: "comm", Form: FormStr, What: "its program", Absent: "as `pid`"},
}}

func (n *Namespace) append(dst []byte) []byte {
	texts := [...]struct{ key, value string }{{"name", n.Name}, {"by", n.By}, {"container", n.Container}, {"pod", n.Pod},
		{"host", n.Host}, {"comm", n.Comm}}
	pairs := 0
	if n.PID != 0 {
		pairs++
	}
	for i, t := range texts {
		if i < 2 || t.value != "" {
			pairs++
		}
	}
	dst = wire.AppendMap(dst, pairs)
	for i, t := range texts {
		if t.key == "comm" && n.PID != 0 {
			dst = wire.AppendUint(wire.AppendStr(dst, "pid"), uint64(n.PID))
		}
		if i < 2 || t.value != "" {
			dst = wire.AppendStr(wire.AppendStr(dst, t.key), t.value)
		}
	}
	return dst
}

func (n *Namespace) decode(key []byte, v wire.Value) {
	switch string(key) {
	case "name":
		setString(&n.Name, v)
	case "by":
		setString(&n.By, v)
	case "container":
		setString(&n.Container, v)
	case "pod":
		setString(&n.Pod, v)
	case "host":
		setString(&n.Host, v)
	case "pid":
		u, _ := v.Uint()
		n.PID = uint32(u)
	case "comm":
		setString(&n.Comm, v)
	}
}

func appendNamespaces(dst []byte, all map[uint32]Namespace) []byte {
	dst = wire.AppendMap(dst, len(all))
	for _, inum := range sorted(all) {
		n := all[inum]
		dst = n.append(wire.AppendStr(dst, strconv.FormatUint(uint64(inum), 10)))
	}
	return dst
}

// Namespaces returns what r, a start, says of network namespaces, by their inode numbers; nil if it says nothing.
func (r Raw) Namespaces() map[uint32]Namespace {
	v := r.Get("namespaces")
	if v == nil {
		return nil
	}
	all := map[uint32]Namespace{}
	_ = v.Each(func(key []byte, v wire.Value) bool {
		inum, err := strconv.ParseUint(string(key), 10, 32)
		if err == nil {
			var n Namespace
			_ = v.Each(func(key []byte, v wire.Value) bool {
				n.decode(key, v)
				return true
			})
			all[uint32(inum)] = n
		}
		return true
	})
	return all
}
