package main

import (
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Drivers of virtual devices, and of those that guests of hypervisors have.
var drivers = []string{
	"veth.c", "tun.c", "tun_vnet.h", "tap.c", "vxlan.c", "vxlan/", "geneve.c", "bareudp.c", "gtp.c", "wireguard/",
	"bonding/", "team/", "macvlan.c", "macvtap.c", "ipvlan/", "macsec.c", "vrf.c", "netkit.c", "ifb.c", "dummy.c", "ppp/",
	"amt.c", "xen-netfront.c", "virtio_net.c", "hyperv/", "loopback.c", "nlmon.c", "vsockmon.c", "net_failover.c",
	"pfcp.c", "ovpn/",
}

func wanted(file string) bool {
	if !strings.HasSuffix(file, ".c") && !strings.HasSuffix(file, ".h") {
		return false
	}
	if strings.HasPrefix(file, "net/") || strings.HasPrefix(file, "include/net/") {
		return true
	}
	if rest, ok := strings.CutPrefix(file, "drivers/net/"); ok {
		return slices.ContainsFunc(drivers, func(d string) bool {
			return rest == d || strings.HasSuffix(d, "/") && strings.HasPrefix(rest, d)
		})
	}
	rest, ok := strings.CutPrefix(file, "include/linux/")
	return ok && !strings.Contains(rest, "/")
}

// readTrees reads source trees, and the kernels made from them if they are below binaries.
func readTrees(trees []string, binaries string) (map[string]*kernel, []*site, error) {
	var all []*site
	kernels := map[string]*kernel{}
	for _, tree := range trees {
		name, dir, ok := strings.Cut(tree, "=")
		if !ok {
			dir = tree
			name = strings.TrimPrefix(filepath.Base(tree), "linux-")
		}
		k := &kernel{name: name, functions: map[string][]*function{}, callers: map[string][]*function{},
			direct: map[*function]int{}, open: map[string]bool{}}
		kernels[name] = k
		for _, part := range []string{"net", "drivers/net", "include/net", "include/linux"} {
			sites, err := k.read(dir, part)
			if err != nil {
				return nil, nil, err
			}
			all = append(all, sites...)
		}
		if binaries != "" {
			var err error
			if k.binary, err = readCompiled(filepath.Join(binaries, name)); err != nil {
				return nil, nil, err
			}
		}
	}
	sortSites(all)
	return kernels, all, nil
}

func (k *kernel) read(dir, part string) ([]*site, error) {
	var all []*site
	err := filepath.WalkDir(filepath.Join(dir, part), func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		file, err := filepath.Rel(dir, path)
		if err != nil || d.IsDir() || !wanted(filepath.ToSlash(file)) {
			return err
		}
		source, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		for _, f := range functions(file, tokens(string(source))) {
			if drops(f.name) || f.name == "consume_skb" {
				continue // whoever calls it drops
			}
			sites := slices.DeleteFunc(sitesOf(f), func(s *site) bool { return len(s.reasons) == 1 && notDrops[s.reasons[0]] })
			for _, s := range sites {
				s.kernel = k.name
			}
			k.add(f, sites)
			all = append(all, sites...)
		}
		return nil
	})
	return all, err
}
