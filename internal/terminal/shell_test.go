package terminal

import (
	"os"
	"os/exec"
	"testing"
)

// TestWord: a value from a stream is one word of the command that it is put into, whatever it is.
func TestWord(t *testing.T) {
	for _, s := range []string{"eth0", "eth0.100", "it's", "a b", "$(touch x)", "`id`", "a;b", `"`, `\`, "*", "a'b'c''", "é"} {
		q, ok := Word([]byte("printf %s "+s), len("printf %s "))
		if !ok {
			t.Fatalf("%q refused", s)
		}
		got, err := exec.Command("sh", "-c", string(q)).Output()
		if err != nil || string(got) != s {
			t.Errorf("%s gives %q, %v; want %q", q, got, err, s)
		}
	}
	for _, s := range []string{"", "-x", "a\nb", "\x1b[2J", "a\xff", "a\u202eb"} {
		if q, ok := Word([]byte(s), 0); ok {
			t.Errorf("%q became %s", s, q)
		}
	}
}

// TestTypable: what a program would take for more than a name is not given to it.
func TestTypable(t *testing.T) {
	for _, c := range []struct {
		command, value string
		want           bool
	}{
		{"nft list chain ip filter {chain}", "input", true},
		{"nft list chain ip filter {chain}", "a/b-c.d_1", true},
		{"nft list chain ip filter {chain}", "1st", false},
		{"nft list chain ip filter {chain}", "a;flush", false},
		{"nft list chain ip filter {chain}", "a b", false},
		{"nft list chain ip filter {chain}", "", false},
		{"sysctl net.ipv4.conf.{dev}.rp_filter", "eth0.100", true},
		{"sysctl net.ipv4.conf.{dev}.rp_filter", "a=1", false},
		{"sysctl net.ipv4.conf.{dev}.rp_filter", "a b", false},
		{"ovs-ofctl show {dev}", "br0", true},
		{"ovs-ofctl show {dev}", "tcp:10.0.0.1", false},
		{"ovs-vsctl show {dev}", "a/b", false},
		{"ovs-appctl ofproto/trace {dev} {openflow}", "a:b", false},
		{"ovs-appctl ofproto/trace {dev} {openflow}", "vxlan_sys_4789", false},
		{"ovs-ofctl dump-meters {dev}", "gre_sys", false},
		{"ovs-ofctl dump-meters {dev}", "my_system", true},
		{"ip link show {dev}", "vxlan_sys_4789", true},
		{"ovs-appctl ofproto/trace {dev} {openflow}", "in_port=p0,dl_src=02:00:00:00:00:01,udp,nw_src=10.0.0.1", true},
		{"ovs-appctl ofproto/trace {dev} {openflow}", "in_port=p0 -generate", false},
		{"ovs-ofctl show {dev}", "in_port=1", false},
		{"ip link show {dev}", "a b", true},
	} {
		if got := Typable(c.command, []byte(c.value)); got != c.want {
			t.Errorf("%q in %q: %v", c.value, c.command, got)
		}
	}
}

// TestNoTerminal: what is none has no width.
func TestNoTerminal(t *testing.T) {
	null, err := os.Open(os.DevNull)
	if err != nil {
		t.Fatal(err)
	}
	defer null.Close()
	for _, w := range []any{nil, null, "text", (*os.File)(nil)} {
		if columns, lines := Size(w); Is(w) || Width(w) != 0 || columns != 0 || lines != 0 {
			t.Errorf("%v is a terminal of %d columns and %d lines", w, columns, lines)
		}
	}
}
