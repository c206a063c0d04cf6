// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What user space asks of the kernel's memory before it loads the other programs, by
// BPF_PROG_TEST_RUN: which gives 32 bits back, so half a word at a time.
#pragma once

enum peek_what {
	PEEK_MEMORY = 0, // the 8 bytes at an address; 0 where there are none to read
	PEEK_EVENTS = 1, // the address of the map `events`
	PEEK_TASK = 2,   // the address of the task_struct that asks
};

struct peek {
	__u64 what; // enum peek_what
	__u64 addr;
	__u64 high; // which half
};

SEC("raw_tracepoint/peek")
int peek(struct peek *p)
{
	__u64 what = p->what, addr = p->addr, high = p->high, v = 0;

	if (what == PEEK_EVENTS)
		v = address_of(&events);
	else if (what == PEEK_TASK)
		v = bpf_get_current_task();
	else
		bpf_probe_read_kernel(&v, sizeof(v), (void *)addr);
	return high ? v >> 32 : v;
}
