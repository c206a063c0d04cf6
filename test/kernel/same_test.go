//go:build kernel

package kerneltest

// noDifference are the tests that meet no difference between kernels, and why.
var noDifference = map[string]string{}

// sameOnAllKernels says, in the line above a test, that it meets no difference between kernels, and why:
// `make test` runs it on two of them, other two for each commit, and `make test-all` on each.
func sameOnAllKernels(test, why string) bool {
	noDifference[test] = why
	return true
}
