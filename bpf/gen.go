// Package bpf holds what skb-collect loads into the kernel: the C sources, the objects
// made from them, and the layout of the records that they write.
package bpf

//go:generate go tool bpf2go -cc clang-14 -strip llvm-strip-14 -target amd64,arm64 -cflags "-nostdinc -O2 -g -Wall -Werror -Wno-unused-function -mcpu=v2" -type event -type link -type free -type sock_info -type ct_info -type nft_info -type buffer -type lost Skb skb.bpf.c
