package nsnames

import (
	"strings"
	"testing"
)

const (
	id   = "4f1c9bd2a0e3478c9d55b1c2d3e4f5061728394a5b6c7d8e9f00112233445566"
	uid  = "3c2f1e0d-9a8b-4c7d-8e6f-5a4b3c2d1e0f"
	uid_ = "3c2f1e0d_9a8b_4c7d_8e6f_5a4b3c2d1e0f"
)

// TestCgroups: paths as the runtimes name them, with systemd's driver and cgroupfs', in both versions.
func TestCgroups(t *testing.T) {
	// The longer ones first: ID is within UID.
	fill := strings.NewReplacer("UID_", uid_, "UID", uid, "ID", id)
	for _, c := range []struct{ text, runtime, container, pod, unit string }{
		// Docker
		{"0::/system.slice/docker-ID.scope\n", "docker", "ID", "", ""},
		{"0::/docker/ID\n", "docker", "ID", "", ""},
		{"12:memory:/docker/ID\n11:cpu,cpuacct:/docker/ID\n1:name=systemd:/docker/ID\n0::/system.slice/containerd.service\n", "docker", "ID", "", ""},
		{"0::/docker/ID/init.scope\n", "docker", "ID", "", ""},
		{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/docker-ID.scope\n", "docker", "ID", "", ""},
		// Podman
		{"0::/machine.slice/libpod-ID.scope/container\n", "podman", "ID", "", ""},
		{"0::/machine.slice/libpod-ID.scope\n", "podman", "ID", "", ""},
		{"0::/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-ID.scope/container\n", "podman", "ID", "", ""},
		{"9:pids:/libpod_parent/libpod-ID\n0::/\n", "podman", "ID", "", ""},
		{"0::/system.slice/web.service/libpod-payload-ID\n", "podman", "ID", "", ""},
		{"0::/machine.slice/libpod-conmon-ID.scope\n", "", "", "", ""},
		// containerd
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-podUID_.slice/cri-containerd-ID.scope\n", "containerd", "ID", "UID", ""},
		{"0::/kubepods.slice/kubepods-podUID_.slice/cri-containerd-ID.scope\n", "containerd", "ID", "UID", ""},
		{"0::/system.slice/containerd.service/kubepods-besteffort-podUID_.slice:cri-containerd:ID\n", "containerd", "ID", "UID", ""},
		{"0::/kubepods/besteffort/podUID/ID\n", "container", "ID", "UID", ""},
		{"4:devices:/kubepods/podUID/ID\n0::/\n", "container", "ID", "UID", ""},
		{"0::/system.slice/nerdctl-ID.scope\n", "containerd", "ID", "", ""},
		{"0::/default/ID\n", "containerd", "ID", "", ""},
		// CRI-O
		{"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-ID.scope\n", "cri-o", "ID", "UID", ""},
		{"0::/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-podUID_.slice/crio-ID.scope/container\n", "cri-o", "ID", "UID", ""},
		{"6:memory:/kubepods/burstable/podUID/crio-ID\n", "cri-o", "ID", "UID", ""},
		{"0::/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod0123456789abcdef0123456789abcdef.slice/crio-ID.scope\n", "cri-o", "ID", "0123456789abcdef0123456789abcdef", ""},
		// Kubernetes in Docker: the inner one
		{"0::/docker/4f1c9bd2a0e3478c9d55b1c2d3e4f5061728394a5b6c7d8e9f001122334455ff/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-podUID_.slice/cri-containerd-ID.scope\n", "containerd", "ID", "UID", ""},
		// Others
		{"0::/ecs/0123/ID\n", "container", "ID", "", ""},
		{"0::/lxc.payload.web/system.slice/nginx.service\n", "lxc", "web", "", ""},
		{"5:memory:/lxc/web\n", "lxc", "web", "", ""},
		{"0::/machine.slice/systemd-nspawn@web.service/payload\n", "nspawn", "web", "", ""},
		{"0::/machine.slice/machine-web.scope\n", "nspawn", "web", "", ""},
		// systemd
		{"0::/system.slice/nginx.service\n", "", "", "", "nginx.service"},
		{"0::/system.slice/system-postgresql.slice/postgresql@14-main.service\n", "", "", "", "postgresql@14-main.service"},
		{"1:name=systemd:/system.slice/dnsmasq.service\n0::/\n", "", "", "", "dnsmasq.service"},
		// no names
		{"0::/user.slice/user-1000.slice/session-3.scope\n", "", "", "", ""},
		{"0::/\n", "", "", "", ""}, {"", "", "", "", ""}, {"nonsense", "", "", "", ""}, {"0::", "", "", "", ""},
		{"0::/system.slice/docker-abc.scope\n", "", "", "", ""},
		{"0::/kubepods/podnouid/x\n", "", "", "", ""},
		{"0::/lxc/\n", "", "", "", ""},
	} {
		got := ofCgroups(fill.Replace(c.text))
		if want := (place{c.runtime, fill.Replace(c.container), fill.Replace(c.pod), c.unit}); got != want {
			t.Errorf("%q: %+v, want %+v", c.text, got, want)
		}
	}
}

// FuzzCgroups: any text is read.
func FuzzCgroups(f *testing.F) {
	f.Add("0::/kubepods/besteffort/pod" + uid + "/" + id + "\n")
	f.Fuzz(func(t *testing.T, text string) {
		p := ofCgroups(text)
		if p.container != "" && (p.runtime == "" || p.unit != "") {
			t.Errorf("%q: %+v", text, p)
		}
	})
}
