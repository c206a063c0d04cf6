// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What the programs write into the ring buffer; package bpf's record.go reads it. The Go types and
// numbers are made from these (skb.bpf.c, `shared`).
// Host byte order, natural alignment, no holes left unnamed.
#pragma once

enum record_kind {
	RECORD_EVENT = 1,
	RECORD_LINK = 2,
	RECORD_FREE = 3,
};

// Where the packet bytes of an event begin.
enum packet_at {
	AT_NONE = 0,
	AT_MAC = 1,
	AT_NETWORK = 2,
	AT_DATA = 3,
};

// Which parts of an event were read; a part that was not is absent, not zero.
enum event_has {
	HAS_ID = 1 << 0,
	HAS_SHINFO = 1 << 1,
	HAS_DEV = 1 << 2,
	HAS_NETNS = 1 << 3,
	HAS_COOKIE = 1 << 4,
	HAS_DROP = 1 << 5,
	HAS_FRONT = 1 << 6,
	HAS_REASON = 1 << 7,
	HAS_RX_SK = 1 << 8,
	HAS_RET = 1 << 9,
	HAS_LAST = 1 << 10,    // free: the data buffer itself went, not only one sk_buff of it
	HAS_GONE = 1 << 11,    // the sk_buff may have been freed: nothing of it was read
	HAS_LEN = 1 << 12,     // with HAS_GONE: len is skb->len, as the probe itself says
	HAS_HELD = 1 << 13,    // free: the event of this drop was held back
	HAS_FRAME = 1 << 14,   // there is no sk_buff (yet): of the copies only what programs.h says is real. With
			       // HAS_DROP: nor will there be, since the program dropped the packet. With
			       // HAS_GONE: no packet either, but struct xdp_info at the start of tail
	HAS_VERDICT = 1 << 15, // retval is what a BPF program returned
};

// What can be added to an event, each in a part of its own of data[], in this order.
enum section {
	SECTION_SOCK = 1 << 0,   // struct sock_info
	SECTION_CT = 1 << 1,     // struct ct_info
	SECTION_NFT = 1 << 2,    // struct nft_info
	SECTION_CALLER = 1 << 3, // __u64: the return address
	SECTION_ARGS = 1 << 4,   // __u64[ARGS]: the arguments in registers
	SECTION_STACK = 1 << 5,  // __s64: bytes or an error; then return addresses
	SECTION_OVS = 1 << 6,    // struct ovs_info
	SECTION_SHOW = 1 << 7,   // struct show_info
};

enum record_number {
	ARGS = 6,               // arguments in registers
	NO_REASON = 0xffffffff, // of a drop, on kernels that have none
};

// A socket. family 0: there is none, or it could not be read. Not full: of a connection
// that is being made or has ended, of which the kernel keeps a struct sock_common only.
struct sock_info {
	__u64 addr;
	__u64 cookie;
	__u64 ino;
	__u64 cgroup;
	__u16 family;
	__u8 state;
	__u8 full;
	__u32 bound_dev_if;
	__u16 sport; // host order
	__u16 dport; // big-endian
	__u16 type;
	__u16 protocol;
	__u8 saddr[16];
	__u8 daddr[16];
	__u32 uid;
	__u32 rmem, rcvbuf;
	__u32 wmem, sndbuf;
	__u32 backlog, max_backlog; // of one that listens
	__u32 filter;               // not 0: it has one
};

// Raw copies: of struct nf_conn, and of both tuplehash of its master.
#define CT_CONN 320
#define CT_TUPLES 112
struct ct_info {
	__u64 addr; // 0: there is none
	__u8 ctinfo;
	__u8 pad[7];
	char helper[16];
	__u8 labels[16];
	__u64 master;
	__u8 conn[CT_CONN];
	__u8 tuples[CT_TUPLES];
};

#define NFT_NAME 64 // longer names are cut
struct nft_info {
	__u64 handle;
	__u32 code; // of the verdict
	__u8 type;  // enum nft_trace_types
	__u8 family;
	__u8 policy;
	__u8 has_rule;
	char table[NFT_NAME];
	char chain[NFT_NAME];
	char jump[NFT_NAME];
};

// What an event of Open vSwitch's kernel module tells of.
enum ovs_kind {
	OVS_ACTION = 1,  // the action that is to be executed
	OVS_ACTIONS = 2, // the whole list of them, on kernels without a tracepoint for each
	OVS_UPCALL = 3,  // a packet that goes to user space
	OVS_LOOKUP = 4,  // what the flow table has for it
};

// What --show asks for. The values are behind it, as internal/filter lays them out.
struct show_info {
	__u32 code; // the number of the code that has filled it
	__u32 has;  // a bit for each expression: its value is there
};

#define OVS_NAME 16 // IFNAMSIZ
#define OVS_ATTR 256
struct ovs_info {
	__u64 dp_addr;
	__u32 recirc_id;
	__u32 in_port;
	__u32 portid;   // upcall: of the Netlink socket
	__u32 attr_len; // bytes that there were for attr, which has the first of them
	__u32 ufid[4];
	__u32 mask_hits, cache_hits;
	__u16 mru; // from here on 8 bytes that are always set
	__u8 kind; // enum ovs_kind
	__u8 cmd;  // upcall: enum ovs_packet_cmd
	__u8 hit;
	__u8 has_ufid;
	__u8 has_port;
	__u8 no_actions;     // lookup: of the flow; told only by kernels without drop reasons of Open vSwitch
	char dp[OVS_NAME];   // empty: it was told before
	char port[OVS_NAME]; // the device of the port that output names
	__u8 attr[OVS_ATTR]; // the action or actions, or data for user space: Netlink attributes
};

// The raw copy of struct sk_buff from the 8 bytes that hold `len` to its end: 120 bytes
// on the kernels known; longer structs are cut.
#define SKB_TAIL 136
// What a tracepoint of group xdp tells, of which no packet is there (bpf/xdptrace.h).
enum xdp_mode {
	XDP_IN_GENERIC = 1, // the packet has an sk_buff
	XDP_IN_VETH,        // it may have
};
struct xdp_info {
	__u32 prog; // its id; 0: not told
	__u32 act;  // enum xdp_action
	__u32 map;  // its id; 0: none
	__u32 key;  // in it; without a map the number of a device
	__u32 sent;
	__u32 drops;
	__s32 err;  // of errno, negative
	__u32 mode; // enum xdp_mode
};

// From `dev` to the end of the time stamp: dev, sk, tstamp.
#define SKB_FRONT 24
// The start of struct skb_shared_info, up to dataref and frag_list.
#define SHINFO 48

// Unreadable stretches of a packet that are told apart; a power of two.
#define HOLES 4

struct drop {
	__u64 location;
	__u64 rx_sk;
	__u32 reason;
	__u32 pad;
};

struct event {
	__u8 kind; // enum record_kind
	__u8 at;   // enum packet_at
	__u16 has; // enum event_has
	__u32 cpu;
	__u64 ts;
	__u64 probe; // address of the function, or the number that user space gave a tracepoint
	__u64 skb;
	__u64 head;
	__u64 id;
	__u32 pid;
	__u32 tgid;
	char comm[16];
	__u32 len;    // bytes of the packet from its start, paged data included
	__u32 caplen; // bytes of them in data[]
	__u32 ifindex;
	__u32 netns;
	__u64 netns_cookie;
	char dev[16];
	__u16 dev_type;
	__u16 sections; // what of enum section lies in data[], in front of the packet
	__u32 held;     // events of this packet that were held back since the last one
	__u64 retval;
	struct drop drop;
	struct {
		__u32 off;
		__u32 len;
	} holes[HOLES]; // of data[]: bytes that could not be read
	__u32 nr_holes;
	__u32 pad2;
	__u8 front[SKB_FRONT];
	__u8 tail[SKB_TAIL];
	__u8 shinfo[SHINFO];
	__u8 data[];
};

struct buffer_ref {
	__u64 skb;
	__u64 head;
	__u64 id;
};

struct link {
	__u8 kind; // enum record_kind
	__u8 how;  // enum link_how
	__u8 by;   // enum link_by
	__u8 pad;
	__u32 cpu;
	__u64 ts;
	struct buffer_ref from;
	struct buffer_ref to;
};

struct free {
	__u8 kind; // enum record_kind
	__u8 how;  // enum free_how
	__u16 has; // enum event_has
	__u32 cpu;
	__u64 ts;
	struct buffer_ref skb;
	struct drop drop;
	__u32 held; // events of this packet that were held back since the last one
	__u32 pad;
};

// Whether packets are let in, with --packets.
enum gate {
	GATE_CLOSED = 0,
	GATE_EARLY = 1, // none is, but those that are seen are remembered
	GATE_OPEN = 2,
};

struct countdown {
	__u32 gate;    // enum gate
	__s32 left;    // packets that may still be let in; the gate is closed with the last
	__s32 buffers; // that those which were let in have
	__s32 away;    // of their packets, those that are with Open vSwitch's user space
};

// What the iterator over tasks (tasks.h) writes of each process.
struct task_netns {
	__u32 pid;
	__u32 netns;   // inum
	char comm[16]; // as host, with a zero byte behind if it is shorter
	char host[64]; // the host name in its UTS namespace
};

enum link_how {
	LINK_CLONE = 1,
	LINK_COPY,
	LINK_PSKB_COPY,
	LINK_EXPAND,
	LINK_SEGMENT,
	LINK_GRO,
	LINK_FRAGMENT,
	LINK_REASSEMBLE,
	LINK_COALESCE,
	LINK_MORPH,
	LINK_UPCALL,
	LINK_XDP,
};

// By what a link was found that no function of the kernel makes. 0: a function does.
enum link_by {
	BY_HASH = 1, // the same bytes, and the hash that went up with them has come back
	BY_CONTENT,  // the same bytes
	BY_NOTHING,  // equal packets are on their way: which one this is, is not known
};

enum free_how {
	FREE_CONSUMED = 1,
	FREE_DROPPED,
	FREE_MERGED,
};

// What was lost, counted per cpu; user space turns growth into loss records.
enum loss {
	LOSS_EVENT = 0, // ring buffer full
	LOSS_LINK = 1,
	LOSS_FREE = 2,
	LOSS_IDENTITY = 3,   // buffer map full
	LOSS_UNREADABLE = 4, // an argument that was no readable sk_buff
	LOSS_RETURN = 5,     // of a return probe: its entry could not be kept, or another's return never came
	LOSS_PENDING = 6,    // too many buffers within pskb_expand_head or IP reassembly
	LOSS_SEGMENTS = 7,   // more segments than are looked through
	LOSS_KINDS = 8,
};
