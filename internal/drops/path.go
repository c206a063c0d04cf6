package drops

import (
	"math"
	"strconv"

	"github.com/skb-tools/skb-tools/format/wire"
)

// path reads a value of the record. What nftables and connection tracking said is mostly
// in an earlier event of the same packet.
func (f *facts) path(fd *field) value {
	switch section := fd.path[0]; {
	case section == "nft" && !f.find.Has(findNft):
		return f.before(keptNFT, fd.path[1:])
	case section == "ct" && !f.find.Has(findCt):
		return f.before(keptCT, fd.path[1:])
	case section == "bpf" && !f.find.Has(findBPF):
		return f.before(keptBPF, fd.path[1:])
	case fd.find < 0:
		return f.valueOf(f.raw.Get(fd.path...))
	case !f.find.Has(fd.find):
		return value{}
	}
	if n, ok := f.find.Uint(fd.find); ok && n <= math.MaxInt64 {
		return num(int64(n), true)
	}
	if s, ok := f.find.Str(fd.find); ok && len(s) > 0 {
		return value{s: s}
	}
	return f.valueOf(f.find.Value(fd.find))
}

func (f *facts) before(s kept, path []string) value {
	if f.earlier == nil {
		return value{}
	}
	return f.valueOf(wire.Value(f.earlier.get(s)).Get(path...))
}

func (f *facts) valueOf(v wire.Value) value {
	if v == nil {
		return value{}
	}
	if n, ok := v.Int(); ok {
		return num(n, true)
	}
	if n, ok := v.Uint(); ok {
		return f.made(strconv.AppendUint(f.buf, n, 10))
	}
	if s, ok := v.Str(); ok && len(s) > 0 {
		return value{s: s}
	}
	if b, ok := v.Bool(); ok {
		return f.made(strconv.AppendBool(f.buf, b))
	}
	return value{}
}
