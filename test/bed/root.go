//go:build linux

package main

import (
	"bufio"
	_ "embed"
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// tools are the programs that a guest has: this machine's, or those that were fetched with a
// foreign kernel. Busybox would have fewer options than the scripts that people write on real
// machines use.
var tools = strings.Fields(`
	bash sh env
	cat chmod chown cp cut date dd df echo expr false head id ln ls mkdir mkfifo mktemp mv od printf
	pwd readlink realpath rm rmdir seq sha256sum sleep sort stat stty sync tail tee test timeout
	touch tr true truncate uname uniq wc yes
	awk cmp diff find grep sed xargs tar
	mount umount dmesg nsenter unshare setpriv
	ip tc ss nstat bridge ping ethtool
	tcpdump bpftool nft socat jq
	modprobe lsmod insmod
	ps pkill sysctl
	capsh setcap getcap
	taskset setsid gzip`)

// nativeTools are in no foreign guest: what they read can be read here, and what they start does not depend on it.
var nativeTools = strings.Fields(`tshark dumpcap capinfos editcap xz crun`)

// sharedFiles are what the tools read besides their libraries.
var sharedFiles = []string{
	"/etc/protocols", "/etc/services", "/etc/ethertypes", "/etc/iproute2", "/usr/share/iproute2",
	"/usr/lib/tc", "/usr/share/wireshark",
}

//go:embed init.sh
var initScript []byte

// modulePaths are the parts of a kernel's module tree that networks are made of; what
// they depend on comes along.
var modulePaths = []string{
	"kernel/net/", "kernel/drivers/net/", "kernel/drivers/block/virtio_blk", "kernel/drivers/virtio/",
	"kernel/lib/", "kernel/crypto/",
}

// leftOut are drivers of hardware that no guest has.
var leftOut = []string{
	"kernel/drivers/net/ethernet/", "kernel/drivers/net/wireless/", "kernel/drivers/net/usb/",
	"kernel/drivers/net/phy/", "kernel/drivers/net/can/", "kernel/net/bluetooth/", "kernel/net/mac80211/",
}

// An archive is an initramfs under construction.
type archive struct {
	cpioWriter
	have map[string]bool
}

// writeRoot writes the guest's whole file system for k, with the files of in.
func writeRoot(path string, k *kernel, in []string) error {
	f, err := os.Create(path)
	if err != nil {
		return err
	}
	defer f.Close()
	w := bufio.NewWriterSize(f, 1<<20)
	a := &archive{cpioWriter{w: w}, map[string]bool{}}
	a.skeleton()
	var binaries []string
	names := tools
	if !k.foreign() && !k.lean {
		names = append(names, nativeTools...)
	}
	for _, t := range names {
		real, err := k.tool(t)
		if err != nil {
			return err
		}
		if err := a.copy("usr/bin/"+t, real); err != nil {
			return err
		}
		binaries = append(binaries, real)
	}
	for _, path := range in {
		more, err := a.input(path)
		if err != nil {
			return err
		}
		binaries = append(binaries, more...)
	}
	for _, p := range sharedFiles {
		more, err := a.tree(strings.TrimPrefix(p, "/"), filepath.Join(k.root, p))
		if err != nil {
			return err
		}
		binaries = append(binaries, more...)
	}
	libs, err := libraries(k.root, binaries)
	if err != nil {
		return err
	}
	for _, l := range libs {
		if err := a.library(k.root, l); err != nil {
			return err
		}
	}
	if k.ovs != "" {
		if err := a.openvswitch(k.ovs); err != nil {
			return err
		}
	}
	for _, archive := range k.roots {
		if err := a.copy("skb/roots/"+filepath.Base(archive), archive); err != nil {
			return err
		}
	}
	if err := a.modules(k); err != nil {
		return err
	}
	if err := a.close(); err != nil {
		return err
	}
	return w.Flush()
}

// tool returns the path of a tool's file.
func (k *kernel) tool(name string) (string, error) {
	if !k.foreign() {
		p, err := exec.LookPath(name)
		if err != nil {
			return "", fmt.Errorf("%s is not on this machine: run 'make deps-test'", name)
		}
		return filepath.EvalSymlinks(p)
	}
	if name == "awk" {
		name = "mawk" // an alternative of update-alternatives(1), which only an installation makes
	}
	for _, dir := range []string{"usr/bin", "usr/sbin", "bin", "sbin"} {
		if p := resolve(k.root, filepath.Join(k.root, dir, name)); p != "" {
			return p, nil
		}
	}
	return "", fmt.Errorf("%s is in none of the packages that were fetched for kernel %s", name, k.name)
}

// resolve follows the links to a file below root, as if root were /; "" when there is none.
func resolve(root, path string) string {
	for range 8 {
		target, err := os.Readlink(path)
		switch {
		case err != nil:
			if _, err := os.Stat(path); err != nil {
				return ""
			}
			return path
		case filepath.IsAbs(target):
			path = filepath.Join(root, target)
		default:
			path = filepath.Join(filepath.Dir(path), target)
		}
	}
	return ""
}

// skeleton makes the folders and the merged /usr that Debian has.
func (a *archive) skeleton() {
	for _, d := range strings.Fields("dev proc sys run tmp root etc var usr usr/bin usr/sbin usr/lib usr/lib64 skb " +
		"skb/in skb/out skb/roots") {
		a.folder(d)
	}
	for _, l := range []string{"bin", "sbin", "lib", "lib64"} {
		a.link(l, "usr/"+l)
	}
	a.link("var/run", "../run")
	a.link("usr/sbin/modprobe", "../bin/modprobe")
	a.file("init", 0o755, initScript)
	a.file("etc/passwd", 0o644,
		[]byte("root:x:0:0:root:/root:/bin/bash\ndemo:x:1000:1000:demo:/tmp:/bin/bash\n"+
			"tcpdump:x:104:104:tcpdump:/:/bin/false\nnobody:x:65534:65534:nobody:/:/bin/false\n"))
	a.file("etc/group", 0o644, []byte("root:x:0:\ndemo:x:1000:\ntcpdump:x:104:\nnogroup:x:65534:\n"))
	a.file("etc/hosts", 0o644, []byte("127.0.0.1 localhost\n::1 localhost\n"))
}

func (a *archive) folder(name string) {
	if name == "." || a.have[name] {
		return
	}
	a.folder(filepath.Dir(name))
	a.have[name] = true
	a.dir(name)
}

// copy puts the file src into the archive as name.
func (a *archive) copy(name, src string) error {
	if a.have[name] {
		return nil
	}
	b, err := os.ReadFile(src)
	if err != nil {
		return err
	}
	info, err := os.Stat(src)
	if err != nil {
		return err
	}
	a.folder(filepath.Dir(name))
	a.have[name] = true
	a.file(name, info.Mode(), b)
	return a.err
}

// library puts a library where the loader finds it in the guest, which has no ld.so.cache.
func (a *archive) library(root, path string) error {
	dir := "usr/lib"
	name := "/" + strings.TrimPrefix(strings.TrimPrefix(path, root), "/")
	switch {
	case strings.HasPrefix(name, "/lib64/"):
		dir = "usr/lib64"
	case strings.Contains(name, "-linux-gnu/"):
		rest := strings.TrimPrefix(strings.TrimPrefix(name, "/usr"), "/lib/")
		dir = "usr/lib/" + filepath.Dir(rest)
	}
	return a.copy(dir+"/"+filepath.Base(path), path)
}

// input puts a file, or the files of a folder, into /skb/in, and returns their paths.
func (a *archive) input(path string) ([]string, error) {
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	if info.IsDir() {
		return a.tree("skb/in", path)
	}
	return []string{path}, a.copy("skb/in/"+filepath.Base(path), path)
}

// tree copies src and what is below it, if it is there, and returns the files' paths.
func (a *archive) tree(name, src string) ([]string, error) {
	var files []string
	err := filepath.WalkDir(src, func(p string, d fs.DirEntry, err error) error {
		if err != nil {
			if p == src && os.IsNotExist(err) {
				return nil
			}
			return err
		}
		if info, err := os.Stat(p); err != nil || !info.Mode().IsRegular() {
			return nil
		}
		rel, err := filepath.Rel(src, p)
		if err != nil {
			return err
		}
		files = append(files, p)
		return a.copy(filepath.Join(name, rel), p)
	})
	return files, err
}

// modules puts the kernel's network modules in, and the index that modprobe reads.
func (a *archive) modules(k *kernel) error {
	dep, err := os.ReadFile(filepath.Join(k.modules, "modules.dep"))
	if err != nil {
		return err
	}
	base := "usr/lib/modules/" + k.release + "/"
	for line := range strings.Lines(string(dep)) {
		module, needs, _ := strings.Cut(strings.TrimSpace(line), ":")
		if !hasPrefix(module, modulePaths) || hasPrefix(module, leftOut) {
			continue
		}
		for _, m := range append(strings.Fields(needs), module) {
			if err := a.copy(base+m, filepath.Join(k.modules, m)); err != nil {
				return err
			}
		}
	}
	index, _ := filepath.Glob(filepath.Join(k.modules, "modules.*"))
	for _, i := range index {
		if err := a.copy(base+filepath.Base(i), i); err != nil {
			return err
		}
	}
	return nil
}

func hasPrefix(s string, prefixes []string) bool {
	for _, p := range prefixes {
		if strings.HasPrefix(s, p) {
			return true
		}
	}
	return false
}
