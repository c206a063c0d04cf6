//go:build linux && (amd64 || arm64)

package kernel

import (
	"fmt"
	"sync"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
)

// An object is parsed once. Nobody changes it.
func object(load func() (*ebpf.CollectionSpec, error)) func() (*ebpf.CollectionSpec, error) {
	return sync.OnceValues(func() (*ebpf.CollectionSpec, error) {
		o, err := load()
		if err != nil {
			return nil, fmt.Errorf("reading the embedded BPF object: %w", err)
		}
		return o, nil
	})
}

// The object that has all for BPF programs as probes takes longer to read than the other.
var parsedSkb, parsedPrograms = object(bpf.LoadSkb), object(bpf.LoadPrograms)

// parsed is the BPF object that this run needs.
func (k *Kernel) parsed() (*ebpf.CollectionSpec, error) {
	if k.probesPrograms {
		return parsedPrograms()
	}
	return parsedSkb()
}

// newObject is the BPF object with maps and variables of its own. Programs are to be copied
// before they are changed.
func (k *Kernel) newObject() (*ebpf.CollectionSpec, error) {
	o, err := k.parsed()
	if err != nil {
		return nil, err
	}
	c := *o
	c.Maps, c.Variables = map[string]*ebpf.MapSpec{}, map[string]*ebpf.VariableSpec{}
	for name, m := range o.Maps {
		c.Maps[name] = m.Copy()
	}
	for name, v := range o.Variables {
		c.Variables[name] = v.Copy()
	}
	return &c, nil
}

// common is what all programs that are loaded into a kernel have in common.
type common struct {
	types *btf.Spec // of the kernel, as far as the programs know them,
	// and the numbers that these have there.
	numbers []uint32
	info    *btf.Handle
	funcs   map[*btf.Func]btf.TypeID // of the programs and what they call, in info
}

// share makes it, once.
func (k *Kernel) share() (*common, error) {
	k.commonOnce.Do(func() { k.common, k.commonErr = k.newCommon() })
	return k.common, k.commonErr
}

func (k *Kernel) newCommon() (*common, error) {
	types, err := k.foreseen()
	if err != nil {
		return nil, err
	}
	object, err := k.parsed()
	if err != nil {
		return nil, err
	}
	c := &common{types: types, numbers: k.types.numbers, funcs: map[*btf.Func]btf.TypeID{}}
	var b btf.Builder
	for _, p := range object.Programs {
		for i := range p.Instructions {
			f := btf.FuncMetadata(&p.Instructions[i])
			if f == nil || c.funcs[f] != 0 {
				continue
			}
			if c.funcs[f], err = b.Add(f); err != nil {
				return nil, err
			}
		}
	}
	if c.info, err = btf.NewHandle(&b); err != nil {
		return nil, err
	}
	return c, nil
}
