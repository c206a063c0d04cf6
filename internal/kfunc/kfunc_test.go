package kfunc

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func TestTable(t *testing.T) {
	newest := Kernels[len(Kernels)-1]
	function, tracepoint := regexp.MustCompile(`^[a-z_][a-z0-9_]*$`), regexp.MustCompile(`^[a-z]+:[a-z0-9_]+$`)
	seen := map[string]bool{}
	for _, f := range All() {
		if seen[f.Name] {
			t.Errorf("%s is there twice", f.Name)
		}
		seen[f.Name] = true
		isTracepoint := tracepoint.MatchString(f.Name)
		if !isTracepoint && !function.MatchString(f.Name) {
			t.Errorf("%q is no name of a function or tracepoint", f.Name)
		}
		if Lookup(f.Name).Name != f.Name || Lookup([]byte(f.Name)) != Lookup(f.Name) {
			t.Errorf("%s is not found", f.Name)
		}
		checkKernels(t, f)
		if f.Was != "" {
			if old := Lookup(f.Was); old == nil || old.HasSymbol(newest) {
				t.Errorf("%s: it was %s, which has no row, or is on %s still", f.Name, f.Was, newest)
			}
		}
		if (f.Before != "") != f.Is(HandsOver) || f.Before != "" && (!isTracepoint || Lookup(f.Before) == nil) {
			t.Errorf("%s is Before %q, and has the roles %b", f.Name, f.Before, f.Roles)
		}
		if f.Is(OnlyHook) && f.Hook == "" || f.Is(OnlyReads) && !f.Is(Reads) || f.Is(SendsAgain) && !f.Is(Sends) {
			t.Errorf("%s has a role without the one that it is part of: %b", f.Name, f.Roles)
		}
		if f.Is(Datagrams|Chunks) && f.Class != Handed {
			t.Errorf("%s says whose it is, and hands over to nobody", f.Name)
		}
		if isTracepoint && (f.Inlined != "" || f.Is(Frees|Links|Lifetime)) {
			t.Errorf("%s is a tracepoint with what functions have", f.Name)
		}
	}
	if len(seen) < 450 {
		t.Errorf("only %d rows", len(seen))
	}
}

// checkKernels holds On and Inlined to their form: in order, and as short as can be.
func checkKernels(t *testing.T, f Func) {
	on := Kernels[:]
	if f.On != "" {
		on = strings.Split(f.On, " ")
	}
	inOrder := func(list []string) bool {
		at := -1
		for _, k := range list {
			next := slices.Index(Kernels[:], k)
			if next <= at {
				return false
			}
			at = next
		}
		return true
	}
	if !inOrder(on) || f.On != "" && len(on) == len(Kernels) {
		t.Errorf("%s: On: %q", f.Name, f.On)
	}
	if f.Inlined == "" || f.Inlined == "all" {
		return
	}
	inlined := strings.Split(f.Inlined, " ")
	outside := func(k string) bool { return !slices.Contains(on, k) }
	if !inOrder(inlined) || len(inlined) == len(on) || slices.ContainsFunc(inlined, outside) {
		t.Errorf("%s: Inlined: %q", f.Name, f.Inlined)
	}
}

func TestNamed(t *testing.T) {
	b, err := os.ReadFile("named.go")
	if err != nil {
		t.Fatal(err)
	}
	names := regexp.MustCompile(`= "([^"]+)"`).FindAllStringSubmatch(string(b), -1)
	if len(names) < 10 {
		t.Fatalf("named.go has %q", names)
	}
	for _, n := range names {
		if Lookup(n[1]) == nil {
			t.Errorf("%s has no row", n[1])
		}
	}
}

// TestProfiles finds each probe of skb-collect's profiles in the table, or what a glob is for.
func TestProfiles(t *testing.T) {
	files, _ := filepath.Glob("../*collect/profiles/*")
	if len(files) < 5 {
		t.Fatalf("profiles: %q", files)
	}
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for line := range strings.Lines(string(b)) {
			f := strings.Fields(line)
			if len(f) < 2 || f[0] != "-p" && f[0] != "--try" {
				continue
			}
			for probe := range strings.SplitSeq(f[1], ",") {
				probe = strings.TrimPrefix(probe, Return)
				if Lookup(probe) == nil && !slices.ContainsFunc(All(), func(f Func) bool {
					ok, _ := filepath.Match(probe, f.Name)
					return ok
				}) {
					t.Errorf("%s: no row is %s", file, probe)
				}
			}
		}
	}
}

func TestClassOf(t *testing.T) {
	for probe, want := range map[string]Class{
		"ip_rcv": Receive, "ret:ip_rcv": Neutral, "skb:kfree_skb": Freed, "kfree_skb_partial": Neutral,
		"kfree_skb_reason":           Freeing,
		"kfree_skb_list_of_tomorrow": Freeing, "__dev_kfree_skb_irq": Freeing, "nf_hook_slow": Passing,
		"no_such_function": Passing, "": Passing,
		"tc:lb": Passing, "cgroup_skb:acl": Neutral, "socket_filter:f": Neutral, "sk_skb:verdict": Neutral,
		"packet_rcv": Neutral, "net:net_dev_xmit": Transmit, "tcp_v4_rcv": Handed,
		"tcp_queue_rcv": Deliver, "tcp_recv_skb": Read,
	} {
		if got := ClassOf(probe); got != want {
			t.Errorf("ClassOf(%q) = %d, want %d", probe, got, want)
		}
	}
}

func TestWayOf(t *testing.T) {
	for probe, want := range map[string]Way{
		"ip_rcv": In, "ret:ip_rcv": In, "ip_output": Out, "ret:": 0, "": 0, "nf_hook_slow": 0,
		"ret:ret:ip_rcv": 0, "net:net_dev_queue": Out,
	} {
		if got := WayOf(probe); got != want {
			t.Errorf("WayOf(%q) = %d, want %d", probe, got, want)
		}
		if got := WayOf([]byte(probe)); got != want {
			t.Errorf("WayOf([]byte(%q)) = %d, want %d", probe, got, want)
		}
	}
}

// TestWaysFitClasses: what a device hands in, and what sockets are handed, comes in; what a device is given goes
// out. Left open are what
// queues for sockets of all families, some of which get what this host sends (net/can), and what has the
// SYN as an argument and makes the answer.
func TestWaysFitClasses(t *testing.T) {
	open := []string{"sock_queue_rcv_skb", "sock_queue_rcv_skb_reason", "__sock_queue_rcv_skb", "tcp_make_synack"}
	for _, f := range All() {
		in := f.Class == Receive || f.Class == Handed || f.Class == Deliver
		if in && (f.Way == In) == slices.Contains(open, f.Name) {
			t.Errorf("%s has class %d and way %d", f.Name, f.Class, f.Way)
		}
		if f.Class == Transmit && f.Way != Out {
			t.Errorf("%s is given to a device, and does not go out", f.Name)
		}
	}
}

func TestFunction(t *testing.T) {
	for symbol, want := range map[string]string{
		"ip_rcv": "ip_rcv", "ip_rcv+0x1f": "ip_rcv", "ip_rcv_core.isra.0+0x1f": "ip_rcv_core",
		"nft_do_chain [nf_tables]":      "nft_do_chain",
		"nft_do_chain+0x1f [nf_tables]": "nft_do_chain",
		"udp_queue_rcv_skb.part.0.cold": "udp_queue_rcv_skb", "": "", "+0x1": "", ".init": ".init",
	} {
		if got := Function(symbol); got != want {
			t.Errorf("Function(%q) = %q, want %q", symbol, got, want)
		}
		if got := Function([]byte(symbol)); string(got) != want {
			t.Errorf("Function([]byte(%q)) = %q, want %q", symbol, got, want)
		}
	}
}

func TestFamilies(t *testing.T) {
	for _, name := range []string{"skb_free_head", "skb_release_data", "sock_zerocopy_put", "udp_destruct_sock", "__ubuf_x_ubuf_"} {
		if !MayFree(name) {
			t.Errorf("%s does not free", name)
		}
	}
	if MayFree("ip_rcv") {
		t.Error("ip_rcv frees")
	}
	if got := BehindTracepoint("__traceiter_net_dev_xmit"); got != "net_dev_xmit" {
		t.Errorf("BehindTracepoint gives %q", got)
	}
	if got := BehindTracepoint("ip_rcv"); got != "" {
		t.Errorf("BehindTracepoint gives %q", got)
	}
	if !IsTracing("__bpf_trace_kfree_skb") || !IsTracing("kprobe_dispatcher") || IsTracing("ip_rcv") ||
		IsTracing("net_ftrace_x") {
		t.Error("IsTracing")
	}
	if !IsTrampoline("arch_rethook_trampoline") || IsTrampoline("arch_rethook_trampoline_callback") {
		t.Error("IsTrampoline")
	}
	if !OfZerocopy("sock_zerocopy_callback") || !OfZerocopy("msg_zerocopy_complete") || OfZerocopy("ip_rcv") {
		t.Error("OfZerocopy")
	}
}

func TestIsOn(t *testing.T) {
	for _, c := range []struct {
		name, kernel  string
		on, hasSymbol bool
	}{
		{"ip_rcv", "5.10", true, true}, {"ip_rcv", "7.2", true, true},
		{"kfree_skb", "5.10", true, true}, {"kfree_skb", "6.1", true, false},
		{"__udp4_lib_rcv", "6.12", true, true}, {"__udp4_lib_rcv", "7.2", false, false},
		{"sk_skb_reason_drop", "6.1", false, false},
		{"skb_unref", "6.12", true, false}, {"netlink_broadcast_filtered", "6.1", false, false},
		{"netlink_broadcast_filtered", "6.12", true, true},
	} {
		f := Lookup(c.name)
		if f.IsOn(c.kernel) != c.on || f.HasSymbol(c.kernel) != c.hasSymbol {
			t.Errorf("%s on %s: %v, symbol %v", c.name, c.kernel, f.IsOn(c.kernel), f.HasSymbol(c.kernel))
		}
	}
}

func TestNoAllocations(t *testing.T) {
	probe, symbol := []byte("ret:udp_queue_rcv_one_skb"), []byte("udp_queue_rcv_one_skb.isra.0+0x1f")
	n := testing.AllocsPerRun(100, func() {
		if WayOf(probe) != In || Lookup(Function(symbol)).Where == "" || ClassOf("ip_rcv") != Receive ||
			!Lookup("nf_hook_slow").Is(RunsHook) {
			t.Error("wrong")
		}
	})
	if n != 0 {
		t.Errorf("%v allocations", n)
	}
}

var benchProbes = [][]byte{
	[]byte("net:netif_receive_skb"), []byte("ip_rcv"), []byte("no_such_function"), []byte("ret:udp_queue_rcv_one_skb"),
}

func BenchmarkLookup(b *testing.B) {
	probes := benchProbes
	for i := 0; b.Loop(); i++ {
		Lookup(probes[i%len(probes)])
	}
}

func BenchmarkWayOf(b *testing.B) {
	probes := benchProbes
	for i := 0; b.Loop(); i++ {
		WayOf(probes[i%len(probes)])
	}
}
