package drops

import (
	"fmt"
	"io"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/drops/census"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// The ways to drop that the census has are each tried on each kernel, at each function where they
// show: what is told of such a drop must have the way in it, by one of its rules or by its words,
// as the cause or as one of those that may be. A rule that tells one cause alone where the census
// has another way is found so.
func TestCensus(t *testing.T) {
	all, err := census.All()
	if err != nil {
		t.Fatal(err)
	}
	shares := shares{}
	p := newProver(t)
	for _, w := range all {
		if w.Not != "" {
			continue
		}
		compiled, err := table().newWay(w)
		if err != nil {
			t.Error(err)
			continue
		}
		for _, kernel := range census.Kernels {
			n := 0
			for _, s := range w.Sites {
				if slices.Contains(s.Kernels, kernel) {
					n++
				}
			}
			if n == 0 {
				continue
			}
			share := shares.of(w.File, kernel)
			share.sites += n
			if compiled.cause == nil && compiled.rules == nil {
				continue
			}
			share.described += n
			if p.prove(compiled, kernel) {
				share.alone += n
			}
		}
	}
	shares.check(t)
}

// A prover tries drops.
type prover struct {
	t    *testing.T
	runs map[string]*run
}

func newProver(t *testing.T) *prover {
	p := &prover{t, map[string]*run{}}
	for _, kernel := range census.Kernels {
		r, err := newRun(Options{Options: pipe.Options{Output: "stream"}}, io.Discard, io.Discard)
		if err != nil {
			t.Fatal(err)
		}
		p.runs[kernel] = r
	}
	return p
}

// prove tries a way's drops, and says whether it is told as the only cause each time.
func (p *prover) prove(w *way, kernel string) bool {
	alone := true
	tries := w.Tries
	if tries == nil {
		tries = []string{""}
	}
	for _, reason := range w.On(kernel) {
		if reason == "*" {
			continue // it is not known which
		}
		for _, at := range w.At {
			for _, try := range tries {
				words := dropWords(kernel, reason, at) + " " + try
				v := p.verdict(kernel, words)
				told, only := v.hasWay(w)
				if !told && v.more == 0 && !(w.Rare && (v.rule != nil && v.rule.final || v.nRare == len(v.rare))) {
					p.t.Errorf("census/%s: %s at %s: %q is not told of %q, but %s", w.Source, w.Function, at, w.words(), words, v.all())
				}
				alone = alone && only
			}
		}
	}
	return alone
}

func (w *way) words() string {
	if w.cause != nil {
		return w.cause[0].text
	}
	return "rule " + strings.Join(w.Rules, ", ")
}

func dropWords(kernel, reason, at string) string {
	words := "kernel=" + kernel + " drop.location=" + at + "+0x1"
	switch {
	case kernel == "5.10":
		return words
	case reason == "-" || reason == "*":
		reason = notSpecified
	}
	return words + " drop.name=" + reason
}

func (p *prover) verdict(kernel, words string) *verdict {
	p.t.Helper()
	r := p.runs[kernel]
	for _, raw := range stream(p.t, words) {
		if err := r.facts.find.Find(raw); err != nil {
			p.t.Fatal(err)
		}
		if err := r.record(raw); err != nil {
			p.t.Fatal(err)
		}
		if raw.Type() == format.TypeStart {
			for _, n := range kernelReasons()[kernel] {
				r.host.names[n.name] = true
			}
		}
	}
	r.earlier = earlier{}
	clear(r.stacks)
	return &r.facts.verdict
}

// hasWay says whether the verdict has a way in it, and whether it has nothing else.
func (v *verdict) hasWay(w *way) (told, only bool) {
	only = v.nOthers+v.nWays+v.more == 0
	if v.hasRule(w) {
		return true, only
	}
	same := func(o *way) bool {
		return o != nil && o.cause != nil && w.cause != nil && o.cause[0].text == w.cause[0].text
	}
	return same(v.way) || slices.ContainsFunc(v.ways[:v.nWays], same) || slices.ContainsFunc(v.rare[:v.nRare], same), only
}

func (v *verdict) hasRule(w *way) bool {
	return v.rule != nil && slices.Contains(w.rules, v.rule) ||
		slices.ContainsFunc(v.others[:v.nOthers], func(r *rule) bool { return slices.Contains(w.rules, r) })
}

// all is what a verdict tells, for messages.
func (v *verdict) all() string {
	var all []string
	if v.rule != nil {
		all = append(all, "rule "+v.rule.name)
	}
	for _, r := range v.others[:v.nOthers] {
		all = append(all, "rule "+r.name)
	}
	if v.way != nil {
		all = append(all, fmt.Sprintf("%q", v.way.words()))
	}
	for _, w := range v.ways[:v.nWays] {
		all = append(all, fmt.Sprintf("%q", w.words()))
	}
	if all == nil {
		return "nothing"
	}
	return strings.Join(all, ", ")
}

// A share is how many of a subsystem's sites on one kernel are described, and how many of them
// are told as the only cause.
type share struct{ sites, described, alone int }

type shares map[string]map[string]*share

// subsystems, by the paths of their files.
var subsystems = []struct{ name, prefixes string }{
	{"netfilter", "net/netfilter/ net/ipv4/netfilter net/ipv6/netfilter net/bridge/netfilter net/bridge/br_netfilter include/net/netfilter include/net/ip_vs"},
	{"xfrm", "net/xfrm/ net/ipv4/xfrm net/ipv6/xfrm net/ipv4/esp net/ipv6/esp net/ipv4/ah net/ipv6/ah net/ipv4/ipcomp net/ipv6/ipcomp net/ipv4/ip_vti net/ipv6/ip6_vti include/net/xfrm"},
	{"IPv4", "net/ipv4/"},
	{"IPv6", "net/ipv6/"},
	{"core", "net/core/ include/linux/ net/ethernet/"},
	{"sched", "net/sched/ include/net/sch include/net/pkt_ include/net/codel include/net/fq"},
	{"bridge", "net/bridge/"},
	{"8021q", "net/8021q/"},
	{"packet", "net/packet/"},
	{"unix", "net/unix/"},
	{"virtual devices", "drivers/net/"},
	{"all else", ""},
}

func (s shares) of(file, kernel string) *share {
	for _, sub := range subsystems {
		if sub.prefixes == "" || slices.ContainsFunc(fields(sub.prefixes), func(p string) bool { return strings.HasPrefix(file, p) }) {
			if s[sub.name] == nil {
				s[sub.name] = map[string]*share{}
			}
			if s[sub.name][kernel] == nil {
				s[sub.name][kernel] = &share{}
			}
			return s[sub.name][kernel]
		}
	}
	panic("unreachable")
}

// check compares the table in docs/drops.md.
func (s shares) check(t *testing.T) {
	var b strings.Builder
	b.WriteString("| subsystem | 5.10 | 6.1 | 6.12 | 7.2 |\n|---|---|---|---|---|\n")
	for _, sub := range subsystems {
		fmt.Fprintf(&b, "| %s |", sub.name)
		for _, kernel := range census.Kernels {
			n := s[sub.name][kernel]
			if n == nil {
				b.WriteString(" |")
				continue
			}
			fmt.Fprintf(&b, " %d: %d %%, %d %% |", n.sites, 100*n.described/n.sites, 100*n.alone/n.sites)
		}
		b.WriteByte('\n')
	}
	const path, begin = "../../docs/drops.md", "<!-- the census's shares; go test ./internal/drops -run TestCensus -update writes them -->\n"
	page, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	before, rest, ok := strings.Cut(string(page), begin)
	_, after, ok2 := strings.Cut(rest, "<!-- end of shares -->")
	if !ok || !ok2 {
		t.Fatal("the place of the table is gone")
	}
	if *update {
		want := before + begin + b.String() + "<!-- end of shares -->" + after
		if err := os.WriteFile(path, []byte(want), 0o644); err != nil {
			t.Fatal(err)
		}
		return
	}
	// What the page says may be too little, while the census is being filled in, but not too much.
	// The second share falls where further ways to a place are described, and that is no loss.
	table, _, _ := strings.Cut(rest, "<!-- end of shares -->")
	said, is := strings.Fields(table), strings.Fields(b.String())
	if len(said) != len(is) {
		t.Fatal("docs/drops.md has another table of the census's shares (-update writes it)")
	}
	for i := range said {
		a, err := strconv.Atoi(said[i])
		if n, _ := strconv.Atoi(is[i]); err == nil && a > n && said[i+1] == "%," {
			t.Errorf("docs/drops.md says %d %% where it is %d %% (-update writes the table)", a, n)
		}
	}
}

// A place with several ways, and no rule that tells them apart: all are told, and no cause. On a
// kernel that is not in the census the ways of all kernels count.
func TestOneOf(t *testing.T) {
	const place = "drop.name=NOT_SPECIFIED drop.location=ip_rcv_finish_core+0x1 packet=udp,10.0.0.1:4000,10.0.0.2:53 kernel="
	w := explained(t, stream(t, place+"6.12.117+deb13")...)[0]
	if w.Cause == "" && len(w.Alternatives) < 2 {
		t.Errorf("%+v", w)
	}
	other := explained(t, stream(t, place+"6.8.0-31-generic")...)[0]
	if len(other.Alternatives)+other.More < len(w.Alternatives)+w.More {
		t.Errorf("on 6.8: %+v", other)
	}
	// The only way to a place is the cause, and the reason is the one that newer kernels give.
	w = explained(t, stream(t, "kernel=6.1.0-50-amd64 drop.name=NOT_SPECIFIED drop.location=udp_read_skb+0x1")...)[0]
	if !strings.Contains(w.Cause, "wrong checksum") || w.Reason != "UDP_CSUM" || w.Confidence != "inferred" || len(w.Look) == 0 {
		t.Errorf("%+v", w)
	}
	// What contradicts a way takes it away.
	w = explained(t, stream(t, "kernel=6.1.0-50-amd64 drop.name=NOT_SPECIFIED drop.location=udp_read_skb+0x1 packet=udp,10.0.0.1:4000,10.0.0.2:53")...)[0]
	if w.Cause != "" {
		t.Errorf("%+v", w)
	}
}

// A drop that is normal by its rule is not hidden where it may be one that is not.
func TestNormalOnlyWithoutHarm(t *testing.T) {
	const segment = " packet=tcp,10.0.0.1:4000,10.0.0.2:80,"
	for _, c := range []struct{ drop, severity string }{
		// TIME_WAIT has taken the FIN, or a full accept queue has refused it.
		{"kernel=5.10.1 drop.location=tcp_v4_rcv+0x1" + segment + "FA skb.pkt_type=0", "suspect"},
		{"kernel=6.12.1 drop.name=NOT_SPECIFIED drop.location=tcp_v4_rcv+0x1" + segment + "FA skb.pkt_type=0", "suspect"},
		// A reset that nobody wants is nobody's loss.
		{"kernel=6.12.1 drop.name=NO_SOCKET drop.location=tcp_v4_rcv+0x1" + segment + "R skb.pkt_type=0", "normal"},
		{"kernel=6.12.1 drop.name=TCP_OLD_DATA drop.location=tcp_data_queue+0x1" + segment + "A", "normal"},
	} {
		if w := explained(t, stream(t, c.drop)...)[0]; w.Severity != c.severity {
			t.Errorf("%s is %s, not %s: %s, or %+v", c.drop, w.Severity, c.severity, w.Cause, w.Alternatives)
		}
	}
}

// Where the kind of queueing discipline is known, what only others do is not told.
func TestQdiscWays(t *testing.T) {
	const early, class, flow = "early, because it keeps its queue short", "none of its classes is for the packet", "one flow has more packets waiting"
	for _, kernel := range []string{"5.10", "6.1", "6.12", "7.2"} {
		for _, c := range []struct{ qdisc, has, lacks string }{
			{"red", early, class},
			{"hfsc", class, early},
			{"gred", early, class},
			{"tbf,choke", early, class},
			{"drr", class, early},
			{"mq,fq", flow, early},
			{"sfq", flow, class},
			{"fq_codel", "", early},
			{"mq,fq_codel", "", class},
			{"pfifo_fast", "", early},
		} {
			w := explained(t, stream(t, dropWords(kernel, "QDISC_DROP", "__dev_queue_xmit")+" dev.name=eth0 qdisc:eth0="+c.qdisc)...)[0]
			all := w.Cause
			for _, a := range w.Alternatives {
				all += "\n" + a.Cause
			}
			if !strings.Contains(all, "is full") || !strings.Contains(all, c.has) || strings.Contains(all, c.lacks) || len(w.Alternatives) > 5 {
				t.Errorf("%s on %s: %s", c.qdisc, kernel, all)
			}
		}
	}
}

// The everyday drop of a firewall comes to the same place as the verdicts of connection tracking,
// of its helpers and of NAT. It has those of them beside it that its hook, protocol and connection
// leave open, and no others.
func TestFirewallAlternatives(t *testing.T) {
	p := newProver(t)
	const drop = " drop.location=nf_hook_slow+0x1 start:netns.inum=7 netns.inum=7 packet=tcp,10.0.0.1:4000,10.0.0.2:21,A" +
		" sysctl:net.netfilter.nf_conntrack_count=3 sysctl:net.netfilter.nf_conntrack_max=100 xfrm:policies=0 before=nf_hook_slow,caller="
	for _, c := range []struct{ more, want string }{
		{"ip_local_deliver+0x1 ct.state=ESTABLISHED", ""},
		{"ip_local_deliver+0x1", ""},
		{"ip_forward+0x1 ct.state=NEW ct.dir=original", ""},
		{"ip_local_deliver+0x1 ct.state=NEW ct.dir=original", "clash"},
		{"ip_output+0x1 ct.state=NEW ct.dir=original", "clash, another device than, masquerades"},
		{"__ip_local_out+0x1 ct.state=NEW", "output hook changed"},
		{"ip_rcv+0x1 ct.state=ESTABLISHED ct.helper=ftp", "PORT, could not note, no port was free"},
		{"ip_rcv+0x1 ct.state=ESTABLISHED ct.helper=sane", "SANE"},
		{"ip_local_deliver+0x1 ct.state=NEW ct.proto_state=SYN_SENT", "SYN cookie, clash"},
		{"arp_rcv+0x1 skb.protocol=2054", ""},
	} {
		for kernel, reason := range map[string]string{"5.10": "", "6.1": " drop.name=NETFILTER_DROP", "6.12": " drop.name=NETFILTER_DROP"} {
			v := p.verdict(kernel, "kernel="+kernel+reason+drop+c.more)
			if v.rule == nil || v.rule.name != "nf-hook" {
				t.Errorf("%s %s: %s", kernel, c.more, v.all())
			}
			left := v.ways[:v.nWays]
			for want := range strings.SplitSeq(c.want, ", ") {
				i := slices.IndexFunc(left, func(w *way) bool { return want != "" && strings.Contains(w.words(), want) })
				if want != "" && i < 0 {
					t.Errorf("%s %s: no %q in %s", kernel, c.more, want, v.all())
				} else if want != "" {
					left = append(slices.Clone(left[:i]), left[i+1:]...)
				}
			}
			if len(left) > 0 {
				t.Errorf("%s %s: %s too", kernel, c.more, left[0].words())
			}
		}
	}
}

// A protocol that has a name is compared by it: its number would never be equal.
func TestProtocolByName(t *testing.T) {
	if _, err := parseCondition("proto = 136 17"); err == nil || !strings.Contains(err.Error(), "udp") {
		t.Errorf("%v", err)
	}
	if _, err := parseCondition("proto = 136"); err != nil {
		t.Error(err)
	}
}
