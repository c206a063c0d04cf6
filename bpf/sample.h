// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// --sample: of so many packets one is reported, or the packets of one of so many flows. That is decided once, where a
// packet is seen first. One that is left out has an identity too, which is UNWANTED: so has all that comes from it.
#pragma once

const volatile bool sampled = false;
const volatile bool by_flow = false;
const volatile __u64 sample_below = 0; // a packet is reported if its number, of 32 bits, is below this

// What flow_of says in the place of a flow's number, which has 32 bits.
#define FLOW_NONE (1ULL << 32)    // it is no IP packet
#define FLOW_NOT_YET (1ULL << 33) // its headers can't be read here, but may be later

static __always_inline __u64 mixed(__u64 v)
{
	v *= 0x9e3779b97f4a7c15ULL;
	v ^= v >> 32;
	v *= 0xbf58476d1ce4e5b2ULL;
	return v ^ v >> 29;
}

// IPPROTO_TCP, _UDP, _DCCP, _SCTP, _UDPLITE: their headers begin with two ports.
static __always_inline bool has_ports(__u64 proto)
{
	return proto == 6 || proto == 17 || proto == 33 || proto == 132 || proto == 136;
}

// The number of the flow of a packet that begins at start, `linear` bytes of which are linear: the same in both
// directions, on each host, and for all fragments of a datagram, which is why theirs is without ports.
static __noinline __u64 flow_of(__u64 start, __u64 linear, __u64 at)
{
	__u64 w[5] = {}, off = 0, proto, from, to;
	__u32 ports = 0;
	__u16 type = 0;
	__u8 *ip = (__u8 *)w, next[2] = {};
	int i;

	if (at == AT_DATA)
		return FLOW_NOT_YET;
	if (at == AT_MAC) {
		off = 12;
		for (i = 0; i < 3; i++) {
			if (off + 2 > linear || bpf_probe_read_kernel(&type, 2, (void *)start + off))
				return FLOW_NOT_YET;
			off += 2;
			if (!is_tag(type))
				break;
			off += 2;
		}
		if (type != BE16(0x0800) && type != BE16(0x86dd))
			return FLOW_NONE;
	}
	if (off + 20 > linear || bpf_probe_read_kernel(ip, 20, (void *)start + off))
		return FLOW_NOT_YET;
	if (ip[0] >> 4 == 4) {
		proto = ip[9];
		from = *(__u32 *)(ip + 12);
		to = *(__u32 *)(ip + 16);
		off += 4 * (ip[0] & 0xf);
		if (*(__u16 *)(ip + 6) & BE16(0x3fff)) // a fragment
			off = linear;
	} else if (ip[0] >> 4 == 6) {
		if (off + 40 > linear || bpf_probe_read_kernel(ip, 40, (void *)start + off))
			return FLOW_NOT_YET;
		proto = ip[6];
		from = mixed(w[1]) + w[2];
		to = mixed(w[3]) + w[4];
		off += 40;
		// Hop-by-hop options, routing, destination options.
		for (i = 0; i < 3 && (proto == 0 || proto == 43 || proto == 60); i++) {
			if (off + 2 > linear || bpf_probe_read_kernel(next, 2, (void *)start + off))
				return FLOW_NOT_YET;
			proto = next[0];
			off += (next[1] + 1) * 8;
		}
	} else {
		return FLOW_NONE;
	}
	if (has_ports(proto) && off < linear) {
		if (off + 4 > linear || bpf_probe_read_kernel(&ports, 4, (void *)start + off))
			return FLOW_NOT_YET;
	}
	from = mixed(from + ((__u64)(ports & 0xffff) << 32));
	to = mixed(to + ((__u64)(ports >> 16) << 32));
	return mixed((from + to) ^ proto) >> 32;
}

static __always_inline bool drawn(void)
{
	return bpf_get_prandom_u32() < sample_below;
}

// The packet is in the sample, but has no identity.
#define NO_IDENTITY (1ULL << 62)

// For a packet that passes and is not known: its identity, UNWANTED if it is left out; 0: it is left out here,
// and nothing keeps that.
static __noinline __u64 sample(__u64 start, __u64 linear, __u64 at, __u64 head, __u64 ts)
{
	__u64 flow = by_flow ? flow_of(start, linear, at) : FLOW_NONE, id;
	bool in;

	if (flow == FLOW_NOT_YET)
		return 0;
	in = flow == FLOW_NONE ? drawn() : flow < sample_below;
	if (track && !no_new && !only_drop) {
		id = new_id();
		id = remember(head, in ? id : id | UNWANTED, ts, 0, BPF_NOEXIST);
		if (id)
			return id;
	}
	return in ? NO_IDENTITY : 0;
}
