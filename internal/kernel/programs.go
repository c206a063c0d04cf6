//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"
	"strings"

	"github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"

	"github.com/skb-tools/skb-tools/bpf"
)

// programKinds are the types of BPF programs that see packets, by the word before the colon in
// -p KIND:NAME. All but xdp get an sk_buff.
var programKinds = map[ebpf.ProgramType]string{
	ebpf.XDP:      "xdp",
	ebpf.SchedCLS: "tc", ebpf.SchedACT: "tc",
	ebpf.CGroupSKB: "cgroup_skb", ebpf.SkSKB: "sk_skb", ebpf.SocketFilter: "socket_filter",
	ebpf.LWTIn: "lwt", ebpf.LWTOut: "lwt", ebpf.LWTXmit: "lwt", ebpf.LWTSeg6Local: "lwt",
	ebpf.Netfilter: "netfilter",
}

// IsProgramKind reports whether KIND in -p KIND:NAME means BPF programs.
func IsProgramKind(kind string) bool {
	for _, k := range programKinds {
		if k == kind {
			return true
		}
	}
	return false
}

// A Program is a BPF program of the machine that can be probed.
type Program struct {
	Kind     string // as programKinds has it
	ID       uint32
	Name     string // its main function's, or what the kernel has of it: 15 bytes
	Tag      string // 16 hexadecimal digits
	Sections bpf.Sections
	Exit     bool // only its exit is wanted

	function string // in its types (BTF); "": it has none
	params   int    // how many that has
}

func (p *Program) String() string { return p.Kind + ":" + p.Name }

// Called is what a message calls the program: kind, name and id.
func (p *Program) Called() string { return fmt.Sprintf("%s (id %d)", p, p.ID) }

// maxPrograms bounds how many programs are looked at.
const maxPrograms = 1 << 16

// Programs are the BPF programs of the whole machine that see packets, in the order of their ids.
func (k *Kernel) Programs() ([]Program, error) { return k.ProgramsAfter(0) }

// ProgramsAfter are those with greater ids: they were loaded later, since the kernel counts up.
func (k *Kernel) ProgramsAfter(id uint32) ([]Program, error) {
	var all []Program
	at := ebpf.ProgramID(id)
	for range maxPrograms {
		next, err := ebpf.ProgramGetNextID(at)
		if errors.Is(err, unix.ENOENT) {
			break
		}
		if err != nil {
			return nil, explainPrograms(err)
		}
		at = next
		p, err := ebpf.NewProgramFromID(at)
		if errors.Is(err, unix.ENOENT) {
			continue // it has gone meanwhile
		}
		if err != nil {
			return nil, explainPrograms(err)
		}
		if kind, ok := programKinds[p.Type()]; ok {
			all = append(all, describe(p, kind, uint32(at)))
		}
		p.Close()
	}
	return all, nil
}

func explainPrograms(err error) error {
	if have, e := effective(); errors.Is(err, unix.EPERM) && e == nil && have&(1<<unix.CAP_SYS_ADMIN) == 0 {
		return errors.New("looking for BPF programs: not permitted: the kernel shows them only with CAP_SYS_ADMIN")
	}
	return explain(err, "looking for BPF programs")
}

func describe(p *ebpf.Program, kind string, id uint32) Program {
	found := Program{Kind: kind, ID: id}
	info, err := p.Info()
	if err != nil {
		return found
	}
	found.Name, found.Tag = info.Name, info.Tag
	functions, err := info.FuncInfos()
	if err != nil || len(functions) == 0 {
		return found
	}
	main := functions[0].Func // the one at instruction 0
	found.function, found.params = main.Name, -1
	// What the kernel has of a name is cut at 15 bytes.
	if found.Name == "" || strings.HasPrefix(main.Name, found.Name) {
		found.Name = main.Name
	}
	if proto, ok := main.Type.(*btf.FuncProto); ok {
		found.params = len(proto.Params)
	}
	return found
}

// CantBeProbed says why p can't be, as far as is known before the kernel is asked; "": nothing is.
func (p *Program) CantBeProbed() string {
	switch {
	case p.function == "":
		return "it was loaded without BTF, by which alone the kernel attaches to a program"
	case p.params == 0:
		return "its function takes no argument by its BTF, so the packet isn't handed on to a probe"
	}
	return ""
}

// Program attaches to the entry and the exit of p; their events carry the numbers entry and exit as
// their probe. An error that is a RefusedError concerns this program alone.
func (a *Attachment) Program(p Program, entry, exit uint64) error {
	if why := p.CantBeProbed(); why != "" {
		return &RefusedError{why}
	}
	target, err := ebpf.NewProgramFromID(ebpf.ProgramID(p.ID))
	if errors.Is(err, unix.ENOENT) {
		return &RefusedError{"it has been unloaded"}
	}
	if err != nil {
		return explainPrograms(err)
	}
	defer target.Close()
	vars := a.loader.sections(p.Sections&anywhere, a.loader.settings.ShowBare)
	switch p.Kind {
	case "xdp":
		vars = a.loader.sections(0, a.loader.settings.ShowFrame)
		vars["no_skb"] = true
	case "netfilter":
		vars["in_nf_ctx"] = true
	}
	if code, ok := redirects[p.Kind]; ok {
		vars["redirects"] = int32(code)
		a.loader.k.redirectVariables(vars)
	}
	// The exit first: what came in before its probe is on goes out unseen, not the other way round.
	vars["probe_number"], vars["at_end"], vars["ret_arg"] = exit, true, a.returnArg(target, p)
	if err := a.program(target, p, ebpf.AttachTraceFExit, vars); err != nil || p.Exit {
		return err
	}
	vars["probe_number"], vars["at_end"] = entry, false
	return a.program(target, p, ebpf.AttachTraceFEntry, vars)
}

const onProgram = "on_program"

// returnArg is where the return value is. Where the kernel does not believe the types of a program's
// arguments it takes all five registers for arguments, and the return value comes behind these
// (kernel/bpf/btf.c, btf_ctx_access). If it does believe them, it refuses the sixth place.
func (a *Attachment) returnArg(target *ebpf.Program, p Program) uint8 {
	const registers = 5
	trial, err := a.loader.loadSmall(&ebpf.ProgramSpec{Name: "trial", License: "GPL", Type: ebpf.Tracing,
		AttachTarget: target, AttachTo: p.function, AttachType: ebpf.AttachTraceFExit,
		Instructions: asm.Instructions{
			asm.LoadMem(asm.R0, asm.R1, 8*registers, asm.DWord),
			asm.Mov.Imm(asm.R0, 0),
			asm.Return(),
		}})
	if err == nil {
		trial.Close()
		return registers
	}
	return uint8(p.params)
}

func (a *Attachment) program(target *ebpf.Program, p Program, at ebpf.AttachType, vars map[string]any) error {
	if a.canceled.Load() {
		return ErrCanceled
	}
	loaded, err := a.loader.Load(onProgram, vars, func(s *ebpf.ProgramSpec) {
		s.AttachTarget, s.AttachTo, s.AttachType = target, p.function, at
	})
	if err != nil {
		return refusedProgram(err)
	}
	k, err := link.AttachTracing(link.TracingOptions{Program: loaded})
	if err != nil {
		return refusedProgram(err)
	}
	// Both ends are one probe.
	n := 0
	if at == ebpf.AttachTraceFEntry || p.Exit {
		n = 1
	}
	a.add(k, n)
	return nil
}

// A RefusedError is why one program can't be probed. The others can be.
type RefusedError struct{ why string }

func (e *RefusedError) Error() string { return e.why }

func refusedProgram(err error) error {
	if errors.Is(err, unix.EPERM) {
		return explain(err, "attaching to a BPF program")
	}
	if errors.Is(err, ebpf.ErrNotSupported) || errors.Is(err, errNotSupp) {
		return &RefusedError{"this kernel has no BPF trampolines"}
	}
	if errors.Is(err, unix.EBUSY) {
		return &RefusedError{"the kernel has it replaced or traced by another program already"}
	}
	return &RefusedError{"the kernel refuses it: " + err.Error()}
}
