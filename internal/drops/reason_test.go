package drops

import (
	"bufio"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// EnumeratorsBTF gives the names of the drop reasons in a kernel's or a module's BTF.
func enumeratorsBTF(spec *btf.Spec) []string {
	var names []string
	for _, name := range []string{"skb_drop_reason", "qdisc_drop_reason", "mac80211_drop_reason", "___mac80211_drop_reason", "ovs_drop_reason"} {
		var e *btf.Enum
		if spec.TypeByName(name, &e) == nil {
			for _, v := range e.Values {
				names = append(names, v.Name)
			}
		}
	}
	return names
}

// Every name that a kernel can give as a reason is explained. SKB_DROPS_BTF may name files
// of BTF to be looked into besides, separated by colons: in a guest
// /sys/kernel/btf/vmlinux.
func TestEveryReasonIsExplained(t *testing.T) {
	for _, k := range Kernels {
		f, err := files.Open("kernels/" + k + ".txt")
		if err != nil {
			t.Fatal(err)
		}
		var names []string
		for s := bufio.NewScanner(f); s.Scan(); {
			if _, name, ok := strings.Cut(s.Text(), " "); ok && !strings.HasPrefix(s.Text(), "#") {
				names = append(names, name)
			}
		}
		f.Close()
		if len(names) < 60 {
			t.Errorf("Linux %s: only %d reasons", k, len(names))
		}
		if missing := Unexplained(names); missing != nil {
			t.Errorf("Linux %s: not explained: %v", k, missing)
		}
	}
	for path := range strings.SplitSeq(os.Getenv("SKB_DROPS_BTF"), ":") {
		if path == "" {
			continue
		}
		spec, err := btf.LoadSpec(path)
		if err != nil {
			t.Fatal(err)
		}
		names := enumeratorsBTF(spec)
		t.Logf("%s: %d enumerators", path, len(names))
		if missing := Unexplained(names); missing != nil {
			t.Errorf("%s: not explained: %v", path, missing)
		}
	}
}

// Names that were in a released kernel for a while, before another took their place.
func TestFormerNames(t *testing.T) {
	for _, name := range []string{
		"PTYPE_ABSENT",                                                                     // 5.18
		"QDISC_DROP_CAKE_FLOOD", "QDISC_DROP_FQ_BAND_LIMIT", "QDISC_DROP_FQ_HORIZON_LIMIT", // 7.1, before its release
		"TC_ERROR",                                                                                                                    // 6.7
		"QDISC_OVERLIMIT", "QDISC_CONGESTED", "CAKE_FLOOD", "FQ_BAND_LIMIT", "FQ_HORIZON_LIMIT", "FQ_FLOW_LIMIT", "DUALPI2_STEP_DROP", // 6.14 to 7.0
	} {
		if Lookup(name) == nil {
			t.Errorf("%s is not explained", name)
		}
	}
}

func TestUnexplained(t *testing.T) {
	got := Unexplained([]string{"SKB_DROP_REASON_NO_SOCKET", "SKB_DROP_REASON_BRAND_NEW", "SKB_DROP_REASON_MAX", "___RX_DROP_U_DUP", "SKB_CONSUMED", "SKB_DROP_REASON_SKB_CSUM"})
	if len(got) != 1 || got[0] != "SKB_DROP_REASON_BRAND_NEW" {
		t.Errorf("%v", got)
	}
}

// The sentences are for reading in a table: each is one sentence.
func TestMeanings(t *testing.T) {
	one := regexp.MustCompile(`^(tc|[A-Z])[^\n]*[A-Za-z0-9)]\.$`)
	for _, r := range Reasons() {
		if !one.MatchString(r.Meaning) || strings.Count(r.Meaning, ". ") > 0 {
			t.Errorf("%s: %q", r.Name, r.Meaning)
		}
		if len(r.look) == 0 && r.Severity != Normal {
			t.Errorf("%s: nothing to look at", r.Name)
		}
	}
}
