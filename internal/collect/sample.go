//go:build linux && (amd64 || arm64)

package collect

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/skb-tools/skb-tools/internal/pipe"
)

// mostSample bounds --sample: what is chosen by 32 bits is still one of so many to a ten-thousandth.
const mostSample = 1 << 18

// byFlow is the value of --sample-by.
const byFlow = "flow"

// A sampleRate is the N of --sample 1/N; 0: all packets are reported.
type sampleRate uint32

// UnmarshalText reads it.
func (n *sampleRate) UnmarshalText(text []byte) error {
	number, one := strings.CutPrefix(string(text), "1/")
	v, err := strconv.ParseUint(number, 10, 32)
	if !one || err != nil || v < 1 || v > mostSample {
		return fmt.Errorf("%s: give 1/N, with N from 1 to %d (1/100)", text, mostSample)
	}
	*n = sampleRate(v)
	return nil
}

// checkSample refuses the options that --sample can't be used with.
func (o *Options) checkSample() error {
	switch {
	case o.Sample == 0 && o.SampleBy == byFlow:
		return pipe.Usagef("--sample-by flow needs --sample 1/N")
	case o.Sample == 0:
		return nil
	case o.First > 0:
		return pipe.Usagef("--sample can't be had with --packets, which chooses packets too")
	case o.NoFollow && o.SampleBy != byFlow:
		return pipe.Usagef("--sample can't be had with --no-follow: which packet was chosen is known by following " +
			"it; --sample-by flow can do without")
	}
	return nil
}

// samples tells whether packets are left out.
func (o *Options) samples() bool { return o.Sample > 1 }

// sampleWords are what the last line on stderr says of it.
func (o *Options) sampleWords() string {
	if !o.samples() {
		return ""
	}
	return fmt.Sprintf(" of one %s in %d", o.SampleBy, o.Sample)
}
