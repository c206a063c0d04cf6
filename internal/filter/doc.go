//go:build linux && (amd64 || arm64)

// Package filter turns what a user asks for (a pcap-filter(7) expression, an expression
// over kernel fields) into eBPF instructions, and puts them in the place of the functions
// that bpf/filter.h keeps free for them.
package filter
