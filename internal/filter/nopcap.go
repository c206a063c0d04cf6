//go:build linux && (amd64 || arm64) && (!cgo || nopcap)

package filter

import (
	"errors"

	"golang.org/x/net/bpf"
)

func compileClassic(linkType, string) ([]bpf.Instruction, error) {
	return nil, errors.New("this skb-collect was built without libpcap: -f and --inner-filter need it (build with cgo " +
		"and libpcap-dev)")
}
