// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What --with adds to an event. Each section is a constant of the program: the verifier
// removes those that nobody asked for.
#pragma once

// What a hook knows about an event besides the sk_buff.
struct hit {
	void *ctx;
	__u64 probe;
	__u64 id;
	__u64 releases; // HAS_RET: of the buffer, since the function was entered
	union {
		__u64 retval;     // HAS_RET
		struct drop drop; // HAS_DROP
	};
	__u16 has;
	__u32 held; // events of the packet before it that were held back
};

// *to = the field of an object that is known to be readable.
#define LOAD(to, type, object, field)                                        \
	do {                                                                 \
		type *o_ = (type *)(object);                                 \
		if (direct_loads)                                            \
			to = CAST(type, o_)->field;                          \
		else                                                         \
			bpf_core_read(&(to), sizeof(o_->field), &o_->field); \
	} while (0)

// Sockets of these states are smaller than struct sock: include/net/tcp_states.h.
#define TCP_TIME_WAIT 6
#define TCP_NEW_SYN_RECV 12
#define TCP_LISTEN 10
#define AF_INET6 10

static __always_inline __u64 cgroup_of(struct sock *sk)
{
	struct sock_cgroup_data___5_10 *old = (void *)&sk->sk_cgrp_data;
	struct cgroup *cgroup = NULL;
	struct kernfs_node *kn = NULL;
	__u64 id = 0;

	if (bpf_core_field_exists(sk->sk_cgrp_data.cgroup)) {
		LOAD(cgroup, struct sock, sk, sk_cgrp_data.cgroup);
	} else if (bpf_core_field_exists(old->val)) {
		bpf_core_read(&cgroup, sizeof(cgroup), &old->val);
		if ((__u64)cgroup & 3)
			return 0;
	}
	if (!cgroup || bpf_core_read(&kn, sizeof(kn), &cgroup->kn))
		return 0;
	bpf_core_read(&id, sizeof(id), &kn->id);
	return id;
}

static __noinline void fill_sock(struct sock_info *s, struct sock *sk)
{
	struct sock_common *c = &sk->__sk_common;
	struct sk_filter *filter = NULL;
	struct socket *socket = NULL;

	__builtin_memset(s, 0, sizeof(*s));
	if (!sk || bpf_core_read(&s->family, sizeof(s->family), &c->skc_family))
		return;
	s->addr = (__u64)sk;
	LOAD(s->state, struct sock_common, c, skc_state);
	LOAD(s->bound_dev_if, struct sock_common, c, skc_bound_dev_if);
	LOAD(s->sport, struct sock_common, c, skc_num);
	LOAD(s->dport, struct sock_common, c, skc_dport);
	LOAD(s->cookie, struct sock_common, c, skc_cookie.counter);
	if (s->family == AF_INET6) {
		bpf_core_read(s->saddr, 16, &c->skc_v6_rcv_saddr);
		bpf_core_read(s->daddr, 16, &c->skc_v6_daddr);
	} else {
		bpf_core_read(s->saddr, 4, &c->skc_rcv_saddr);
		bpf_core_read(s->daddr, 4, &c->skc_daddr);
	}
	if (s->state == TCP_TIME_WAIT || s->state == TCP_NEW_SYN_RECV)
		return;
	s->full = 1;
	LOAD(s->type, struct sock, sk, sk_type);
	LOAD(s->protocol, struct sock, sk, sk_protocol);
	LOAD(s->uid, struct sock, sk, sk_uid.val);
	LOAD(s->rmem, struct sock, sk, sk_backlog.rmem_alloc.counter);
	LOAD(s->rcvbuf, struct sock, sk, sk_rcvbuf);
	LOAD(s->wmem, struct sock, sk, sk_wmem_alloc.refs.counter);
	LOAD(s->sndbuf, struct sock, sk, sk_sndbuf);
	LOAD(filter, struct sock, sk, sk_filter);
	s->filter = filter != NULL;
	if (s->state == TCP_LISTEN) {
		LOAD(s->backlog, struct sock, sk, sk_ack_backlog);
		LOAD(s->max_backlog, struct sock, sk, sk_max_ack_backlog);
	}
	LOAD(socket, struct sock, sk, sk_socket);
	if (socket)
		bpf_probe_read_kernel(&s->ino, sizeof(s->ino),
				      (void *)socket + bpf_core_field_offset(struct socket_alloc, vfs_inode) +
					      bpf_core_field_offset(struct inode, i_ino));
	s->cgroup = cgroup_of(sk);
}

// The socket that a function got as an argument, or else the packet's own, or the one that
// a drop's tracepoint names.
static __always_inline struct sock *sock_of(struct event *e, struct hit *h)
{
	struct pt_regs *regs = h->ctx;
	__u64 sk = 0;

	if (sock_arg == 1)
		sk = loaded(REG_ARG1(regs));
	else if (sock_arg == 2)
		sk = loaded(REG_ARG2(regs));
	else if (sock_arg == 3)
		sk = loaded(REG_ARG3(regs));
	else if (sock_arg == 4)
		sk = loaded(REG_ARG4(regs));
	else if (sock_arg == 5)
		sk = loaded(REG_ARG5(regs));
	if (!sk && e->has & HAS_FRONT)
		sk = *(__u64 *)(e->front + 8);
	if (!sk && is_drop)
		sk = h->drop.rx_sk;
	return (struct sock *)sk;
}

// Connection tracking: struct nf_conn as it is, for user space to take apart by BTF. 0xff:
// this kernel has no such extension.
const volatile __u8 ct_helper_id = 0xff; // enum nf_ct_ext_id
const volatile __u8 ct_labels_id = 0xff;
const volatile __u32 ct_helper_name_at = 0; // in struct nf_conntrack_helper

static __always_inline __u64 ct_extension(struct nf_ct_ext *ext, __u8 id)
{
	__u8 off = 0; // of data, from ext on; the array of these is the first of its fields

	bpf_probe_read_kernel(&off, 1, (void *)ext + id);
	return off ? (__u64)ext + off : 0;
}

static __noinline void fill_ct(struct ct_info *c, struct sk_buff *skb)
{
	__u32 size = bpf_core_type_size(struct nf_conn);
	struct nf_conn *ct, *master = NULL;
	struct nf_ct_ext *ext = NULL;
	__u64 at, helper = 0;

	c->addr = c->master = 0;
	c->helper[0] = 0;
	__builtin_memset(c->labels, 0, sizeof(c->labels));
	if (!bpf_core_field_exists(skb->_nfct) || bpf_core_read(&at, sizeof(at), &skb->_nfct))
		return;
	// include/linux/skbuff.h: NFCT_INFOMASK
	c->ctinfo = at & 7;
	ct = (struct nf_conn *)(at & ~7ULL);
	if (!ct) {
		c->addr = at;
		return;
	}
	if (bpf_probe_read_kernel(c->conn, size > CT_CONN ? CT_CONN : size, ct))
		return;
	c->addr = (__u64)ct;
	bpf_core_read(&master, sizeof(master), &ct->master);
	if (master && bpf_core_read(c->tuples, CT_TUPLES, &master->tuplehash) == 0)
		c->master = (__u64)master;
	if (bpf_core_read(&ext, sizeof(ext), &ct->ext) || !ext)
		return;
	if (ct_labels_id != 0xff) {
		at = ct_extension(ext, ct_labels_id);
		if (at)
			bpf_probe_read_kernel(c->labels, sizeof(c->labels), (void *)at);
	}
	if (ct_helper_id != 0xff) {
		at = ct_extension(ext, ct_helper_id);
		// struct nf_conn_help begins with the helper's address.
		if (at && bpf_probe_read_kernel(&helper, sizeof(helper), (void *)at) == 0 && helper)
			bpf_probe_read_kernel(c->helper, sizeof(c->helper), (void *)helper + ct_helper_name_at);
	}
}

static __noinline void fill_stack(struct event *e, struct hit *h)
{
	*(__s64 *)(e->data + stack_at) = bpf_get_stack(h->ctx, e->data + stack_at + 8, stack_size, 0);
}

static __always_inline void fill_registers(struct event *e, struct hit *h)
{
	struct pt_regs *regs = h->ctx;

	if (sections & SECTION_CALLER) {
		__u64 *to = (__u64 *)(e->data + caller_at);
#ifdef REG_LINK
		*to = REG_LINK(regs);
#else
		if (bpf_probe_read_kernel(to, 8, (void *)REG_SP(regs)))
			*to = 0;
#endif
	}
	if (sections & SECTION_ARGS) {
		__u64 *to = (__u64 *)(e->data + args_at);

		if (trace_args) {
			__u32 i;

#pragma unroll
			for (i = 0; i < ARGS; i++)
				to[i] = i < trace_args ? ctx_arg(regs, i) : 0;
			return;
		}
		to[0] = REG_ARG1(regs);
		to[1] = REG_ARG2(regs);
		to[2] = REG_ARG3(regs);
		to[3] = REG_ARG4(regs);
		to[4] = REG_ARG5(regs);
		to[5] = REG_ARG6(regs);
	}
}

#include "nft.h"
#include "ovs.h"
#include "show.h"

static __noinline void fill_more(struct event *e, struct hit *h)
{
	if (sections & SECTION_SOCK)
		fill_sock((struct sock_info *)(e->data + sock_at), sock_of(e, h));
	if (sections & SECTION_CT)
		fill_ct((struct ct_info *)(e->data + ct_at), (struct sk_buff *)e->skb);
	if (sections & SECTION_NFT)
		fill_nft((struct nft_info *)(e->data + nft_at), h->ctx);
	if (sections & SECTION_SHOW)
		fill_show((struct show_info *)(e->data + show_at), e->skb, h->ctx);
	fill_registers(e, h);
	if (sections & SECTION_STACK)
		fill_stack(e, h);
	if (sections & SECTION_OVS)
		fill_ovs((struct ovs_info *)(e->data + ovs_at), h->ctx, e->ts);
}
