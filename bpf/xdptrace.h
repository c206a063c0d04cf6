// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The tracepoints of group xdp: what the kernel tells of the packets that XDP programs have had. It has no
// packet to show for them, and tells of many at once.
#pragma once

// What a tracepoint's arguments are (include/trace/events/xdp.h).
enum xdp_told {
	TOLD_EXCEPTION = 1, // dev, prog, act
	TOLD_BULK,          // dev, sent, drops, err
	TOLD_REDIRECT,      // dev, prog, target, err, type of map, id of map, index; until 5.12 ..., err, map, index
	TOLD_DEVMAP,        // from, to, sent, drops, err
	TOLD_CPUMAP,        // id of map, processed, drops, cpu
	TOLD_KTHREAD,       // id of map, processed, drops, sched, more
};
const volatile __u8 xdp_told = 0; // enum xdp_told

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct bpf_prog_aux {
	__u32 id;
};

struct bpf_prog {
	struct bpf_prog_aux *aux;
};

struct net_device___generic {
	struct bpf_prog *xdp_prog; // in generic mode
};

#pragma clang attribute pop

static __always_inline void told_program(struct xdp_info *x, __u64 dev, __u64 prog)
{
	struct net_device___generic *d = (void *)dev;
	struct bpf_prog *p = (void *)prog, *generic = NULL;
	struct bpf_prog_aux *aux = NULL;

	if (p && !bpf_core_read(&aux, sizeof(aux), &p->aux) && aux)
		bpf_core_read(&x->prog, sizeof(x->prog), &aux->id);
	bpf_core_read(&generic, sizeof(generic), &d->xdp_prog);
	if (prog && generic == p)
		x->mode = XDP_IN_GENERIC;
	else if (is_veth(dev))
		x->mode = XDP_IN_VETH;
}

SEC("raw_tracepoint/xdp")
int on_xdp_told(void *ctx)
{
	struct hit h = {.ctx = ctx, .probe = probe_number, .has = HAS_FRAME};
	struct xdp_info x = {};
	struct bpf_redirect_info *ri = NULL;
	struct net_device *to;
	__u64 dev = ctx_arg(ctx, 0);
	struct event *e;

	if (off)
		return 0;
	switch (xdp_told) {
	case TOLD_EXCEPTION:
		told_program(&x, dev, ctx_arg(ctx, 1));
		x.act = ctx_arg(ctx, 2);
		break;
	case TOLD_BULK:
		x.act = XDP_TX;
		x.sent = ctx_arg(ctx, 1);
		x.drops = ctx_arg(ctx, 2);
		x.err = ctx_arg(ctx, 3);
		break;
	case TOLD_REDIRECT:
		told_program(&x, dev, ctx_arg(ctx, 1));
		x.act = XDP_REDIRECT;
		x.err = ctx_arg(ctx, 3);
		if (bpf_core_field_exists(ri->map_id)) {
			x.map = ctx_arg(ctx, 5);
			if (x.map == INT_MAX) // none
				x.map = 0;
			x.key = ctx_arg(ctx, 6);
		} else {
			struct bpf_map *m = (void *)ctx_arg(ctx, 4);

			if (m)
				bpf_core_read(&x.map, sizeof(x.map), &m->id);
			x.key = ctx_arg(ctx, 5);
		}
		break;
	case TOLD_DEVMAP:
		x.act = XDP_REDIRECT;
		to = (struct net_device *)ctx_arg(ctx, 1);
		if (to)
			bpf_core_read(&x.key, sizeof(x.key), &to->ifindex);
		x.sent = ctx_arg(ctx, 2);
		x.drops = ctx_arg(ctx, 3);
		x.err = ctx_arg(ctx, 4);
		break;
	default:
		dev = 0;
		x.act = XDP_REDIRECT;
		x.map = ctx_arg(ctx, 0);
		x.sent = ctx_arg(ctx, 1);
		x.drops = ctx_arg(ctx, 2);
		if (xdp_told == TOLD_CPUMAP)
			x.key = ctx_arg(ctx, 3);
		// In generic mode one packet is either processed or dropped, and then freed as an sk_buff
		// (kernel/bpf/cpumap.c, cpu_map_generic_redirect).
		if (x.sent < x.drops)
			x.mode = XDP_IN_GENERIC;
		else
			x.sent -= x.drops;
		break;
	}
	e = bpf_ringbuf_reserve(&events, sizeof(*e), 0);
	if (!e) {
		count_loss(LOSS_EVENT, bpf_ktime_get_ns());
		return 0;
	}
	fill_bare(e, &h, bpf_ktime_get_ns());
	e->len = 0;
	e->skb = e->head = 0;
	read_dev(e, (struct net_device *)dev);
	*(struct xdp_info *)e->tail = x;
	bpf_ringbuf_submit(e, 0);
	return 0;
}
