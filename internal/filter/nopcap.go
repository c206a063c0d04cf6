//go:build !cgo || nopcap

package filter

import (
	"errors"

	"golang.org/x/net/bpf"
)

func compileClassic(linkType, string) ([]bpf.Instruction, error) {
	return nil, errors.New("this skb-collect was built without libpcap: -f is not available (build with cgo and libpcap-dev)")
}
