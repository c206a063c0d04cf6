//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/bpf"
	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/kernel"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/spell"
)

// nftTypes are enum nft_trace_types, nftVerdicts NF_* and enum nft_verdicts:
// include/uapi/linux/netfilter.h and netfilter/nf_tables.h. The words are those of nft(8).
var (
	nftTypes    = [...]string{1: "policy", "return", "rule"}
	nftVerdicts = map[int32]string{0: "drop", 1: "accept", 2: "stolen", 3: "queue", 4: "repeat", 5: "stop",
		-1: "continue", -2: "break", -3: "jump", -4: "goto", -5: "return"}
)

func (d *decoder) nft(n *format.NFT, r *bpf.NFTInfo) {
	code := int32(r.Code)
	if code > 0 {
		code &= 0xff // NF_VERDICT_MASK: a queue's number and an error are above
	}
	n.Type = kernel.NameOf(nftTypes[:], int(r.Type))
	if n.Type == "policy" {
		code = int32(r.Policy)
	} else if r.HasRule != 0 && (n.Type != "return" || code != -1) {
		// Return and continue: behind the last rule, which did not match
		// (nf_trace_fill_rule_info).
		n.Handle = r.Handle
	}
	var ok bool
	if n.Verdict, ok = nftVerdicts[code]; !ok {
		n.Verdict = strconv.Itoa(int(code))
	}
	if n.Family, ok = kernel.NFTFamilies[r.Family]; !ok {
		n.Family = strconv.Itoa(int(r.Family))
	}
	n.Table, n.Chain, n.Jump = d.nftName(r.Table), d.nftName(r.Chain), d.nftName(r.Jump)
}

// nftName keeps the names of chains and tables: few, and each in many events.
func (d *decoder) nftName(raw [bpf.NFTName]int8) string {
	if raw[0] == 0 {
		return ""
	}
	if s, ok := d.names[raw]; ok {
		return s
	}
	return keep(d.names, 1<<12, raw, bpf.String(raw[:]))
}

// parseVerdicts reads --nft-verdicts.
func parseVerdicts(words []string) (bits uint32, err error) {
	for _, word := range words {
		found := false
		for code, name := range nftVerdicts {
			if name == word {
				bits |= kernel.NFTVerdict(code)
				found = true
			}
		}
		if !found {
			known := slices.Sorted(maps.Values(nftVerdicts))
			return 0, pipe.Usagef("--nft-verdicts %s: no such verdict%s; there are %s", word,
				spell.DidYouMean(word, known), strings.Join(known, ", "))
		}
	}
	return bits, nil
}

// isNFTTrace tells whether -p means the function that tells of nftables' steps. It has its sk_buff in a struct of
// nf_tables, so it is not among the functions that take one.
func isNFTTrace(arg string) bool { return arg == kernel.NFTTraceFunction }

// addNFTTrace adds it.
func (p *places) addNFTTrace(s *selection, seen map[string]bool, sections bpf.Sections) error {
	seen[kernel.NFTTraceFunction] = true
	if s.nft == nil {
		f, err := p.kernel.NFTTrace()
		if err != nil {
			return fmt.Errorf("%s: %w", kernel.NFTTraceFunction, err)
		}
		s.nft = &f
	}
	s.nft.Sections |= sections
	return nil
}

// nftAlone tells whether the steps through nftables are all that is asked for.
func (w *wanted) nftAlone(o *Options) bool {
	return w.named["nft"] && len(o.Probes) == 0 && len(o.Try) == 0
}

// applyNFT completes the selection for nftables.
func (w *wanted) applyNFT(s *selection, p *places, without func(string, error) error) error {
	if s.nft == nil && w.has("nft") {
		f, err := p.kernel.NFTTrace()
		if err != nil {
			return without("nft", err)
		}
		s.nft = &f
	} else if s.nft != nil {
		w.named["nft"] = true
	}
	if s.nft != nil {
		s.nft.Sections |= bpf.SectionNFT
	}
	return nil
}
