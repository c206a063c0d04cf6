// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What Open vSwitch's kernel module does with a packet: net/openvswitch.
#pragma once

// Where things are in openvswitch, which is a module: user space finds them in its BTF.
struct ovs_layout {
	__u16 dp_table, dp_ports;                             // struct datapath
	__u16 vport_dev, vport_port, vport_node;              // struct vport
	__u16 key_recirc_id, key_in_port;                     // struct sw_flow_key
	__u16 info_userdata, info_portid, info_cmd, info_mru; // struct dp_upcall_info
	__u16 flow_ufid_len, flow_ufid;                       // struct sw_flow
	__u16 flow_acts, acts_len; // struct sw_flow, struct sw_flow_actions; 0: not to be looked at
};
const volatile struct ovs_layout ovs = {};
const volatile __u8 ovs_event = 0;      // enum ovs_kind: what this program's events tell of
const volatile bool ovs_traced = false; // this program is at a tracepoint, not at a function

// 8 bytes of a kernel object, for a field of at most as many. User space has found the offset, so
// CO-RE has no part in this.
static __always_inline __u64 word_at(__u64 object, __u64 offset)
{
	__u64 v = 0;

	if (direct_loads)
		return *(const __u64 *)window((void *)(object + offset));
	bpf_probe_read_kernel(&v, sizeof(v), (void *)(object + offset));
	return v;
}

// Two of one object, where that saves something.
static __always_inline void two_words(__u64 object, __u64 a_at, __u64 *a, __u64 b_at, __u64 *b)
{
	if (direct_loads) {
		const void *w = window((void *)object);

		*a = *(const __u64 *)(w + a_at);
		*b = *(const __u64 *)(w + b_at);
	} else {
		*a = word_at(object, a_at);
		*b = word_at(object, b_at);
	}
}

// Ports are in a hash table of so many lists (DP_VPORT_HASH_BUCKETS, net/openvswitch/datapath.h). A
// port that is not among the first few of its list stays without a name.
#define OVS_PORT_LISTS 1024
#define OVS_LIST 4

static __always_inline bool ovs_port_name(char *to, __u64 dp, __u32 port)
{
	__u64 node = word_at(word_at(dp, ovs.dp_ports), 8 * (port % OVS_PORT_LISTS)), dev, number;
	int i;

	for (i = 0; i < OVS_LIST && node; i++) {
		two_words(node - ovs.vport_node, ovs.vport_port, &number, ovs.vport_dev, &dev);
		if ((number & 0xffff) == port) {
			dev += bpf_core_field_offset(struct net_device, name);
			number = word_at(dev, 0);
			((__u64 *)to)[0] = number;
			((__u64 *)to)[1] = 0;
			if (number >> 56) // else it ends within the first word
				((__u64 *)to)[1] = word_at(dev, 8);
			return true;
		}
		node = word_at(node, 0);
	}
	return false;
}

// The port that has the datapath's name: include/uapi/linux/openvswitch.h.
#define OVSP_LOCAL 0
#define OVS_ACTION_ATTR_OUTPUT 1
#define OVS_ACTION_ATTR_SET 3 // of a tunnel: other sets the kernel replaces

struct ip_tunnel_key {
	__be64 tun_id;
};

struct metadata_dst {
	union {
		struct {
			struct ip_tunnel_key key;
		} tun_info;
	} u;
} __attribute__((preserve_access_index));

// The first word of what is copied is known already. Most actions have no more.
static __always_inline void ovs_copy(struct ovs_info *o, __u64 from, __u64 first, __u64 len)
{
	__u64 n = at_most(len, OVS_ATTR);

	if (n <= 8) {
		*(__u64 *)o->attr = first;
		o->attr_len = n;
		return;
	}
	if (bpf_probe_read_kernel(o->attr, n, (void *)from) == 0)
		o->attr_len = len;
}

// A tunnel that is set: behind the heads of two attributes is the pointer of struct ovs_tunnel_info. To
// the copy of these are added the tunnel's key and addresses, with which struct ip_tunnel_key begins.
#define OVS_SET_LEN 16
#define OVS_TUNNEL_LEN 40

static __always_inline void ovs_tunnel(struct ovs_info *o, __u64 metadata)
{
	__u64 key = metadata + bpf_core_field_offset(struct metadata_dst, u.tun_info.key);

	if (bpf_probe_read_kernel(o->attr + OVS_SET_LEN, OVS_TUNNEL_LEN, (void *)key) == 0)
		o->attr_len = OVS_SET_LEN + OVS_TUNNEL_LEN;
}

// struct nlattr: its length, this head included, in 16 bits, its type in the next 16.
static __always_inline void ovs_action(struct ovs_info *o, __u64 dp, __u64 a)
{
	__u64 head = word_at(a, 0);

	ovs_copy(o, a, head, head & 0xffff);
	if ((head >> 16 & 0xffff) == OVS_ACTION_ATTR_OUTPUT)
		o->has_port = ovs_port_name(o->port, dp, head >> 32);
	else if ((head & 0xffffffff) == (OVS_ACTION_ATTR_SET << 16 | OVS_SET_LEN))
		ovs_tunnel(o, word_at(a, 8));
}

static __always_inline void ovs_upcall(struct ovs_info *o, __u64 info)
{
	__u64 data = word_at(info, ovs.info_userdata), head;

	o->portid = word_at(info, ovs.info_portid);
	o->cmd = word_at(info, ovs.info_cmd);
	o->mru = word_at(info, ovs.info_mru);
	if (data) {
		head = word_at(data, 0);
		ovs_copy(o, data, head, head & 0xffff);
	}
}

// ovs_flow_tbl_lookup_stats() has no sk_buff among its arguments. Its caller, ovs_dp_process_packet(),
// calls it first of all, with softirqs off: so it is for the packet that this cpu came with there.
struct ovs_lookup {
	__u64 skb;
	__u64 key;
	__u64 dp;
	__u64 mask_hits, cache_hits; // where the kernel counts; 0: no lookup is under way
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct ovs_lookup);
} ovs_lookups SEC(".maps");

static __always_inline struct ovs_lookup *ovs_lookup_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&ovs_lookups, &zero);
}

// void ovs_dp_process_packet(struct sk_buff *skb, struct sw_flow_key *key)
SEC("kprobe/ovs_process_packet")
int on_ovs_process_packet(struct pt_regs *ctx)
{
	struct ovs_lookup *l = ovs_lookup_of_cpu();

	if (!l)
		return 0;
	l->skb = REG_ARG1(ctx);
	l->key = REG_ARG2(ctx);
	l->mask_hits = 0;
	return 0;
}

// struct sw_flow *ovs_flow_tbl_lookup_stats(struct flow_table *tbl, const struct sw_flow_key *key,
//					     u32 skb_hash, u32 *n_mask_hit, u32 *n_cache_hit)
SEC("kprobe/ovs_lookup")
int on_ovs_lookup(struct pt_regs *ctx)
{
	struct ovs_lookup *l = ovs_lookup_of_cpu();

	if (!l || l->key != REG_ARG2(ctx))
		return 0;
	l->dp = REG_ARG1(ctx) - ovs.dp_table;
	l->mask_hits = REG_ARG4(ctx);
	l->cache_hits = REG_ARG5(ctx);
	return 0;
}

#define OVS_UFID 16 // bytes of an identifier that is none of older kernels' keys (MAX_UFID_LENGTH)

static __always_inline void ovs_looked_up(struct ovs_info *o, struct ovs_lookup *l, __u64 flow)
{
	o->mask_hits = word_at(l->mask_hits, 0);
	o->cache_hits = word_at(l->cache_hits, 0);
	if (!flow)
		return;
	o->hit = 1;
	if (ovs.flow_acts)
		o->no_actions = !(__u32)word_at(word_at(flow, ovs.flow_acts), ovs.acts_len);
	if ((__u32)word_at(flow, ovs.flow_ufid_len) != OVS_UFID)
		return;
	o->has_ufid = 1;
	((__u64 *)o->ufid)[0] = word_at(flow, ovs.flow_ufid);
	((__u64 *)o->ufid)[1] = word_at(flow, ovs.flow_ufid + 8);
}

// The datapath whose name user space was told last, and when, in ns. Cpus may tell it twice.
#define OVS_NAMED_FOR 1000000000
volatile __u64 ovs_named, ovs_named_at;

static __noinline void fill_ovs(struct ovs_info *o, struct pt_regs *regs, __u64 ts)
{
	__u64 dp, key, what, in_port, recirc_id;

	// What user space looks at whatever the event tells of.
	*(__u64 *)&o->mru = 0;
	*(__u64 *)o->dp = 0;
	o->attr_len = 0;
	o->kind = ovs_event;
	if (ovs_event == OVS_LOOKUP) {
		struct ovs_lookup *l = ovs_lookup_of_cpu();

		if (!l)
			return;
		dp = l->dp;
		key = l->key;
		ovs_looked_up(o, l, loaded(REG_RET(regs)));
	} else {
		if (ovs_traced) {
			dp = ctx_arg(regs, 0);
			key = ctx_arg(regs, 2);
			what = ctx_arg(regs, 3);
		} else {
			dp = loaded(REG_ARG1(regs));
			key = loaded(REG_ARG3(regs));
			what = loaded(REG_ARG4(regs));
		}
		if (ovs_event == OVS_ACTION)
			ovs_action(o, dp, what);
		else if (ovs_event == OVS_ACTIONS)
			ovs_copy(o, what, word_at(what, 0), loaded(REG_ARG5(regs)) & 0xffff);
		else
			ovs_upcall(o, what);
	}
	// recirc_id lies just behind in_port, and the whole key is longer than what a window shows.
	two_words(key + ovs.key_in_port, 0, &in_port, ovs.key_recirc_id - ovs.key_in_port, &recirc_id);
	o->recirc_id = recirc_id;
	o->in_port = in_port & 0xffff;
	o->dp_addr = dp;
	if (dp != ovs_named || ts - ovs_named_at > OVS_NAMED_FOR) {
		ovs_port_name(o->dp, dp, OVSP_LOCAL);
		ovs_named = dp;
		ovs_named_at = ts;
	}
}
