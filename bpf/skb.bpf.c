//go:build ignore

// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Everything that skb-collect loads into the kernel; programs.bpf.c has this and what is for BPF programs as probes.
#include "kernel.h"

#include "libbpf/bpf_helpers.h"
#include "libbpf/bpf_core_read.h"

#include "record.h"
#include "maps.h"
#include "skb.h"
#include "packets.h"
#include "identity.h"
#include "filter.h"
#include "paged.h"
#include "sections.h"
#include "limit.h"
#include "sample.h"
#include "event.h"
#include "probes.h"
#include "lifetime.h"
#include "links.h"
#include "upcalls.h"
#ifdef PROBES_PROGRAMS
#include "programs.h"
#include "xdptrace.h"
#endif
#include "peek.h"
#include "symbols.h"
#include "tasks.h"

char _license[] SEC("license") = "Dual BSD/GPL";

// What user space shares with the programs. This keeps it in the object's BTF, from which the Go types
// are made: a type that no variable, map or function names is not in there.
union shared {
	struct event event;
	struct link link;
	struct free free;
	struct sock_info sock;
	struct ct_info ct;
	struct nft_info nft;
	struct ovs_info ovs;
	struct show_info show;
	struct countdown countdown;
	struct task_netns task_netns;
	enum gate gate;
	struct bucket bucket;
	struct drop_key drop_key;
	struct drop_count drop_count;
	struct xdp_info xdp;
	enum record_kind record_kind;
	enum packet_at packet_at;
	enum event_has event_has;
	enum section section;
	enum link_how link_how;
	enum link_by link_by;
	enum ovs_kind ovs_kind;
	enum xdp_mode xdp_mode;
	enum free_how free_how;
	enum loss loss;
	enum record_number record_number;
	enum filter_in_use filter_in_use;
	enum no_bytes no_bytes;
	enum peek_what peek_what;
};
const union shared *shared __attribute__((unused));
