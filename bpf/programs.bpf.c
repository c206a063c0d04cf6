//go:build ignore

// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// What skb-collect loads where BPF programs are probes. It is an object of its own because reading an object takes
// time at each start.
#define PROBES_PROGRAMS
#include "skb.bpf.c"
