//go:build linux

package main

import (
	"hash/fnv"
	"slices"
)

// twoOf returns the two of the kernels that a test runs on which meets no difference between them.
// Each commit chooses for each test anew, and the same commit always the same two. No commit, or no
// more than two kernels: all of them.
func twoOf(commit, test string, kernels []string) []string {
	if commit == "" || len(kernels) <= 2 {
		return kernels
	}
	h := fnv.New64a()
	h.Write([]byte(commit + " " + test))
	n := uint64(len(kernels))
	// The low bits of the hash of words that differ in their last letters only are no good choice.
	x := h.Sum64()
	x ^= x >> 32
	first := x % n
	second := (first + 1 + x/n%(n-1)) % n
	return slices.DeleteFunc(slices.Clone(kernels), func(k string) bool {
		return k != kernels[first] && k != kernels[second]
	})
}
