//go:build linux && (amd64 || arm64)

package filter

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/internal/collect/nsnames"
)

// maxIfName is the length of the longest name of a device (IFNAMSIZ, with its NUL 16).
const maxIfName = 15

// expressions returns the --where expressions and those that the short forms stand for.
// NeedsTypes reports whether New looks at the kernel's types.
func (o *Options) NeedsTypes() bool {
	exprs, err := o.expressions()
	return err == nil && len(exprs) > 0
}

func (o *Options) expressions() ([]string, error) {
	exprs := append([]string(nil), o.Where...)
	for _, form := range []func() ([]string, error){o.ifNames, o.netns, o.marks, o.pids} {
		any, err := form()
		if err != nil {
			return nil, err
		}
		if len(any) > 0 {
			exprs = append(exprs, strings.Join(any, " || "))
		}
	}
	return exprs, nil
}

func (o *Options) ifNames() (any []string, err error) {
	if slices.Contains(o.IfName, "any") { // as tcpdump has it
		return nil, nil
	}
	for _, name := range o.IfName {
		if name == "" || len(name) > maxIfName {
			return nil, fmt.Errorf("--ifname %s: a device's name has 1 to %d characters", quote(name), maxIfName)
		}
		any = append(any, fmt.Sprintf("skb->dev->name == %s", strconv.Quote(name)))
	}
	return any, nil
}

// The namespace is the device's or, before a route is known, the socket's.
func (o *Options) netns() (any []string, err error) {
	for _, ns := range o.Netns {
		inum, err := netnsInum(ns)
		if err != nil {
			return nil, fmt.Errorf("--netns %s: %w", quote(ns), err)
		}
		any = append(any, fmt.Sprintf("(skb->dev ? skb->dev->nd_net.net : skb->sk->__sk_common.skc_net.net)->ns.inum == %d",
			inum))
	}
	return any, nil
}

func netnsInum(ns string) (uint32, error) {
	path := netnsPath(ns)
	if path == "" {
		inum, err := strconv.ParseUint(ns, 10, 32)
		return uint32(inum), err
	}
	var fs unix.Statfs_t
	// A name that text shows may have a / in it: bash/115.
	err := unix.Statfs(path, &fs)
	if none := errors.Is(err, unix.ENOENT) || errors.Is(err, unix.ENOTDIR); none && !strings.HasPrefix(ns, "/") {
		inum, found, other := nsnames.Resolve(ns)
		if other == nil && !found {
			other = fmt.Errorf("%s: %w, and no container, pod or service whose processes can be seen is called that", path, err)
		}
		return inum, other
	} else if err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	if fs.Type != unix.NSFS_MAGIC {
		return 0, fmt.Errorf("%s is no namespace", path)
	}
	var st unix.Stat_t
	if err := unix.Stat(path, &st); err != nil {
		return 0, fmt.Errorf("%s: %w", path, err)
	}
	return uint32(st.Ino), nil
}

// netnsPath is the file that an argument of --netns names; "" when it is a number.
func netnsPath(ns string) string {
	if strings.Contains(ns, "/") {
		return ns
	}
	path := nsnames.Dir + "/" + ns
	if _, err := strconv.ParseUint(ns, 10, 32); err == nil {
		if _, err := os.Stat(path); err != nil {
			return ""
		}
	}
	return path
}

// Namespaces returns a file for each network namespace of --netns, none twice. A number is
// looked for among the namespaces that have a name or a process.
func (o *Options) Namespaces() (paths []string, err error) {
	seen := map[uint32]bool{}
	for _, ns := range o.Netns {
		inum, err := netnsInum(ns)
		if err != nil {
			return nil, fmt.Errorf("--netns %s: %w", quote(ns), err)
		}
		if seen[inum] {
			continue
		}
		seen[inum] = true
		path := netnsPath(ns)
		if _, err := os.Stat(path); err != nil { // a number, or the name of a container
			if path = netnsFile(inum); path == "" {
				return nil, fmt.Errorf("--netns %s: no network namespace with that number has a name or a process", ns)
			}
		}
		paths = append(paths, path)
	}
	return paths, nil
}

// netnsFile finds a file of the namespace with this inode number, or "".
func netnsFile(inum uint32) string {
	for _, glob := range []string{nsnames.Dir + "/*", "/proc/[0-9]*/ns/net"} {
		files, _ := filepath.Glob(glob) // the patterns are well-formed
		for _, f := range files {
			if n, err := netnsInum(f); err == nil && n == inum {
				return f
			}
		}
	}
	return ""
}

func (o *Options) marks() (any []string, err error) {
	for _, m := range o.Mark {
		value, mask, masked := strings.Cut(m, "/")
		v, err := strconv.ParseUint(value, 0, 32)
		k := uint64(1<<32 - 1)
		if err == nil && masked {
			k, err = strconv.ParseUint(mask, 0, 32)
		}
		if err != nil {
			return nil, fmt.Errorf("--mark %s: it is VALUE or VALUE/MASK, each of 32 bits (0x10/0xff)", quote(m))
		}
		if v&^k != 0 {
			return nil, fmt.Errorf("--mark %s: no packet has bits outside of the mask", quote(m))
		}
		any = append(any, fmt.Sprintf("(skb->mark & %#x) == %#x", k, v))
	}
	return any, nil
}

func (o *Options) pids() (any []string, err error) {
	for _, pid := range o.PID {
		any = append(any, fmt.Sprintf("current->tgid == %d", pid))
	}
	return any, nil
}
