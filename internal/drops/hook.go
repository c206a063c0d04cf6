package drops

import "github.com/skb-tools/skb-tools/internal/kfunc"

// hook is the netfilter hook that dropped the packet, by who called it; "": not known.
func (f *facts) hook() string {
	for i, frame := range f.frames {
		if !kfunc.Lookup(frame).Is(kfunc.RunsHook) {
			continue
		}
		if i+1 < len(f.frames) {
			if caller := kfunc.Lookup(f.frames[i+1]); caller != nil && caller.Hook != "" {
				return caller.Hook
			}
		}
	}
	if f.earlier != nil {
		if caller := kfunc.Lookup(kfunc.Function(f.earlier.get(keptHook))); caller != nil && caller.Hook != "" {
			return caller.Hook
		}
	}
	// A packet that is sent has no device until its route is used (skb->dev is set in
	// ip_output and ip6_output); one that is forwarded gets another than it came in on.
	switch dev, ok := f.find.Uint(findDevIfindex); {
	case f.headers().version == 0 || !f.find.Has(findNetns): // nothing is known of the device then
		return ""
	case !ok:
		return "output"
	default:
		if rx, _ := f.find.Uint(findDevRxIfindex); rx != dev {
			return "postrouting"
		}
	}
	return ""
}
