// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// The kernel types that the programs read: the fields used and no more. CO-RE
// (preserve_access_index) finds each field's real place when a program is loaded.
#pragma once

typedef unsigned char __u8;
typedef unsigned short __u16;
typedef unsigned int __u32;
typedef unsigned long long __u64;
typedef signed char __s8;
typedef short __s16;
typedef int __s32;
typedef long long __s64;
typedef __u16 __be16;
typedef __u32 __be32;
typedef __u64 __be64;
typedef __u16 __le16;
typedef __u32 __le32;
typedef __u64 __le64;
typedef __u32 __wsum;
typedef __u16 __sum16;
typedef _Bool bool;
#define true 1
#define false 0
#define NULL ((void *)0)

// include/uapi/linux/bpf.h
enum {
	BPF_MAP_TYPE_HASH = 1,
	BPF_MAP_TYPE_ARRAY = 2,
	BPF_MAP_TYPE_PERCPU_ARRAY = 6,
	BPF_MAP_TYPE_LRU_HASH = 9,
	BPF_MAP_TYPE_RINGBUF = 27,
};
enum {
	BPF_ANY = 0,
	BPF_NOEXIST = 1,
	BPF_EXIST = 2,
};

#pragma clang attribute push(__attribute__((preserve_access_index)), apply_to = record)

struct ns_common {
	unsigned int inum;
};

struct net {
	struct ns_common ns;
	__u64 net_cookie; // 5.14 and newer; before, an atomic64_t behind a flag
};

typedef struct {
	struct net *net;
} possible_net_t;

struct net_device {
	char name[16];
	int ifindex;
	unsigned short type;
	possible_net_t nd_net;
};

struct new_utsname {
	char nodename[65];
};

struct uts_namespace {
	struct new_utsname name;
};

struct nsproxy {
	struct uts_namespace *uts_ns;
	struct net *net_ns;
};

struct task_struct {
	int pid;
	int tgid;
	char comm[16];
	struct nsproxy *nsproxy;
};

typedef struct {
	int counter;
} atomic_t;

typedef struct {
	atomic_t refs;
} refcount_t;

typedef struct {
	__u32 val;
} kuid_t;

struct sock_common {
	__be32 skc_daddr;
	__be32 skc_rcv_saddr;
	__be16 skc_dport;
	__u16 skc_num;
	unsigned short skc_family;
	unsigned char skc_state;
	int skc_bound_dev_if;
	possible_net_t skc_net;
	struct {
		__u8 bytes[16];
	} skc_v6_daddr, skc_v6_rcv_saddr;
	struct {
		__s64 counter;
	} skc_cookie;
};

struct kernfs_node {
	__u64 id;
};

struct cgroup {
	struct kernfs_node *kn;
};

struct sock_cgroup_data {
	struct cgroup *cgroup; // since 5.15
};

struct sock_cgroup_data___5_10 {
	__u64 val; // the same, or numbers when its lowest bit is set
};

struct sock {
	struct sock_common __sk_common;
	struct {
		atomic_t rmem_alloc;
	} sk_backlog;
	int sk_rcvbuf;
	int sk_sndbuf;
	refcount_t sk_wmem_alloc;
	__u16 sk_type;
	__u16 sk_protocol;
	kuid_t sk_uid;
	struct socket *sk_socket;
	struct sock_cgroup_data sk_cgrp_data;
	struct sk_filter *sk_filter;
	__u32 sk_ack_backlog;
	__u32 sk_max_ack_backlog;
};

struct inode {
	unsigned long i_ino;
};

struct socket_alloc {
	struct inode vfs_inode; // behind the struct socket that sk_socket points to
};

struct nf_conn {
	struct {
		__u8 bytes[56];
	} tuplehash[2];
	struct nf_conn *master;
	struct nf_ct_ext *ext;
};

struct page {
	unsigned long flags;
};

struct skb_shared_info {
	__u8 nr_frags;
	atomic_t dataref;
	struct sk_buff *frag_list;
};

// Offsets within sk_buff that the programs themselves need. What user space
// only shows is cut out of the raw copy there, by BTF.
struct sk_buff {
	struct sk_buff *next;
	struct net_device *dev;
	struct sock *sk;
	__s64 tstamp;
	unsigned long _nfct;
	unsigned int len;
	unsigned int data_len;
	__u32 hash;
	__be16 protocol;
	__u16 transport_header;
	__u16 network_header;
	__u16 mac_header;
	__u16 queue_mapping;
	unsigned int tail;
	unsigned int end;
	unsigned char *head;
	unsigned char *data;
	__u8 cloned : 1;
	__u8 nohdr : 1;
};

#pragma clang attribute pop

// The kernels' skb_frag_t, by whatever name they have it (struct bio_vec until 6.7, struct
// skb_frag since): user space checks that it is laid out like this.
struct frag {
	__u64 page;
	__u32 len;
	__u32 offset;
};

// The registers of a kprobe's context are not relocated: their places are fixed
// by each architecture's ptrace ABI (arch/*/include/asm/ptrace.h).
#if defined(__TARGET_ARCH_x86)
struct pt_regs {
	unsigned long r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	unsigned long orig_ax, ip, cs, flags, sp, ss;
};
#define REG_ARG1(c) ((c)->di)
#define REG_ARG2(c) ((c)->si)
#define REG_ARG3(c) ((c)->dx)
#define REG_ARG4(c) ((c)->cx)
#define REG_ARG5(c) ((c)->r8)
#define REG_ARG6(c) ((c)->r9)
#define REG_SP(c) ((c)->sp)
#define REG_RET(c) ((c)->ax)
// A kprobe handler sees ip behind the int3 that it stands for, also where ftrace
// or a jump took the int3's place (arch/x86/kernel/kprobes/{core,ftrace,opt}.c).
#define REG_PROBE(c) ((c)->ip - 1)
#define RETURN_SIZE 8
#elif defined(__TARGET_ARCH_arm64)
struct pt_regs {
	unsigned long regs[31], sp, pc, pstate;
};
#define REG_ARG1(c) ((c)->regs[0])
#define REG_ARG2(c) ((c)->regs[1])
#define REG_ARG3(c) ((c)->regs[2])
#define REG_ARG4(c) ((c)->regs[3])
#define REG_ARG5(c) ((c)->regs[4])
#define REG_ARG6(c) ((c)->regs[5])
#define REG_LINK(c) ((c)->regs[30])
#define REG_SP(c) ((c)->sp)
#define REG_RET(c) ((c)->regs[0])
#define REG_PROBE(c) ((c)->pc)
#define RETURN_SIZE 0
#else
#error "no register layout for this architecture"
#endif
