package format

import (
	"fmt"

	"github.com/skb-tools/skb-tools/format/wire"
)

// Version is the version of the stream that this package writes.
const Version = 1

func errType(r Raw, want RecordType) error {
	return fmt.Errorf("record of type %q where one of type %q was expected", r.Type(), want)
}

func cpu(r Raw) uint32 {
	u, _ := r.Get("cpu").Uint()
	return uint32(u)
}

// Cause returns why something was lost or ended: `cause` of a loss or an end, which older
// streams call `why`.
func (r Raw) Cause() wire.Value {
	if v := r.Get("cause"); v != nil {
		return v
	}
	return r.Get("why")
}
