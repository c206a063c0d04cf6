//go:build ignore

// Writes the part of a kernel's BTF that the tests of package filter look at. What
// pointers to other structs point to is left out.
//
//	go run types.go < /sys/kernel/btf/vmlinux > types-6.12.btf
package main

import (
	"bytes"
	"io"
	"log"
	"os"

	"github.com/cilium/ebpf/btf"
)

var wanted = []string{
	"sk_buff", "net_device", "net", "ns_common", "sock", "sock_common", "task_struct", "nsproxy",
	"iphdr", "ethhdr", "tcphdr", "udphdr", "net_device_flags", "sock_type",
}

func main() {
	in, err := io.ReadAll(os.Stdin)
	if err != nil {
		log.Fatal(err)
	}
	spec, err := btf.LoadSpecFromReader(bytes.NewReader(in))
	if err != nil {
		log.Fatal(err)
	}
	keep := map[string]bool{}
	var roots []btf.Type
	for _, name := range wanted {
		keep[name] = true
		t, err := spec.AnyTypeByName(name)
		if err != nil {
			log.Fatal(name, ": ", err)
		}
		roots = append(roots, t)
	}
	seen := map[btf.Type]bool{}
	for _, t := range roots {
		cut(t, keep, seen)
	}
	b, err := btf.NewBuilder(roots, nil)
	if err != nil {
		log.Fatal(err)
	}
	out, err := b.Marshal(nil, nil)
	if err != nil {
		log.Fatal(err)
	}
	os.Stdout.Write(out)
}

func cut(t btf.Type, keep map[string]bool, seen map[btf.Type]bool) {
	if t == nil || seen[t] {
		return
	}
	seen[t] = true
	switch t := t.(type) {
	case *btf.Struct:
		for _, m := range t.Members {
			cut(m.Type, keep, seen)
		}
	case *btf.Union:
		for _, m := range t.Members {
			cut(m.Type, keep, seen)
		}
	case *btf.Array:
		cut(t.Type, keep, seen)
	case *btf.Typedef:
		cut(t.Type, keep, seen)
	case *btf.Const:
		cut(t.Type, keep, seen)
	case *btf.Volatile:
		cut(t.Type, keep, seen)
	case *btf.TypeTag:
		cut(t.Type, keep, seen)
	case *btf.Pointer:
		switch target := t.Target.(type) {
		case *btf.Struct:
			if !keep[target.Name] {
				t.Target = &btf.Fwd{Name: target.Name, Kind: btf.FwdStruct}
			}
		case *btf.Union:
			t.Target = &btf.Fwd{Name: target.Name, Kind: btf.FwdUnion}
		case *btf.FuncProto:
			t.Target = &btf.Void{}
		default:
			cut(target, keep, seen)
		}
	}
}
