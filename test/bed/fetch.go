//go:build linux

package main

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
)

// A suite is a Debian release that has a kernel.
type suite struct {
	name   string // of the kernel, as users give it
	debian string
	arch   string // Debian's and Go's name of the architecture
}

var suites = []suite{
	{"5.10", "bullseye", "amd64"}, {"6.1", "bookworm", "amd64"}, {"6.12", "trixie", "amd64"}, {"7.x", "sid", "amd64"},
	{"6.1-arm64", "bookworm", "arm64"}, {"6.12-arm64", "trixie", "arm64"},
}

// foreignKernel is the one that tests run on.
const foreignKernel = "6.12-arm64"

// foreign: programs of this machine don't run there.
func (s suite) foreign() bool { return s.arch != "amd64" }

// kernelNames are the kernels to test on: SKB_KERNELS, or all that run this machine's programs, and
// with foreign the one that does not.
func kernelNames(foreign bool) []string {
	if env := os.Getenv("SKB_KERNELS"); env != "" {
		return strings.Split(env, ",")
	}
	var names []string
	for _, s := range suites {
		if !s.foreign() || foreign && s.name == foreignKernel {
			names = append(names, s.name)
		}
	}
	return names
}

// A kernel is one in the cache.
type kernel struct {
	suite
	release string   // 6.12.107+deb13-cloud-amd64
	image   string   // path of vmlinuz
	modules string   // path of the folder lib/modules/RELEASE
	root    string   // folder that tools are taken from, as if it were /
	ovs     string   // folder with the packages of Open vSwitch; "" without
	roots   []string // archives of roots of Debian's releases
	lean    bool     // its guests have no Open vSwitch and no tools of Wireshark's
}

func cacheDir() (string, error) {
	if dir := os.Getenv("SKB_CACHE"); dir != "" {
		return dir, nil
	}
	dir, err := os.UserCacheDir()
	if err != nil {
		return "", fmt.Errorf("no folder for the kernels: %w; set SKB_CACHE", err)
	}
	return filepath.Join(dir, "skb-tools"), nil
}

// fetch returns the named kernel, from the cache or else from Debian, and what guests have besides it.
func fetch(name string) (*kernel, error) {
	k, err := fetchKernel(name)
	if err != nil || k.foreign() {
		return k, err
	}
	if k.ovs, err = fetchSwitch(k.suite); err != nil {
		return nil, err
	}
	k.roots, err = fetchRoots()
	return k, err
}

// fetchKernel returns the named kernel alone.
func fetchKernel(name string) (*kernel, error) {
	var s suite
	var names []string
	for _, known := range suites {
		names = append(names, known.name)
		if known.name == name {
			s = known
		}
	}
	if s.name == "" {
		return nil, fmt.Errorf("kernel %q: there are %s", name, strings.Join(names, ", "))
	}
	var k *kernel
	err := inCache("kernel-"+name, func(dir string) (err error) {
		k, err = cached(s, dir)
		return err
	}, func(root string) error {
		fmt.Fprintf(os.Stderr, "testbed: fetching kernel %s (Debian %s, %s)\n", name, s.debian, s.arch)
		if err := download(s, root); err != nil {
			return fmt.Errorf("kernel %s can't be had from Debian %s: %w (SKB_KERNELS chooses others)", name, s.debian, err)
		}
		return nil
	})
	return k, err
}

// inCache has a folder of the cache read, which is made anew unless that succeeds.
func inCache(name string, read, make func(dir string) error) error {
	cache, err := cacheDir()
	if err != nil {
		return err
	}
	if err := os.MkdirAll(cache, 0o777); err != nil {
		return err
	}
	// Two runs at the same time fetch once.
	lock, err := os.Create(filepath.Join(cache, "lock"))
	if err != nil {
		return err
	}
	defer lock.Close()
	if err := syscall.Flock(int(lock.Fd()), syscall.LOCK_EX); err != nil {
		return err
	}
	dir := filepath.Join(cache, name)
	if read(dir) == nil {
		return nil
	}
	tmp, err := os.MkdirTemp(cache, "fetching-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(tmp)
	root := filepath.Join(tmp, "root")
	if err := os.Mkdir(root, 0o777); err != nil {
		return err
	}
	if err := make(root); err != nil {
		return err
	}
	os.RemoveAll(dir)
	if err := os.Rename(root, dir); err != nil {
		return err
	}
	return read(dir)
}

// cached finds the kernel in an unpacked folder.
func cached(s suite, dir string) (*kernel, error) {
	// lib may be a link to usr/lib.
	found, _ := filepath.Glob(filepath.Join(dir, "usr/lib/modules/*/modules.dep"))
	if len(found) == 0 {
		found, _ = filepath.Glob(filepath.Join(dir, "lib/modules/*/modules.dep"))
	}
	if len(found) != 1 {
		return nil, fmt.Errorf("%s: no kernel modules", dir)
	}
	modules := filepath.Dir(found[0])
	k := &kernel{suite: s, release: filepath.Base(modules), modules: modules, root: "/"}
	if s.foreign() {
		k.root = dir
	}
	for _, image := range []string{filepath.Join(dir, "boot/vmlinuz-"+k.release), filepath.Join(modules, "vmlinuz")} {
		if _, err := os.Stat(image); err == nil {
			k.image = image
			return k, nil
		}
	}
	return nil, fmt.Errorf("%s: no vmlinuz", dir)
}

// foreignTools are the packages of what tests need of tools in a guest of another architecture.
var foreignTools = strings.Fields(`
	bash dash coreutils mawk diffutils findutils grep sed tar gzip
	mount util-linux kmod procps libcap2-bin netbase
	iproute2 iputils-ping ethtool nftables bpftool tcpdump socat jq`)

// download unpacks the suite's cloud kernel into root, and for another architecture the tools
// beside it.
func download(s suite, root string) error {
	a, err := newApt(s.debian, s.arch)
	if err != nil {
		return err
	}
	defer a.close()
	packages, err := kernelPackages(s.arch, func(pkg string) (string, error) { return a.run("apt-cache", "depends", pkg) })
	if err != nil {
		return err
	}
	if size, err := a.size(packages); err == nil {
		fmt.Fprintf(os.Stderr, "testbed: that is %d MB\n", (size+500_000)/1_000_000)
	}
	for _, p := range packages {
		if _, err := a.run("apt-get", "download", p); err != nil {
			return err
		}
	}
	if s.foreign() {
		args := append([]string{"install", "--yes", "--download-only", "--no-install-recommends"}, foreignTools...)
		if _, err := a.run("apt-get", args...); err != nil {
			return err
		}
	}
	if err := a.unpack(root); err != nil {
		return err
	}
	return depmod(root)
}

var kernelPackage = regexp.MustCompile(`Depends: (linux-(?:image|binary|modules)-[0-9]\S*)`)

// kernelPackages finds the packages behind linux-image-cloud-ARCH, which depends on the newest
// kernel's; in newer suites that one depends on a package each for image and modules.
func kernelPackages(arch string, depends func(pkg string) (string, error)) ([]string, error) {
	meta := "linux-image-cloud-" + arch
	out, err := depends(meta)
	if err != nil {
		return nil, err
	}
	m := kernelPackage.FindStringSubmatch(out)
	if m == nil {
		return nil, fmt.Errorf("%s depends on no kernel", meta)
	}
	packages := []string{m[1]}
	if out, err = depends(m[1]); err != nil {
		return nil, err
	}
	for _, m := range kernelPackage.FindAllStringSubmatch(out, -1) {
		packages = append(packages, m[1])
	}
	return packages, nil
}

// depmod makes the index that modprobe reads; Debian's packages leave it to their
// installation.
func depmod(root string) error {
	for _, base := range []string{root, filepath.Join(root, "usr")} {
		dirs, _ := filepath.Glob(filepath.Join(base, "lib/modules/*"))
		if len(dirs) != 1 {
			continue
		}
		out, err := exec.Command("/sbin/depmod", "-b", base, filepath.Base(dirs[0])).CombinedOutput()
		if err != nil {
			return fmt.Errorf("depmod: %s", lastLine(out))
		}
		return nil
	}
	return fmt.Errorf("the packages hold no modules")
}
