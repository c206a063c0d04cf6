package kfunc

// Functions and tracepoints that make, copy, join, split and free sk_buffs (net/core/skbuff.c, include/linux/skbuff.h).
var buffers = []group{
	// The kernel says that it frees.
	{"", []Func{
		{Name: "skb:kfree_skb", Class: Freed},
		{Name: "skb:consume_skb", Class: Freed},
	}},
	// Freeing for another, who decided to drop.
	{"", []Func{
		{Name: "kfree_skb", Class: Freeing, Roles: Frees, Inlined: "6.1 6.12 7.2"},
		{Name: "kfree_skb_reason", Class: Freeing, Roles: Frees, Was: "kfree_skb", On: "6.1 6.12 7.2", Inlined: "6.12 7.2"},
		{Name: "sk_skb_reason_drop", Class: Freeing, Roles: Frees, Was: "kfree_skb_reason", On: "6.12 7.2"},
		{Name: "__kfree_skb", Class: Freeing, Roles: Frees},
		{Name: "skb_rbtree_purge", Roles: Frees},
		{Name: "__skb_queue_purge", Roles: Frees, Inlined: "all"},
		{Name: "__skb_queue_purge_reason", Roles: Frees, Was: "__skb_queue_purge", On: "6.12 7.2", Inlined: "all"},
		{Name: "__dev_kfree_skb_any", Class: Freeing, Roles: Frees, On: "5.10 6.1"},
		{Name: "dev_kfree_skb_any_reason", Class: Freeing, Roles: Frees, Was: "__dev_kfree_skb_any", On: "6.12 7.2"},
		{Name: "napi_consume_skb", Class: Freeing, Roles: Frees},
		{Name: "skb_free_datagram", Roles: Frees},
		{Name: "__skb_free_datagram_locked", Roles: Frees, On: "5.10 6.1"},
		{Name: "kfree_skb_partial", Class: Neutral, Roles: Frees | Lifetime},
	}},
	{"freeing a list of packets", []Func{
		{Name: "kfree_skb_list", Class: Freeing, Roles: Frees, Inlined: "6.1 6.12 7.2"},
		{Name: "kfree_skb_list_reason", Class: Freeing, Roles: Frees, Was: "kfree_skb_list", On: "6.1 6.12 7.2"},
	}},
	{"device send, freeing what the queueing discipline dropped", []Func{
		{Name: "tcf_kfree_skb_list", Roles: Frees, On: "7.2", Inlined: "all"},
		{Name: "__tcf_kfree_skb_list", Roles: Frees, On: "7.2"},
	}},
	{"emptying a queue", []Func{
		{Name: "skb_queue_purge", Roles: Frees | Closes, Inlined: "6.12 7.2"},
		{Name: "skb_queue_purge_reason", Roles: Frees | Closes, Was: "skb_queue_purge", On: "6.12 7.2"},
	}},
	{"freeing a packet, from where its last user is gone", []Func{
		{Name: "__consume_stateless_skb", Class: Neutral},
		{Name: "skb_unref", Class: Neutral, Inlined: "all"},
		{Name: "skb_attempt_defer_free", Class: Neutral, On: "6.1 6.12 7.2"},
		{Name: "skb_release_all", Class: Neutral, Inlined: "all"},
		{Name: "skb_release_head_state", Class: Neutral, Roles: Dying},
		{Name: "__skb_ext_put", Class: Neutral},
		{Name: "skb_release_data", Class: Neutral, Roles: Lifetime},
		{Name: "skb_pp_recycle", Roles: Released, On: "6.1 6.12 7.2", Inlined: "all"},
		{Name: "skb_free_head", Class: Neutral, Roles: Released | Lifetime, Inlined: "5.10"},
		{Name: "napi_skb_free_stolen_head", Class: Neutral, Roles: Lifetime},
		{Name: "napi_skb_cache_put", Roles: Released, On: "6.1 6.12 7.2", Inlined: "6.1"},
		{Name: "kfree_skbmem", Class: Neutral, Roles: Released},
		{Name: "napi_reuse_skb", Roles: Links},
	}},
	// An sk_buff is made of memory that is none yet.
	{"", []Func{
		{Name: "build_skb_around", Roles: Unmade | Links},
		{Name: "__build_skb_around", Roles: Unmade},
		{Name: "__finalize_skb_around", Roles: Unmade, On: "6.12 7.2", Inlined: "all"},
	}},
	{"building an sk_buff on an XDP frame, and giving the frame back", []Func{
		{Name: "build_skb", Roles: Links},
		{Name: "napi_build_skb", Roles: Links, On: "6.1 6.12 7.2"},
		{Name: "xdp_return_frame", Roles: Lifetime},
		{Name: "xdp_return_frame_rx_napi", Roles: Lifetime},
		{Name: "xdp_return_frame_bulk", Roles: Lifetime, On: "6.1 6.12 7.2"},
		{Name: "xdp_return_buff", Roles: Lifetime},
	}},
	{"copying a packet or its data", []Func{
		{Name: "skb_clone", Roles: Links},
		{Name: "__skb_clone", Roles: FillsFromSecond, Inlined: "5.10 6.12 7.2"},
		{Name: "__copy_skb_header", Roles: FillsFromSecond},
		{Name: "skb_copy_header", Roles: FillsFromSecond | Links},
		{Name: "skb_zerocopy_clone", Roles: FillsFromSecond},
		{Name: "__pskb_copy_fclone", Roles: Links},
		{Name: "pskb_expand_head", Roles: Links},
		{Name: "skb_morph", Roles: Links},
		{Name: "skb_cow_data", Roles: FreesCopy},
	}},
	{"splitting and joining packets", []Func{
		{Name: "skb_segment", Roles: Links},
		{Name: "skb_segment_list", Roles: Links},
		{Name: "skb_gro_receive", Roles: Links},
		{Name: "skb_try_coalesce", Roles: Links},
	}},
}
