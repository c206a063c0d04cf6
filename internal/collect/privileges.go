//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"

	"kernel.org/pub/linux/libs/security/libcap/cap"
)

// dropCapabilities gives up, once all is attached, what reading on does not need. What is
// kept: CAP_BPF, which kernels before 5.19 ask for at each look into a map where
// unprivileged BPF is off, and what an option goes on needing.
func (c *collector) dropCapabilities() error {
	have := cap.GetProc()
	keep := []cap.Value{cap.BPF}
	if ok, err := have.GetFlag(cap.Permitted, cap.BPF); err != nil || !ok {
		keep = []cap.Value{cap.SYS_ADMIN} // which includes it
	}
	if c.options.Rotate != 0 {
		keep = append(keep, cap.DAC_OVERRIDE) // root's next file in a user's folder
	}
	want := cap.NewSet()
	for _, v := range keep {
		if ok, err := have.GetFlag(cap.Permitted, v); err != nil || !ok {
			continue
		}
		for _, f := range []cap.Flag{cap.Permitted, cap.Effective} {
			if err := want.SetFlag(f, true, v); err != nil {
				return fmt.Errorf("dropping capabilities: %w", err)
			}
		}
	}
	if err := want.SetProc(); err != nil {
		return fmt.Errorf("dropping capabilities: %w", err)
	}
	return nil
}
