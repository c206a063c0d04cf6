package drops

import (
	"bytes"

	"github.com/skb-tools/skb-tools/internal/kfunc"
)

// errAgain is EAGAIN: the socket of ovs-vswitchd is full. The kernel ends the packet as if it were done with it
// (ovs_dp_process_packet in net/openvswitch/datapath.c). After other errors it tells of the drop.
const errAgain = -11

// setThrown makes a drop of an event that says that Open vSwitch drops the packet, where the kernel reports no drop:
// it ends the packet as one that it is done with. setThrown reports whether the event says so.
//
// All kernels do that with a lost upcall. Kernels without drop reasons of Open vSwitch (before 6.6) also do it with
// what a flow or a meter drops. Newer ones write events of these drops.
func (f *facts) setThrown(e *earlier) bool {
	if !f.find.Has(findOVSType) && !f.find.Has(findRetValue) {
		return false
	}
	probe, _ := f.find.Str(findProbe)
	function, value := bytes.CutPrefix(probe, []byte(kfunc.Return))
	switch kind, _ := f.find.Str(findOVSType); {
	case string(kind) == "lookup":
		if no, _ := f.find.Value(findOVSNoActions).Bool(); !no {
			return false
		}
		f.thrownBy(kfunc.OVSLookupStats)
	case string(kind) == "actions":
		if what, _ := f.find.Str(findOVSAction); string(what) != "drop" {
			return false
		}
		// A kernel whose lookups tell it may tell it here again. A list that is not the first after a lookup is nested in
		// the flow's, as that of clone: the packet may have gone out before.
		if key, ok := f.identity(); ok {
			if m := e.find(key); m != nil && m.looked.up && (m.looked.noActions || m.looked.executed) {
				return false
			}
		}
		f.thrownBy(kfunc.OVSLookupStats)
	case !value:
		return false
	case string(function) == kfunc.OVSMeter:
		if yes, _ := f.find.Uint(findRetValue); yes != 1 || f.host.names["OVS_DROP_METER"] {
			return false
		}
		f.thrownBy(kfunc.OVSMeter)
	case string(function) == kfunc.OVSUpcall:
		// An upcall for an action is a copy's: it is lost, and the packet goes on.
		key, ok := f.identity()
		if n, _ := f.find.Value(findRetValue).Int(); !ok || n != errAgain {
			return false
		}
		if m := e.find(key); m == nil || !bytes.Equal(m.get(keptUFID), noFlow) {
			return false
		}
		f.thrownBy(kfunc.OVSUpcall)
	default:
		return false
	}
	return true
}

// toldByOVS says whether events of a probe are those that setThrown knows drops by, alone or with later ones.
func (h *host) toldByOVS(probe []byte) bool {
	function, value := bytes.CutPrefix(probe, []byte(kfunc.Return))
	switch string(function) {
	case kfunc.OVSLookupStats, kfunc.OVSUpcall:
		return value
	case kfunc.OVSMeter:
		return value && !h.names["OVS_DROP_METER"]
	case kfunc.OVSDoActions:
		return !value
	}
	return false
}

func (f *facts) thrownBy(function string) {
	f.location = append(f.buf, function...)
	f.buf = f.location[len(f.location):]
	f.function, f.reason = f.location, nil
}
