//go:build linux && (amd64 || arm64)

package kernel

import (
	"maps"
	"testing"

	"github.com/cilium/ebpf/btf"
)

// Functions that stand behind a tracepoint have its arguments, and what is wrong with them.
func TestWhyGone(t *testing.T) {
	for name, gone := range map[string]bool{
		"__traceiter_net_dev_xmit": true, "perf_trace_net_dev_xmit": true, "__probestub_qdisc_enqueue": true,
		"__traceiter_net_dev_start_xmit": false, "__traceiter_kfree_skb": false, "net_dev_xmit": false,
		"__build_skb_around": true, "__build_skb": false, "ip_rcv": false,
	} {
		if why := whyGone(name); (why != "") != gone {
			t.Errorf("%s: %q", name, why)
		}
	}
}

// What a tracepoint behind a hand-over says is found by the types of its arguments.
func TestHandOverArgs(t *testing.T) {
	pointer := func(name string) btf.Type { return &btf.Pointer{Target: &btf.Struct{Name: name}} }
	number := func(e btf.IntEncoding) btf.Type { return &btf.Int{Size: 4, Encoding: e} }
	args := func(types ...btf.Type) (p []btf.FuncParam) {
		for _, t := range types {
			p = append(p, btf.FuncParam{Type: t})
		}
		return p
	}
	for name, tt := range map[string]struct {
		args []btf.FuncParam
		want map[string]any
	}{
		"net_dev_xmit": {args(pointer("sk_buff"), number(btf.Signed), pointer("net_device"), number(btf.Unsigned)),
			map[string]any{"rc_arg": uint8(1), "dev_arg": uint8(2), "len_arg": uint8(3)}},
		"qdisc_enqueue": {args(pointer("Qdisc"), &btf.Pointer{Target: &btf.Const{Type: &btf.Struct{Name: "netdev_queue"}}}, pointer("sk_buff")),
			map[string]any{"txq_arg": uint8(1)}},
	} {
		if got := handOverArgs(Tracepoint{Name: name, args: argumentsOf(tt.args)}); !maps.Equal(got, tt.want) {
			t.Errorf("%s: %v, want %v", name, got, tt.want)
		}
	}
}

// What is to be thought of at a function is settled by its name, and of a callback by its type.
func TestSettle(t *testing.T) {
	for name, want := range map[string]Function{
		"kfree_skbmem": {Arg: 1, fate: released}, "skb_release_head_state": {Arg: 1, fate: dying},
		"__copy_skb_header": {Arg: 2}, "skb_zerocopy_clone": {Arg: 2}, "skb_release_data": {Arg: 1}, "ip_rcv": {Arg: 1},
	} {
		f := Function{Name: name, Arg: 1}
		f.settle(false)
		if f.Arg != want.Arg || f.fate != want.fate {
			t.Errorf("%s: argument %d, fate %d", name, f.Arg, f.fate)
		}
	}
}
