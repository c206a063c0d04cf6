//go:build linux && (amd64 || arm64)

package collect

import (
	"errors"
	"fmt"
	"io"
	"reflect"
	"strings"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kfunc"
	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/terminal"
)

// A wanted is what --with asks for.
type wanted struct {
	named    map[string]bool
	all      bool
	bits     bpf.Sections // of every probe
	verdicts uint32       // of nftables, the bits of kernel.NFTVerdict; 0: all
}

func (w *wanted) has(name string) bool { return w.all || w.named[name] }

// fills are those of the sections that w asks for.
func (w *wanted) fills() (all []fill) {
	for _, s := range sectionList {
		if s.fill != nil && w.has(s.name) {
			all = append(all, s.fill)
		}
	}
	return all
}

// wanted is what the options ask for.
func (o *Options) wanted() (*wanted, error) {
	w, err := parseWith(o.With)
	if err != nil {
		return nil, err
	}
	if o.StackDepth < 1 || o.StackDepth > maxDepth {
		return nil, fmt.Errorf("--stack-depth %d: from 1 to %d", o.StackDepth, maxDepth)
	}
	if w.verdicts, err = parseVerdicts(o.NFTVerdicts); err != nil {
		return nil, err
	}
	if o.NFTTrace || w.verdicts != 0 {
		w.named["nft"] = true
	}
	if o.OVSFlows {
		w.named["ovs"] = true
	}
	if o.FollowPrograms {
		if o.ProbeStack {
			return nil, errors.New("--follow-programs and --probe-stack can't be used together")
		}
		if !o.mayProbePrograms() {
			return nil, errors.New("--follow-programs: no -p means BPF programs (try -p 'xdp:*' -p 'tc:*')")
		}
	}
	if o.ProbeStack {
		if reflect.ValueOf(o.Packets).IsZero() {
			return nil, errors.New("--probe-stack needs a filter (-f, --inner-filter or --where), or it would come to probe " +
				"every function")
		}
		w.bits |= bpf.SectionStack
		o.Probes = append(o.Probes, kfunc.TraceKfreeSkb, kfunc.TraceConsumeSkb)
	}
	return w, nil
}

// parseWith reads the arguments of --with.
func parseWith(args []string) (*wanted, error) {
	w := &wanted{named: map[string]bool{}}
	for _, a := range args {
		if a == "all" {
			w.all = true
			continue
		}
		s, err := sectionNamed(a)
		if err != nil {
			return nil, fmt.Errorf("--with %w", err)
		}
		w.named[s.name] = true
	}
	for _, s := range sectionList {
		if w.has(s.name) {
			w.bits |= s.bits
		}
	}
	w.bits &^= bpf.SectionNFT | bpf.SectionOVS // of their own probes only
	return w, nil
}

func sectionNamed(name string) (section, error) {
	var names []string
	for _, s := range sectionList {
		if s.name == name {
			return s, nil
		}
		names = append(names, s.name)
	}
	return section{}, fmt.Errorf("%s: no such section%s; there are %s", name, spell.DidYouMean(name, names),
		strings.Join(names, ", "))
}

// listSections is --with list.
func listSections(stdout io.Writer) error {
	t := terminal.NewTable("SECTION", ">INSTRUCTIONS", "WHAT")
	for _, s := range sectionList {
		t.Row(s.name, s.cost, s.about)
	}
	return t.Write(stdout, 0)
}

// probeSections are those of -p PROBE/SECTION/...: what is special to that probe.
func probeSections(arg string) (probe string, s bpf.Sections, err error) {
	probe, names, _ := strings.Cut(arg, "/")
	if names == "" {
		return probe, 0, nil
	}
	for name := range strings.SplitSeq(names, "/") {
		sec, err := sectionNamed(name)
		if err != nil {
			return "", 0, fmt.Errorf("%s: %w", arg, err)
		}
		if sec.bits == 0 || sec.bits == bpf.SectionNFT || sec.bits == bpf.SectionOVS {
			return "", 0, fmt.Errorf("%s: the section %s can't be limited to one probe; use --with", arg, name)
		}
		s |= sec.bits
	}
	return probe, s, nil
}

// apply completes the selection with the probes and sections of --with. What this kernel
// can't do is an error where it was named, and a note where it came with all.
func (w *wanted) apply(s *selection, p *places, say func(string, ...any)) error {
	without := func(name string, err error) error {
		if w.named[name] {
			return fmt.Errorf("--with %s: %w", name, err)
		}
		say("--with all: without %s: %v", name, err)
		return nil
	}
	if w.bits&bpf.SectionCt != 0 {
		if _, err := p.kernel.CtLayout(); err != nil {
			if err := without("ct", err); err != nil {
				return err
			}
			w.bits &^= bpf.SectionCt
		}
	}
	if w.has("drop") && !s.traces(kfunc.TraceKfreeSkb) {
		if err := p.addTracepoints(s, kfunc.TraceKfreeSkb, map[string]bool{}, 0); err != nil {
			return err
		}
	}
	if err := w.applyNFT(s, p, without); err != nil {
		return err
	}
	if err := w.applyOVS(s, p, without); err != nil {
		return err
	}
	for i := range s.functions {
		s.functions[i].Sections |= w.bits
	}
	for i := range s.returns {
		s.returns[i].Sections |= w.bits
	}
	for i := range s.tracepoints {
		s.tracepoints[i].Sections |= w.bits
	}
	for i := range s.programs {
		s.programs[i].Sections |= w.bits
	}
	if s.nft != nil {
		s.nft.Sections |= w.bits
	}
	s.ovs.more = w.bits
	return nil
}
