//go:build kernel

package kerneltest

import (
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"github.com/skb-tools/skb-tools/format"
)

// field is the value of an expression of --show, as text has it; "": there is none.
func field(e *format.Event, expr string) string {
	for _, f := range e.Fields {
		switch {
		case f.Name != expr:
		case f.IsText:
			return f.Text
		default:
			return strconv.FormatInt(f.Value, 10)
		}
	}
	return ""
}

// TestShow: --show gives what the host says of devices, sockets, neighbours and packets, and nothing where there is
// none; drop reasons that are arguments have their names.
func TestShow(t *testing.T) {
	net := chain(t, 2)
	net.in(1, "ip link set l1 mtu 1432")
	mac := strings.TrimSpace(net.in(1, "cat /sys/class/net/l1/address"))
	exprs := []string{"skb->dev->mtu", "skb->dev->name", "skb->dev->dev_addr", "skb->protocol", "skb->sk->sk_rcvbuf",
		"skb->sk->__sk_common.skc_daddr", "skb->sk->__sk_common.skc_state", "skb->users", "neigh->nud_state",
		"neigh->ha", "skb->len + 1", "current->comm", "0 - 1", "skb->sk->__sk_common.skc_prot->name"}
	fields, err := os.ReadFile("/sys/kernel/tracing/events/skb/kfree_skb/format")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(fields), "reason") {
		exprs = append(exprs, "reason")
	}
	args := []string{"--with", "args", "-p", "ip_rcv,neigh_resolve_output,skb:kfree_skb,ip_output,ret:ip_rcv"}
	for _, e := range exprs {
		args = append(args, "--show", e)
	}
	s := whole(t, func() *stream {
		collector, file := collect(t, args...)
		net.in(0, "ip neigh flush all")
		net.in(0, "ping -qc 2 10.0.0.2")
		net.in(0, "echo x > /dev/udp/10.0.0.2/9 || true")
		net.in(0, "exec 5<>/dev/udp/10.0.0.2/10; echo x >&5; ss -uanm dst 10.0.0.2 > /tmp/show-ss; exec 5>&-")
		collector.stop()
		return readStream(t, file)
	})
	ss, err := os.ReadFile("/tmp/show-ss")
	if err != nil {
		t.Fatal(err)
	}
	_, rcvbuf, _ := strings.Cut(string(ss), ",rb")
	rcvbuf, _, _ = strings.Cut(rcvbuf, ",")
	seen := map[string]int{}
	for i := range s.events {
		e := &s.events[i]
		get := func(expr string) string { return field(e, expr) }
		count := func(what string, right bool) {
			if right {
				seen[what]++
			}
		}
		switch e.Probe {
		case "ip_rcv":
			if e.Dev.Name != "l1" || e.Netns.Inum != inum(t, "ns1") || e.Packet.At == "" {
				continue
			}
			length, _ := e.Skb.Get(format.SkbLen)
			if get("skb->dev->mtu") != "1432" || get("skb->dev->name") != "l1" || get("skb->dev->dev_addr") != mac ||
				get("skb->protocol") != "2048" || get("skb->users") != "1" || get("0 - 1") != "-1" ||
				get("skb->len + 1") != strconv.FormatUint(length+1, 10) || get("current->comm") != e.Process.Comm {
				t.Errorf("ip_rcv on l1: %+v", e.Fields)
			}
			// The function has no such argument.
			if get("neigh->nud_state") != "" || get("reason") != "" {
				t.Errorf("ip_rcv: what is not there: %+v", e.Fields)
			}
			seen["ip_rcv"]++
		case "ip_output":
			count("rcvbuf", get("skb->sk->sk_rcvbuf") == rcvbuf && get("skb->sk->__sk_common.skc_daddr") == "10.0.0.2" &&
				get("skb->sk->__sk_common.skc_prot->name") == "UDP")
		case "neigh_resolve_output":
			if e.Netns.Inum != inum(t, "ns0") {
				continue
			}
			state, err := strconv.Atoi(get("neigh->nud_state"))
			if err != nil || state&(state-1) != 0 {
				t.Errorf("neigh_resolve_output: %+v", e.Fields)
			}
			count("neigh", true)
		case "ret:ip_rcv":
			if get("neigh->nud_state") != "" {
				t.Errorf("an argument at a return: %+v", e.Fields)
			}
		case "skb:kfree_skb":
			if e.Drop.Name == "" {
				seen["reason"]++ // this kernel has none
				continue
			}
			arg := ""
			for _, a := range e.Args {
				if a.Name == "reason" {
					arg = a.Text
				}
			}
			if arg != e.Drop.Name || !strings.HasSuffix(get("reason"), e.Drop.Name) {
				t.Errorf("skb:kfree_skb: drop %q, args %+v, shown %q", e.Drop.Name, e.Args, get("reason"))
			}
			seen["reason"]++
		}
	}
	for _, what := range []string{"ip_rcv", "rcvbuf", "neigh", "reason"} {
		if seen[what] == 0 {
			t.Errorf("nothing seen of %s: %v; ss says %s", what, seen, ss)
		}
	}
	// What can't be is said before anything is attached.
	for expr, want := range map[string]string{
		"skb->dev->mtuu":      `--show 'skb->dev->mtuu': no field "mtuu" in struct net_device (did you mean mtu?)`,
		"neigh->nud_state":    `--show 'neigh->nud_state': no probe has an argument "neigh"`,
		"skb->dev->name[":     "--show 'skb->dev->name['",
		"skb->cb":             "",
		"skb->dev->broadcast": "",
	} {
		out, err := exec.Command("skb-collect", "--no-follow", "-w", filepath.Join(t.TempDir(), "x"), "-p", "ip_rcv", "--duration", "1ms", "--show", expr).CombinedOutput()
		if want == "" && err != nil || want != "" && (err == nil || !strings.Contains(string(out), want) || strings.Count(string(out), "\n") != 1) {
			t.Errorf("--show %s: %v, %s", expr, err, out)
		}
	}
}
