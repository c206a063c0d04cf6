// Package kerneltest holds the tests that need a kernel which may be traced: they run as
// root in the guests of the test bed (docs/testing.md), with network namespaces and veth
// pairs as the network and the programs under test on PATH. Build tag: kernel.
package kerneltest
