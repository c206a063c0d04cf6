// SPDX-License-Identifier: BSD-2-Clause OR GPL-2.0-only
//
// Packet bytes behind the linear part: page fragments, then the sk_buffs of frag_list with
// theirs.
#pragma once

// Pieces copied at most. 17 to 45 fragments are in one sk_buff (MAX_SKB_FRAGS), and a
// frag_list holds about one sk_buff for each segment of a GRO packet.
#define MAX_PIECES 256
const volatile bool have_loop = false; // bpf_loop may be called

// How the kernel finds the memory of a page (its page_to_virt()): where the array of struct
// page lies, where the memory that it maps, and the bits of an offset in a page. User space
// finds out; 0: not known.
const volatile __u64 vmemmap = 0;
const volatile __u64 page_offset = 0;
const volatile __u8 page_shift = 12;
// Bytes of a packet that has paged data: snaplen, made at least as large as struct walk.
const volatile __u32 paged_size = 256;
// With large ones, what is this small gets a record of its own size.
#define SMALL_PAGED 2048
// Offset of frags in struct skb_shared_info; 0: they are not laid out like struct frag.
const volatile __u32 frags_at = 48;

struct walk {
	struct skb_shared_info *shinfo; // of the sk_buff whose fragments come next
	struct sk_buff *next;           // of frag_list, after them
	__u32 nr_frags, frag;
	__u32 off;  // where in the packet the next piece begins
	__u32 want; // and where the last ends
	__u32 len;  // of the piece
	__u64 addr; // 0: not readable
};

// The memory of a fragment, 0: not readable. Its page is a struct page in system memory, or,
// with the lowest bit set, something that the CPU can't read (struct net_iov: device
// memory, include/net/netmem.h).
static __always_inline __u64 frag_address(struct frag *f)
{
	if (!vmemmap || f->page & 1 || f->page < vmemmap)
		return 0;
	return ((f->page - vmemmap) / bpf_core_type_size(struct page) << page_shift) + page_offset + f->offset;
}

static __always_inline void *frag_at(struct skb_shared_info *shinfo, __u32 n)
{
	return (void *)shinfo + frags_at + n * sizeof(struct frag);
}

static __always_inline void frag_piece(struct walk *w)
{
	struct frag f = {};

	bpf_probe_read_kernel(&f, sizeof(f), frag_at(w->shinfo, w->frag));
	w->len = f.len;
	w->addr = frag_address(&f);
	w->frag++;
}

static __always_inline struct skb_shared_info *shinfo_of(struct sk_buff *skb)
{
	unsigned char *head = NULL;
	__u32 end = 0;

	bpf_core_read(&head, sizeof(head), &skb->head);
	bpf_core_read(&end, sizeof(end), &skb->end);
	return (struct skb_shared_info *)(head + end);
}

static __always_inline void enter(struct walk *w, struct sk_buff *skb)
{
	struct skb_shared_info *shinfo = shinfo_of(skb);
	__u8 n = 0;

	bpf_core_read(&n, sizeof(n), &shinfo->nr_frags);
	w->shinfo = shinfo;
	w->nr_frags = n;
	w->frag = 0;
}

// The linear part of the next sk_buff of frag_list.
static __always_inline void list_piece(struct walk *w)
{
	struct sk_buff *skb = w->next;
	__u32 len = 0, data_len = 0;

	bpf_core_read(&len, sizeof(len), &skb->len);
	bpf_core_read(&data_len, sizeof(data_len), &skb->data_len);
	bpf_core_read(&w->addr, sizeof(w->addr), &skb->data);
	w->len = len - data_len;
	enter(w, skb);
	bpf_core_read(&w->next, sizeof(w->next), &skb->next);
}

struct copy {
	struct event *e;
	struct walk *w;
};

// Finds the next piece; 0: there is none. Like what follows it is not inlined, and keeps what
// it finds in memory whose values the verifier does not follow: so that without bpf_loop each
// round of the loop begins alike, whichever way the last one went.
static __noinline int next_piece(struct walk *w)
{
	if (w->off >= w->want)
		return 0;
	w->len = 0;
	if (w->frag >= w->nr_frags) {
		if (!w->next)
			return 0;
		list_piece(w);
	}
	// In frag_list often only the headers were linear, and are no part of the packet.
	if (!w->len && w->frag < w->nr_frags)
		frag_piece(w);
	return 1;
}

// Notes that n bytes at off are missing: as a hole of its own, or, next to the last one or
// when there are too many, in that.
static __noinline int add_hole(struct event *e, __u32 off, __u32 n)
{
	__u32 holes = e->nr_holes, last = (holes - 1) & (HOLES - 1), next = holes & (HOLES - 1);

	if (holes && (holes == HOLES || e->holes[last].off + e->holes[last].len == off)) {
		e->holes[last].len = off + n - e->holes[last].off;
	} else {
		e->holes[next].off = off;
		e->holes[next].len = n;
		e->nr_holes = holes + 1;
	}
	return 0;
}

// Copies one piece; 1: there is no more to copy. The record has 2 * size bytes for the
// packet.
static __always_inline long copy_piece(struct copy *c, const __u32 size)
{
	struct event *e = c->e;
	struct walk *w = c->w;
	__u64 off = w->off, n;

	if (!next_piece(w))
		return 1;
	n = at_most(w->len, w->want - off);
	w->off = off + n;
	off = at_most(off, size);
	n = at_most(n, size);
	// What can't be read becomes zeros, as does what has no address.
	if (n && bpf_probe_read_kernel(e->data + more_size + off, n, (void *)w->addr))
		add_hole(e, off, n);
	return 0;
}

static __noinline long copy_small(__u32 i, struct copy *c)
{
	return copy_piece(c, SMALL_PAGED);
}

static __noinline long copy_large(__u32 i, struct copy *c)
{
	return copy_piece(c, paged_size);
}

// Without bpf_loop (5.17) there is code for each piece: in a loop the verifier would forget,
// from round to round, what it has looked at. Even so it walks some 3,000 steps for each, of
// the million that it does: thus 64 pieces, and not more than one for 64 bytes.
#define PIECE(i)                            \
	if ((i) > size / 64 || copy(i, &c)) \
		goto end;
#define PIECES(i) PIECE(i) PIECE(i + 1) PIECE(i + 2) PIECE(i + 3) PIECE(i + 4) PIECE(i + 5) PIECE(i + 6) PIECE(i + 7)

// Copies what lies between linear and want to e->data, for which the record has 2 * size
// bytes: the verifier can't see that offset plus length stay below want, only that each
// does. The walk is kept in the second half, whose values the verifier does not follow: on
// the stack each would make it look at the loop again.
static __always_inline void copy_paged(struct event *e, struct look *l, const __u32 size,
				       long (*copy)(__u32, struct copy *))
{
	struct copy c = {.e = e, .w = (struct walk *)(e->data + more_size + size)};
	struct walk *w = c.w;
	struct skb_shared_info *shinfo;

	if (!frags_at) {
		__u64 off = at_most(l->linear, size), n = at_most(l->want - l->linear, size);

		// What lies where nothing can be read becomes zeros.
		bpf_probe_read_kernel(e->data + more_size + off, n, NULL);
		e->caplen = off + n;
		e->nr_holes = 0;
		add_hole(e, off, n);
		return;
	}
	w->off = l->linear;
	w->want = l->want;
	w->next = NULL;
	enter(w, l->skb);
	shinfo = w->shinfo;
	bpf_core_read(&w->next, sizeof(w->next), &shinfo->frag_list);
	e->nr_holes = 0;
	if (have_loop) {
		bpf_loop(MAX_PIECES, copy, &c, 0);
	} else {
		PIECES(0) PIECES(8) PIECES(16) PIECES(24) PIECES(32) PIECES(40) PIECES(48) PIECES(56)
	}
end:
	e->caplen = w->off;
}

static __noinline void copy_paged_small(struct event *e, struct look *l)
{
	copy_paged(e, l, SMALL_PAGED, copy_small);
}

static __noinline void copy_paged_large(struct event *e, struct look *l)
{
	copy_paged(e, l, paged_size, copy_large);
}
