package drops

import (
	"bytes"
	"encoding/json"
	"io"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/drops/census"
	"github.com/skb-tools/skb-tools/internal/pipe"
)

// A why is the section as a user of -o json gets it.
type why struct {
	Reason, Meaning, Where, Cause string
	Look                          []string
	Severity, Confidence          string
	Alternatives                  []struct {
		Cause, Tell string
		Look        []string
	}
	More int
}

// explained runs the filter over records and gives the why of each drop.
func explained(tb testing.TB, records ...format.Raw) []why {
	tb.Helper()
	var in, out bytes.Buffer
	e := format.NewEncoder(&in)
	for _, r := range records {
		if err := e.WriteRaw(r); err != nil {
			tb.Fatal(err)
		}
	}
	if err := e.Flush(); err != nil {
		tb.Fatal(err)
	}
	if err := Run(tb.Context(), Options{Input: pipe.Input{Part: true}, Options: pipe.Options{Output: "json"}}, &in, &out, io.Discard); err != nil {
		tb.Fatal(err)
	}
	var all []why
	for line := range bytes.Lines(out.Bytes()) {
		var record struct {
			Why *why
		}
		if bytes.HasPrefix(line, []byte(`{"type":"event"`)) {
			if err := json.Unmarshal(line, &record); err != nil {
				tb.Fatalf("%s: %v", line, err)
			}
			if record.Why == nil {
				tb.Fatalf("a drop without why: %s", line)
			}
			all = append(all, *record.Why)
		}
	}
	return all
}

// Each rule has the drops that it is for beside it, in rules/*.txt.
func TestRules(t *testing.T) {
	for _, r := range table().rules {
		if len(r.tries) == 0 {
			t.Errorf("rule %s has no try", r.name)
		}
		for _, try := range r.tries {
			if try.not {
				if slices.Contains(fitting(t, stream(t, try.drop)...), r) {
					t.Errorf("%s:%d: rule %s explains %s", r.file, try.line, r.name, try.drop)
				}
				continue
			}
			ws := explained(t, stream(t, try.drop)...)
			if len(ws) != 1 {
				t.Fatalf("%s:%d: %d drops", r.file, try.line, len(ws))
			}
			w := ws[0]
			got := []string{w.Cause}
			if try.other {
				got = got[:0]
				for _, a := range w.Alternatives {
					got = append(got, a.Cause)
				}
			}
			if try.says != "" && !slices.Contains(got, try.says) {
				t.Errorf("%s:%d: rule %s says %q, want %q", r.file, try.line, r.name, got, try.says)
			}
			if !slices.ContainsFunc(got, func(s string) bool { return matches(r.cause[0], s) }) {
				t.Errorf("%s:%d: rule %s is not what explains %s, but %+v", r.file, try.line, r.name, try.drop, w)
			}
			named := strings.Contains(try.drop, "drop.name=") && !strings.Contains(try.drop, "drop.name="+notSpecified)
			if (w.Confidence == "kernel") != named {
				t.Errorf("%s:%d: confidence %s", r.file, try.line, w.Confidence)
			}
			if !named && !try.other && w.Reason != r.is {
				t.Errorf("%s:%d: reason %s, want %s", r.file, try.line, w.Reason, r.is)
			}
			for _, l := range append(w.Look, w.Cause) {
				if strings.ContainsAny(l, "{}") {
					t.Errorf("%s:%d: a field is left unfilled: %s", r.file, try.line, l)
				}
			}
		}
	}
}

// A file of rules that ruleFiles does not name would never be read.
func TestRuleFiles(t *testing.T) {
	all, err := files.ReadDir("rules")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range all {
		if !slices.Contains(ruleFiles, strings.TrimSuffix(f.Name(), ".txt")) {
			t.Errorf("ruleFiles lacks %s", f.Name())
		}
	}
}

// fitting gives the rules that the last record's drop was explained by, alternatives too.
func fitting(tb testing.TB, records ...format.Raw) []*rule {
	tb.Helper()
	r, err := newRun(Options{Options: pipe.Options{Output: "json"}}, io.Discard, io.Discard)
	if err != nil {
		tb.Fatal(err)
	}
	for _, raw := range records {
		if err := r.facts.find.Find(raw); err != nil {
			tb.Fatal(err)
		}
		if err := r.record(raw); err != nil {
			tb.Fatal(err)
		}
	}
	v := &r.facts.verdict
	return append([]*rule{v.rule}, v.others[:v.nOthers]...)
}

// matches tells whether a text was made by one of the templates.
func matches(c choice, s string) bool {
	for _, t := range c {
		var re strings.Builder
		for _, p := range t.parts {
			re.WriteString(regexp.QuoteMeta(p.literal))
			if p.field != nil {
				re.WriteString(".+")
			}
		}
		if regexp.MustCompile("^" + re.String() + "$").MatchString(s) {
			return true
		}
	}
	return false
}

// Whoever runs a command that skb-drops gives has it on a Debian host with iproute2,
// nftables and procps, or has what the drop is about (Open vSwitch, Wi-Fi, BPF).
var commands = []string{"ss", "ip", "nft", "tc", "bridge", "nstat", "sysctl", "cat", "ls", "iptables-legacy-save", "bpftool", "ovs-dpctl", "ovs-appctl", "ovs-ofctl", "iw", "dmesg"}

func TestCommandsAreWellFormed(t *testing.T) {
	var all []template
	for _, r := range Reasons() {
		for _, c := range r.look {
			all = append(all, c...)
		}
	}
	for _, r := range table().rules {
		for _, c := range r.look {
			all = append(all, c...)
		}
	}
	for _, c := range all {
		if word := fields(c.text)[0]; !slices.Contains(commands, word) {
			t.Errorf("%q: %s may not be there", c.text, word)
		}
		// What a value is put into must stay one word: inside quotes only numbers are safe.
		quoted := false
		for _, p := range c.parts {
			if strings.Count(p.literal, "'")%2 == 1 {
				quoted = !quoted
			}
			if p.field != nil && quoted && p.field.id != fieldSport && p.field.id != fieldDport {
				t.Errorf("%q: {%s} within quotes", c.text, p.field.name)
			}
		}
		if quoted {
			t.Errorf("%q: a quote is not closed", c.text)
		}
	}
}

// The commands for an IPv6 packet ask for IPv6: ip(8) shows IPv4's routes to one that does
// not say which it wants.
func TestLookAtRoutes(t *testing.T) {
	for _, c := range []struct{ drop, look string }{
		{"drop.name=IP_INNOROUTES drop.location=ip6_pkt_discard+0x1 packet=udp,[fd00::1]:4000,[fd99::9]:53", "ip -6 route show table all match fd99::9"},
		{"drop.name=IP_INNOROUTES drop.location=ip_error+0x1 packet=udp,10.0.0.1:4000,10.7.7.7:53", "ip -4 route show table all match 10.7.7.7"},
		{"drop.name=IP_OUTNOROUTES drop.location=other_function+0x1 packet=udp,[fd00::1]:4000,[fd99::9]:53", "ip -6 route show table all match fd99::9"},
		{"drop.name=IP_INHDR drop.location=ip6_forward+0x1 packet=udp,[fd00::1]:4000,[fd00:1::2]:53,ttl=1", "ip -6 route show table all match fd00:1::2"},
	} {
		if w := explained(t, stream(t, c.drop)...)[0]; !slices.Contains(w.Look, c.look) {
			t.Errorf("%s: no %q in %q", c.drop, c.look, w.Look)
		}
	}
	for _, r := range table().rules {
		for _, l := range r.look {
			if strings.HasPrefix(l[0].text, "ip route show table all match {daddr}") && !slices.ContainsFunc(r.when, func(c condition) bool { return c.text == "ip.version = 4" }) {
				t.Errorf("rule %s: %s shows nothing for IPv6", r.name, l[0].text)
			}
		}
	}
}

// What is the whole machine's is not looked for in a network namespace, where it is not; a
// command that asks for both kinds would fail for one of them.
func TestWholeMachine(t *testing.T) {
	const elsewhere = " netns.inum=7 start:netns.inum=8 dev.name=eth0"
	for _, c := range []struct {
		drop, look string
		enters     bool
	}{
		{"drop.name=CPU_BACKLOG drop.location=enqueue_to_backlog+0x1", "sysctl net.core.netdev_max_backlog", false},
		{"drop.name=CPU_BACKLOG drop.location=enqueue_to_backlog+0x1", "cat /proc/net/softnet_stat", true},
		{"drop.name=QDISC_BURST_DROP drop.location=__dev_queue_xmit+0x1", "sysctl net.core.qdisc_max_burst", false},
		{"drop.name=NEIGH_CREATEFAIL drop.location=a+0x1", "ip -s ntable show name arp_cache", true},
		{"drop.name=NEIGH_CREATEFAIL drop.location=ip_finish_output2+0x1", "ip -s neigh show", true},
		{"drop.name=PROTO_MEM drop.location=a+0x1", "sysctl net.ipv4.udp_mem net.ipv4.tcp_mem", false},
		{"drop.name=NOMEM drop.location=a+0x1", "cat /proc/meminfo", false},
		{"drop.name=TCP_LISTEN_OVERFLOW drop.location=a+0x1", "sysctl net.core.somaxconn", true},
		{"drop.name=SECURITY_HOOK drop.location=a+0x1", "ls /sys/kernel/security /proc/self/attr", false},
	} {
		w := explained(t, stream(t, c.drop+elsewhere)...)[0]
		found := false
		for _, l := range w.Look {
			found = found || strings.HasSuffix(l, c.look) && strings.HasPrefix(l, "nsenter ") == c.enters
		}
		if !found {
			t.Errorf("%s: no %q, or it goes to the wrong place: %q", c.drop, c.look, w.Look)
		}
	}
	// A collector in another namespace than the first does not see these settings, as its own record shows.
	const inner = "drop.name=CPU_BACKLOG drop.location=enqueue_to_backlog+0x1 netns.inum=7 start:netns.inum=7 sysctl:net.core.somaxconn=4096"
	for words, want := range map[string]string{
		inner: "nsenter --net=/proc/1/ns/net sysctl net.core.netdev_max_backlog",
		inner + " sysctl:net.core.netdev_max_backlog=1000": "sysctl net.core.netdev_max_backlog",
	} {
		if w := explained(t, stream(t, words)...)[0]; !slices.Contains(w.Look, want) || !slices.Contains(w.Look, "cat /proc/net/softnet_stat") {
			t.Errorf("%s: %q, want %q", words, w.Look, want)
		}
	}
	all := map[string]bool{}
	add := func(cs []choice) {
		for _, c := range cs {
			for _, tt := range c {
				all[tt.text] = true
			}
		}
	}
	for _, r := range Reasons() {
		add(r.look)
	}
	for _, r := range table().rules {
		add(r.look)
	}
	for command := range all {
		if words := fields(command); words[0] == "sysctl" {
			for _, name := range words[1:] {
				if machineSetting(name) != wholeMachine(command) {
					t.Errorf("%q asks for settings of the machine and of a namespace", command)
				}
			}
		}
	}
}

func TestFieldsExist(t *testing.T) {
	check := func(where string, f *field) {
		if f == nil || f.id != fieldPath {
			return
		}
		if k, ok := format.EventKey(f.name); !ok || !k.Form.Scalar() { // a misspelt one would never hold
			t.Errorf("%s: no field %s", where, f.name)
		}
	}
	templates := func(where string, cs ...choice) {
		for _, c := range cs {
			for _, tt := range c {
				for _, p := range tt.parts {
					check(where, p.field)
				}
			}
		}
	}
	for _, r := range table().rules {
		for _, c := range r.when {
			check("rule "+r.name, c.field)
			check("rule "+r.name, c.than)
		}
		templates("rule "+r.name, append(append(r.look, r.cause...), r.tell)...)
	}
	for _, r := range Reasons() {
		templates("reason "+r.Name, r.look...)
	}
	ways, err := census.All()
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range ways {
		w, err := table().newWay(c)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range w.when {
			check("census/"+w.Source, c.field)
			check("census/"+w.Source, c.than)
		}
	}
}

// A cause or a command from a hostile stream must not move the cursor.
func TestHostileNames(t *testing.T) {
	r := record(t, `{"type":"event","ts":1,"probe":"skb:kfree_skb","dev":{"name":"\u001b[2Jx"},"drop":{"name":"XDP","location":"a+1"}}`)
	w := explained(t, r)[0]
	if strings.ContainsRune(w.Cause, 0x1b) || !strings.Contains(w.Cause, `\x1b[2Jx`) {
		t.Errorf("cause %q", w.Cause)
	}
	if len(w.Look) != 0 {
		t.Errorf("a command with a device name that nobody types: %q", w.Look)
	}
}
