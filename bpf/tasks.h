// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Which network namespace each process is in. /proc tells that only to who may look at the process
// (ptrace(2), PTRACE_MODE_READ), which skb-collect may not any more once it has given up its
// capabilities. An iterator (BPF_LINK_TYPE_ITER, kernel/bpf/task_iter.c, since 5.8) that was made
// before needs none but what skb-collect keeps.
#pragma once

struct bpf_iter__task {
	struct bpf_iter_meta *meta;
	struct task_struct *task;
};

// The namespace that is left out: most processes are in it.
const volatile __u32 own_netns = 0;

SEC("iter/task")
int on_task(struct bpf_iter__task *ctx)
{
	struct task_struct *task = ctx->task;
	struct task_netns t = {};
	struct nsproxy *ns;

	if (!task || task->pid != task->tgid)
		return 0;
	// One that is ending has none. A load through a pointer of the kernel's gives 0 then.
	ns = task->nsproxy;
	t.netns = ns->net_ns->ns.inum;
	if (!t.netns || t.netns == own_netns)
		return 0;
	t.pid = task->tgid;
	bpf_probe_read_kernel(t.comm, sizeof(t.comm), &task->comm);
	bpf_probe_read_kernel(t.host, sizeof(t.host), &ns->uts_ns->name.nodename);
	bpf_seq_write(ctx->meta->seq, &t, sizeof(t));
	return 0;
}
