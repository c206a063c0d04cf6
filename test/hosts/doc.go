// Package hosts boots guests of different kernels on one network and tests what skb-track makes of their streams
// together. Build tag: hosts. docs/testing.md tells how it works.
package hosts
