// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Does a packet pass -f, --inner-filter and --where? The functions that say so are written
// by internal/filter when skb-collect starts, in the place of the ones here.
#pragma once

#include "paged.h"

enum filter_in_use {
	FILTER_PACKET = 1,
	FILTER_INFO = 2, // the packet filter asks for struct sk_buff's own fields, too
	FILTER_INNER = 4,
	FILTER_WHERE = 8,
};
const volatile __u32 filters = 0; // enum filter_in_use

// `info` of the functions below: what sk_buff knows and the packet's bytes don't say.
#define INFO_TAG_PRESENT (1 << 16) // bits 0 to 15 are vlan_tci
#define INFO_PKT_TYPE_SHIFT 24     // bits 24 to 26 are pkt_type

// The most page fragments that a sk_buff can have (MAX_SKB_FRAGS) is 17 unless configured
// higher; headers are in the first.
#define FILTER_FRAGS 17

// size (at most 4) bytes at offset off of the packet that begins at addr, of which
// `linear` bytes (negative: none, and so many of the paged ones are not the packet's) are
// linear. In the lower bytes, as a load would put them there; zeros behind the packet's
// end. -1: they can't be read. Of paged data only the sk_buff's own fragments are looked
// at, not those of its frag_list.
//
// Global, with numbers for arguments, like all functions here: the verifier then looks at
// each once for a program, not once for each way there.
__u64 packet_bytes(__u64 skb, __u64 addr, __s64 linear, __u64 off, __u64 size)
{
	__s64 begin, want = off, end = linear;
	unsigned char *head = NULL;
	struct skb_shared_info *shinfo;
	struct piece p = {.addr = addr};
	__u64 vmemmap = 0, page_offset = 0;
	__u32 shinfo_at = 0, got = 0, i;
	__u64 value = 0;
	__u8 nr_frags = 0;

	size = at_most(size, 4);
	if (want + (__s64)size <= linear) {
		if (bpf_probe_read_kernel(&value, size, (void *)(addr + off)))
			return -1;
		return value;
	}
	bpf_core_read(&head, sizeof(head), &((struct sk_buff *)skb)->head);
	bpf_core_read(&shinfo_at, sizeof(shinfo_at), &((struct sk_buff *)skb)->end);
	shinfo = (struct skb_shared_info *)(head + shinfo_at);
	bpf_core_read(&nr_frags, sizeof(nr_frags), &shinfo->nr_frags);
	bpf_probe_read_kernel(&vmemmap, 8, (void *)vmemmap_base_at);
	bpf_probe_read_kernel(&page_offset, 8, (void *)page_offset_base_at);
	begin = linear < 0 ? linear : 0;
	for (i = 0; i <= FILTER_FRAGS; i++) {
		if (want < end) {
			__u64 n = at_most(end - want, 4), part = 0;

			n = at_most(n, size - got);
			if (!p.addr || bpf_probe_read_kernel(&part, at_most(n, 4), (void *)(p.addr + (want - begin))))
				return -1;
			value |= part << (8 * got);
			got += n;
			want += n;
		}
		if (got >= size || i >= nr_frags)
			break;
		begin = end;
		frag_at(shinfo, i, vmemmap, page_offset, &p);
		end = begin + p.len;
	}
	return value;
}
