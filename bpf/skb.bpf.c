//go:build ignore

// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Everything that skb-collect loads into the kernel.
#include "kernel.h"

#include "libbpf/bpf_helpers.h"
#include "libbpf/bpf_core_read.h"

#include "record.h"
#include "maps.h"
#include "skb.h"
#include "identity.h"
#include "filter.h"
#include "paged.h"
#include "sections.h"
#include "event.h"
#include "probes.h"
#include "lifetime.h"
#include "links.h"
#include "peek.h"
#include "symbols.h"

char _license[] SEC("license") = "Dual BSD/GPL";

// These keep the record types in the object's BTF, from which the Go types are made.
const struct event *event_type __attribute__((unused));
const struct link *link_type __attribute__((unused));
const struct free *free_type __attribute__((unused));
const struct sock_info *sock_type __attribute__((unused));
const struct ct_info *ct_type __attribute__((unused));
const struct nft_info *nft_type __attribute__((unused));
