//go:build linux && (amd64 || arm64)

// Package bpf holds what skb-collect loads into the kernel: the C sources, the objects
// made from them, and the layout of the records that they write.
package bpf

//go:generate ./generate
