// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// A packet that Open vSwitch sends to user space, and that comes back in another sk_buff. No function
// has both. What has both is the content: a packet that comes back is joined with the one that went
// up with the same bytes, if there is only one.
//
// A packet that goes up gets the identity that it will have when it comes back, by a link without an
// address: so that it is known to be on its way.
#pragma once

// What is compared. With `part` only the first bytes are: the others were not in linear memory. Equal
// packets, and those that only look equal here, share an entry, and are told to be ambiguous.
struct upcall_key {
	__u64 content;
	__u32 len;
	__u32 part;
};

struct upcall {
	struct buffer_ref from; // id 0: it was not reported
	__u64 id;               // that it will have; 0: none
	__u32 hash;             // skb->hash, which user space gives back (OVS_PACKET_ATTR_HASH)
	__u32 count;            // of equal packets that are up
	__u32 ambiguous;        // there were several at a time
	__u32 replaces;         // one that was not seen to come back for OVERDUE
	__u64 number;           // of this entry, never given twice
	__u64 ts;               // when the last of them went up
};

// After so long, in ns, a packet is taken for one that user space dropped, which nothing tells; it is as
// long as skb-track waits by default. Equal ones are then no longer ambiguous for it. It can come back
// all the same, if ovs-vswitchd was stopped: so what comes back as the next one is told to be inferred.
#define OVERDUE 30000000000ULL

// The oldest go when it is full: those that user space has never sent back. A socket's queue holds
// fewer.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 14);
	__type(key, struct upcall_key);
	__type(value, struct upcall);
} upcalls SEC(".maps");

// The entries of upcalls that a cpu has taken, by their number: two cpus can have found one. It goes
// from upcalls after that, so who comes later finds no entry, or another.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1 << 12);
	__type(key, __u64);
	__type(value, __u32);
} taken SEC(".maps");

// Takes an entry out of upcalls; false: another cpu has. id: that its packet was to have.
static __noinline bool take(struct upcall_key *key, __u64 number, __u64 id)
{
	__u32 one = 1;

	if (bpf_map_update_elem(&taken, &number, &one, BPF_NOEXIST))
		return false;
	bpf_map_delete_elem(&upcalls, key);
	count_away(id, -1);
	return true;
}

#define FIRST_WORDS 24 // of 8 bytes, at a packet's start,
#define LAST_WORDS 8   // and at its end
// The headers that segments have in linear memory: up to the middle of IPv4's TCP, its sequence
// number included, or up to that of IPv6.
#define PART_IPV4 48
#define PART_IPV6 64

// Odd, and another for each word.
#define FACTOR(i) (0x9e3779b97f4a7c15ULL + 0xbf58476d1ce4e5b2ULL * (i))

static __always_inline __u64 sum_words(const __u64 *w, const int n, const int first)
{
	__u64 sum = 0;
	int i;

#pragma unroll
	for (i = 0; i < n; i++)
		sum += w[i] * FACTOR(first + i);
	return sum;
}

// Where TCP's or UDP's checksum is in the bytes of a packet; 0: nowhere. It is left out, because the
// kernel fills it in as the packet goes up.
static __always_inline __u64 checksum_at(__u64 start, __u64 network, __be16 protocol)
{
	__u8 ip[16] = {};
	__u64 at, proto;

	if (protocol != BE16(0x0800) && protocol != BE16(0x86dd))
		return 0;
	if (bpf_probe_read_kernel(ip, 10, (void *)(start + network)))
		return 0;
	if (protocol == BE16(0x0800)) {
		at = network + 4 * (ip[0] & 0xf);
		proto = ip[9];
	} else {
		at = network + 40;
		proto = ip[6];
	}
	if (proto == 6)
		return at + 16;
	return proto == 17 ? at + 6 : 0;
}

// Makes the key of a packet whose first byte is at skb->data.
static __noinline bool upcall_key_of(struct upcall_key *k, __u64 skb_at, __u32 part)
{
	struct sk_buff *skb = (struct sk_buff *)skb_at;
	__u64 w[FIRST_WORDS] = {}, start = 0, head = 0, n, at, linear;
	__u32 len = 0, data_len = 0;
	__u16 network = 0, sum = 0;
	__be16 protocol = 0;

	bpf_core_read(&start, sizeof(start), &skb->data);
	bpf_core_read(&head, sizeof(head), &skb->head);
	bpf_core_read(&len, sizeof(len), &skb->len);
	bpf_core_read(&data_len, sizeof(data_len), &skb->data_len);
	bpf_core_read(&network, sizeof(network), &skb->network_header);
	bpf_core_read(&protocol, sizeof(protocol), &skb->protocol);
	linear = len - data_len;
	k->len = len;
	k->part = part;
	n = len;
	if (part && n > PART_IPV4)
		n = protocol == BE16(0x86dd) ? PART_IPV6 : PART_IPV4;
	if (n > len)
		n = len;
	if (n > linear)
		return false;
	n = at_most(n, sizeof(w));
	if (n && bpf_probe_read_kernel(w, n, (void *)start))
		return false;
	k->content = sum_words(w, FIRST_WORDS, 0);
	at = checksum_at(start, head + network - start, protocol);
	if (at && at + 2 <= n && bpf_probe_read_kernel(&sum, 2, (void *)(start + at)) == 0)
		k->content -= ((__u64)sum << (at % 8 * 8)) * FACTOR(at / 8);
	if (part || len < sizeof(w) + 8 * LAST_WORDS)
		return true;
	if (bpf_probe_read_kernel(w, 8 * LAST_WORDS, (void *)(start + len - 8 * LAST_WORDS)))
		return false;
	k->content += sum_words(w, LAST_WORDS, FIRST_WORDS);
	return true;
}

static __always_inline __u32 hash_of(__u64 skb)
{
	__u32 hash = 0;

	bpf_core_read(&hash, sizeof(hash), &((struct sk_buff *)skb)->hash);
	return hash;
}

// The packet that this cpu queues for user space now, for the function's return.
struct queued {
	struct upcall_key key;
	__u64 id;
	__u64 valid;
};

struct {
	__uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
	__uint(max_entries, 1);
	__type(key, __u32);
	__type(value, struct queued);
} queueing SEC(".maps");

static __always_inline struct queued *queued_of_cpu(void)
{
	__u32 zero = 0;

	return bpf_map_lookup_elem(&queueing, &zero);
}

#define HOW_BY(how, by) ((how) | (by) << 8)

// data is what ovs-vswitchd wants back of a packet that an action has sent (struct
// user_action_cookie of its ofproto/ofproto-dpif-upcall.h): the first 16 bits say what for. Samples
// (sFlow 1, flow samples 3, IPFIX 4) never come back.
static __always_inline bool may_return(__u64 info)
{
	__u64 data = word_at(info, ovs.info_userdata), what;

	if (!data)
		return true;
	what = word_at(data, 0) >> 32 & 0xffff;
	return what != 1 && what != 3 && what != 4;
}

// static int queue_userspace_packet(struct datapath *dp, struct sk_buff *skb, const struct sw_flow_key *key,
//				      const struct dp_upcall_info *upcall_info, uint32_t cutlen)
SEC("kprobe/ovs_queue")
int on_ovs_queue(struct pt_regs *ctx)
{
	__u64 skb = REG_ARG2(ctx);
	struct queued *q = queued_of_cpu();
	struct upcall u = {.count = 1}, *known;
	struct buffer_ref to = {};
	__u64 id;

	if (!q)
		return 0;
	q->valid = 0;
	if (off || !may_return(REG_ARG4(ctx)))
		return 0;
	if (!upcall_key_of(&q->key, skb, 0) && !upcall_key_of(&q->key, skb, 1))
		return 0;
	// What is cut off comes back as another packet. 0 is nothing; on newer kernels this is what is left,
	// on older ones (5.10, 6.1) what goes.
	if (REG_ARG5(ctx) & 0xffffffff && (__u32)REG_ARG5(ctx) < q->key.len)
		return 0;
	q->valid = 1;
	q->id = 0;
	reported(&u.from, skb);
	u.hash = hash_of(skb);
	u.ts = bpf_ktime_get_ns();
	u.number = new_id();
	if (u.from.id)
		u.id = id_from(new_id(), u.from.id);
	known = bpf_map_lookup_elem(&upcalls, &q->key);
	if (known && u.ts > known->ts + OVERDUE) {
		id = known->id;
		if (take(&q->key, known->number, id)) {
			if (id)
				write_free(0, 0, id, NULL, FREE_CONSUMED, true, NULL);
			u.replaces = 1;
			known = NULL;
		} else { // another cpu has, and puts its own there
			known = bpf_map_lookup_elem(&upcalls, &q->key);
		}
	}
	if (!known) {
		if (bpf_map_update_elem(&upcalls, &q->key, &u, BPF_NOEXIST) == 0) {
			q->id = to.id = u.id;
			count_away(u.id, 1);
			if (u.id)
				write_link(LINK_UPCALL, &u.from, &to);
			return 0;
		}
		known = bpf_map_lookup_elem(&upcalls, &q->key);
	}
	if (!known) { // it comes back as a packet of its own
		if (u.from.id)
			count_loss(LOSS_LINK, u.ts);
		return 0;
	}
	known->ambiguous = 1;
	known->ts = u.ts;
	__sync_fetch_and_add(&known->count, 1);
	if (u.from.id)
		write_link(HOW_BY(LINK_UPCALL, BY_NOTHING), &u.from, &to);
	return 0;
}

// One of them is not up any more. What was to be its identity goes with the last. d: it was dropped.
static __noinline void one_less(struct upcall_key *key, struct drop *d)
{
	struct upcall *u = bpf_map_lookup_elem(&upcalls, key);
	__u64 id;

	if (!u)
		return;
	__sync_fetch_and_add(&u->count, -1);
	if ((__s32)u->count > 0)
		return;
	id = u->id;
	if (take(key, u->number, id) && id)
		write_free(0, 0, id, NULL, d ? FREE_DROPPED : FREE_CONSUMED, true, d);
}

SEC("kprobe/ovs_queue_return")
int on_ovs_queue_return(struct pt_regs *ctx)
{
	struct queued *q = queued_of_cpu();
	struct drop d = {.location = probe_number, .reason = NO_REASON};

	if (q && q->valid && (int)REG_RET(ctx))
		one_less(&q->key, &d);
	if (q)
		q->valid = 0;
	return 0;
}

// The sk_buffs that threads make now of what user space sends, by the thread.
struct {
	__uint(type, BPF_MAP_TYPE_LRU_HASH);
	__uint(max_entries, 1024);
	__type(key, __u64);
	__type(value, __u64);
} executing SEC(".maps");

// int ovs_flow_key_extract_userspace(struct net *net, const struct nlattr *attr, struct sk_buff *skb,
//				      struct sw_flow_key *key, bool log)
// Called for OVS_PACKET_CMD_EXECUTE alone. It finds the headers, so its return is the place.
SEC("kprobe/ovs_execute")
int on_ovs_execute(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), skb = REG_ARG3(ctx);

	bpf_map_update_elem(&executing, &thread, &skb, BPF_ANY);
	return 0;
}

static __noinline int came_back(__u64 skb)
{
	struct upcall_key whole, part;
	struct upcall *u, *w = NULL, *p = NULL, found;
	struct buffer_ref to;
	__u32 hash = hash_of(skb);

	if (upcall_key_of(&whole, skb, 0))
		w = bpf_map_lookup_elem(&upcalls, &whole);
	if (upcall_key_of(&part, skb, 1))
		p = bpf_map_lookup_elem(&upcalls, &part);
	u = w ? w : p;
	if (!u || (hash && u->hash && hash != u->hash))
		return 0;
	to.skb = skb;
	to.head = head_of(skb);
	found = *u;
	if (found.count > 1 || found.ambiguous || (w && p)) {
		one_less(w ? &whole : &part, NULL);
		if (found.from.id) {
			to.id = remember(to.head, id_from(new_id(), found.from.id), bpf_ktime_get_ns(), TOLD, BPF_ANY);
			found.from = (struct buffer_ref){};
			if (to.id)
				write_link(HOW_BY(LINK_UPCALL, BY_NOTHING), &found.from, &to);
		}
		return 0;
	}
	// Another cpu may have taken it: two equal packets came back, one has gone up.
	if (!take(w ? &whole : &part, found.number, found.id) || !found.id)
		return 0;
	to.id = remember(to.head, found.id, bpf_ktime_get_ns(), TOLD, BPF_ANY);
	if (to.id)
		write_link(HOW_BY(LINK_UPCALL, hash && found.hash && !found.replaces ? BY_HASH : BY_CONTENT),
			   &found.from, &to);
	return 0;
}

SEC("kprobe/ovs_execute_return")
int on_ovs_execute_return(struct pt_regs *ctx)
{
	__u64 thread = bpf_get_current_pid_tgid(), skb, *found = bpf_map_lookup_elem(&executing, &thread);

	if (!found)
		return 0;
	skb = *found;
	bpf_map_delete_elem(&executing, &thread);
	if (!off && (int)REG_RET(ctx) == 0)
		came_back(skb);
	return 0;
}
