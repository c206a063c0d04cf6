// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The values of --show: internal/filter writes the instructions that read them, for each kind of probe.
#pragma once

// Those go in the place of this one's. They may call packet_window(), which is a part of the program only if this does.
static __noinline void fill_show(struct show_info *to, __u64 skb, void *ctx)
{
	__u64 byte = direct_loads ? *(const __u8 *)packet_window((void *)skb) : 0;

	asm volatile("" : : "r"(to), "r"(skb), "r"(ctx), "r"(byte) : "memory");
}
