package kfunc

// A DropCall is what the kernel's sources call to drop an sk_buff: a function, of which many have no symbol,
// or a macro.
type DropCall struct {
	// Reason is the number of the argument that says why, from 0. NoReason: there is none. CountsOnly: it
	// counts what its caller drops.
	Reason int
	// Compiled: kernels have it as a function, and what calls it in their code is where the drop is.
	Compiled bool
	// At are the functions where the event shows it, if it is not the one that called it; nil: it is.
	At []string
}

// What a DropCall's Reason is when it is no number of an argument.
const (
	NoReason   = -1
	CountsOnly = -2
)

// dropCalls are the calls (include/linux/skbuff.h, net/core/skbuff.c, net/core/dev.c, include/net/tcp.h,
// include/net/sch_generic.h, include/net/pkt_cls.h, net/core/rtnetlink.c, net/openvswitch/drop.h,
// include/linux/netfilter.h).
var dropCalls = map[string]DropCall{
	"kfree_skb":                {NoReason, true, nil},
	"kfree_skb_reason":         {1, true, nil},
	"sk_skb_reason_drop":       {2, true, nil},
	"kfree_skb_list":           {NoReason, true, nil},
	"kfree_skb_list_reason":    {1, true, nil},
	"__dev_kfree_skb_any":      {NoReason, true, nil},
	"dev_kfree_skb_any":        {NoReason, false, nil},
	"dev_kfree_skb_any_reason": {1, true, nil},
	"dev_kfree_skb_irq_reason": {1, false, nil},
	"skb_queue_purge":          {NoReason, true, nil},
	"skb_queue_purge_reason":   {1, true, nil},
	"__skb_queue_purge":        {NoReason, false, nil},
	"__skb_queue_purge_reason": {1, false, nil},
	"skb_rbtree_purge":         {NoReason, true, nil},
	"nlmsg_free":               {NoReason, false, nil},
	"tcp_drop":                 {NoReason, true, nil},
	"tcp_drop_reason":          {2, true, nil},
	"tcp_listendrop":           {CountsOnly, false, nil},
	"qdisc_drop":               {NoReason, false, behindQueue},
	"__qdisc_drop":             {NoReason, false, behindQueue},
	"qdisc_drop_reason":        {3, false, behindQueue},
	"qdisc_drop_cpu":           {NoReason, false, behindQueue},
	"qdisc_drop_all":           {NoReason, false, behindQueue},
	"__qdisc_drop_all":         {NoReason, false, behindQueue},
	"qdisc_dequeue_drop":       {2, false, behindQueue},
	"tcf_kfree_skb_list":       {NoReason, true, nil},
	"rtnl_qdisc_drop":          {NoReason, false, behindLock},
	"rtnl_kfree_skbs":          {NoReason, true, behindLock},
	"ovs_kfree_skb_reason":     {1, false, nil},
	"NF_DROP_REASON":           {1, false, nil},
}

// verdicts are what the sources give back, or set, so that another function drops: where that shows. A nil
// one has freed the packet.
var verdicts = map[string][]string{
	"NF_DROP": behindHook, "NF_DROP_ERR": behindHook, "NF_DROP_REASON": nil, "EBT_DROP": behindHook,
	"hotdrop":     behindHook, // struct xt_action_param's
	"TC_ACT_SHOT": {"sch_handle_ingress", "sch_handle_egress", "__netif_receive_skb_core", "__dev_queue_xmit"},
}

// Where what a queueing discipline, the holder of rtnl_mutex or a netfilter hook leaves to be dropped is dropped.
var (
	behindQueue = []string{"__dev_queue_xmit", "__dev_xmit_skb", "kfree_skb_list", "kfree_skb_list_reason",
		"tcf_kfree_skb_list", "__tcf_kfree_skb_list"}
	behindLock = []string{"__rtnl_unlock", "rtnl_unlock", "rtnetlink_rcv_msg"}
	behindHook = []string{"nf_hook_slow"}
)

// CallToDrop returns what calling a function or macro of this name drops; false: nothing.
func CallToDrop(name string) (DropCall, bool) {
	d, ok := dropCalls[name]
	return d, ok
}

// Verdict returns where a verdict's drop shows; false: the name is no verdict to drop.
func Verdict(name string) (at []string, ok bool) {
	at, ok = verdicts[name]
	return at, ok
}
