// Package text is the one place that knows the text form of a stream: one
// line per record, made for eyes and for grep. A packet is put as tcpdump -nnS
// puts it (absolute sequence numbers, since every line stands for itself),
// with the bytes that are there and a mark where they end.
//
// Nothing that came from a packet, a process name or a stream reaches the
// writer raw: what is not printable is escaped.
package text
