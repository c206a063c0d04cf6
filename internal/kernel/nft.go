//go:build linux && (amd64 || arm64)

package kernel

import (
	"errors"
	"fmt"

	"github.com/cilium/ebpf/btf"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// NFTTraceFunction is what nf_tables calls for each step of a traced packet.
const NFTTraceFunction = kfunc.NFTTraceNotify

// NFTTrace is the probe on NFTTraceFunction.
func (k *Kernel) NFTTrace() (Function, error) {
	addrs, err := k.symbols.addressesOf(NFTTraceFunction)
	if err != nil {
		return Function{}, err
	}
	if len(addrs) != 1 {
		return Function{}, errors.New("the module nf_tables is not loaded: there are no rules to trace " +
			"(--nft-trace loads it)")
	}
	if _, err := k.nftLayout(); err != nil {
		return Function{}, err
	}
	return Function{Name: NFTTraceFunction, Module: "nf_tables", Addr: addrs[0]}, nil
}

// NFTVerdict is the bit of a verdict in what NFT takes: of NF_DROP to NF_STOP, or an enum nft_verdicts.
func NFTVerdict(code int32) uint32 { return 1 << (code + 5) }

// NFT attaches to NFTTraceFunction, f. Of verdicts only the steps with one of these are reported; 0: all are. Never
// those in a table of --nft-trace.
func (a *Attachment) NFT(backend string, f Function, verdicts uint32) error {
	layout, err := a.loader.k.nftLayout()
	if err != nil {
		return err
	}
	vars := a.loader.sections(f.Sections, a.loader.settings.ShowBare)
	vars["nft"], vars["nft_verdicts"] = layout, verdicts
	return a.function(backend, target{"on_nft_trace", false, vars}, f)
}

// nftLayout finds by BTF what the BPF side needs to know of nf_tables.
func (k *Kernel) nftLayout() (bpf.NFTLayout, error) {
	module, err := k.moduleOrBuiltIn("nf_tables")
	if err != nil {
		return bpf.NFTLayout{}, err
	}
	var info *btf.Struct
	if module.TypeByName("nft_traceinfo", &info) != nil {
		return k.nftLayoutWithoutBTF()
	}
	var l bpf.NFTLayout
	find := memberFinder{types: module, whose: "nftables"}
	at, offset := find.at, find.offset
	var notify *btf.Func
	if err := module.TypeByName(NFTTraceFunction, &notify); err != nil {
		return l, fmt.Errorf("this kernel's BTF has no %s: %w", NFTTraceFunction, err)
	}
	if proto, ok := notify.Type.(*btf.FuncProto); ok && len(proto.Params) == 4 {
		l.ByArgs, l.ChainAtEnd = 1, 1
		l.LastChain = offset("nft_rule_dp_last", "chain")
	} else {
		l.InfoPkt = offset("nft_traceinfo", "pkt")
		l.InfoChain = offset("nft_traceinfo", "chain")
		l.InfoRule = offset("nft_traceinfo", "rule")
		l.InfoVerdict = offset("nft_traceinfo", "verdict")
	}
	l.InfoBasechain = offset("nft_traceinfo", "basechain")
	l.InfoType = offset("nft_traceinfo", "type")
	l.PktSkb = offset("nft_pktinfo", "skb")
	rule := "nft_rule_dp"
	var dp *btf.Struct
	if module.TypeByName(rule, &dp) != nil {
		rule = "nft_rule"
		if err := module.TypeByName(rule, &dp); err != nil {
			return l, fmt.Errorf("this kernel's BTF has no struct nft_rule: %w", err)
		}
	}
	handle, dlen := at(rule, "handle"), at(rule, "dlen")
	l.RuleSize = uint16(dp.Size)
	l.RuleBits = uint16(handle.bitOffset / 64 * 8)
	l.HandleShift = uint8(handle.bitOffset % 64)
	l.DlenShift = uint8(dlen.bitOffset % 64)
	l.BasechainPolicy = offset("nft_base_chain", "policy")
	l.BasechainChain = offset("nft_base_chain", "chain")
	l.ChainTable = offset("nft_chain", "table")
	l.ChainName = offset("nft_chain", "name")
	l.TableName = offset("nft_table", "name")
	l.TableFamily = offset("nft_table", "family")
	l.VerdictChain = offset("nft_verdict", "chain")
	return l, find.missing
}

// nftLayoutWithoutBTF is the layout of kernels that have no BTF of modules, as
// include/net/netfilter/nf_tables.h of Linux 5.10 declares it. Before the names come two
// structs whose sizes depend on the kernel's configuration.
func (k *Kernel) nftLayoutWithoutBTF() (bpf.NFTLayout, error) {
	if len(k.types.selected) > 0 {
		return bpf.NFTLayout{}, errors.New("the types of module nf_tables are not known: --modules leaves it out, or this " +
			"kernel has none for it")
	}
	table, err := k.structure("rhltable")
	if err != nil {
		return bpf.NFTLayout{}, err
	}
	ops, err := k.structure("nf_hook_ops")
	if err != nil {
		return bpf.NFTLayout{}, err
	}
	hash, hook := uint16(table.Size), uint16(ops.Size)
	return bpf.NFTLayout{
		InfoPkt: 0, InfoBasechain: 8, InfoChain: 16, InfoRule: 24, InfoVerdict: 32, InfoType: 40,
		PktSkb: 0, RuleBits: 16, RuleSize: 24, DlenShift: 44,
		BasechainPolicy: hook + 24, BasechainChain: hook + 40,
		ChainTable: 64, ChainName: 88, TableFamily: hash + 100, TableName: hash + 104,
		VerdictChain: 8,
	}, nil
}
