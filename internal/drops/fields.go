package drops

import "github.com/skb-tools/skb-tools/internal/text"

// value gives a field its value.
func (f *facts) value(fd *field) value {
	switch fd.id {
	case fieldPath:
		return f.path(fd)
	case fieldRet:
		if f.earlier == nil {
			return value{}
		}
		v, ok := f.earlier.ret(fd.arg)
		return num(int64(v), ok)
	case fieldReset:
		return num(1, f.earlier != nil && f.earlier.reset)
	case fieldReason, fieldFunction, fieldLocation, fieldWhere, fieldCause, fieldSeverity, fieldConfidence:
		return f.told(fd.id)
	case fieldFlow:
		f.headers()
		return f.made(text.Flow(f.buf, f.frame.data, string(f.frame.at), f.frame.linkType, f.frame.protocol))
	case fieldNetns:
		return f.netns()
	case fieldOpenFlow:
		return f.openFlow()
	case fieldHook:
		return f.str(f.hook())
	case fieldRoomy:
		return f.roomy()
	case fieldMany:
		return f.toMany()
	case fieldDevSysctl, fieldRPFilter, fieldForwarding, fieldForwardingSysctl, fieldIPv6Disabled, fieldQdisc, fieldClsact,
		fieldNoqueue, fieldHost:
		return f.settings(fd.id)
	}
	if fd.id > fieldHost {
		return f.evidence(fd)
	}
	return f.header(fd.id, f.headers())
}

// told gives what the kernel said of the drop, and what is made of that.
func (f *facts) told(id fieldID) value {
	switch id {
	case fieldReason:
		return fixed(f.verdict.name)
	case fieldFunction:
		return fixed(f.function)
	case fieldLocation:
		return fixed(f.location)
	case fieldWhere:
		return f.made(f.appendWhere(f.buf))
	case fieldCause:
		return fixed(f.verdict.cause)
	case fieldSeverity:
		return f.str(f.verdict.severity.String())
	case fieldConfidence:
		return f.str(f.verdict.confidence())
	}
	return value{}
}

// settings gives how the host is set up that the packet was on.
func (f *facts) settings(id fieldID) value {
	switch id {
	case fieldDevSysctl:
		return f.devSysctl()
	case fieldRPFilter:
		return f.rpFilter()
	case fieldForwarding, fieldForwardingSysctl:
		name, v := f.forwarding()
		if id == fieldForwarding || v.kind() == absent {
			return v
		}
		return f.str(name)
	case fieldIPv6Disabled:
		if v := f.sysctl("net.ipv6.conf.all.disable_ipv6"); v.n == 1 {
			return v
		}
		return f.devConf("net.ipv6.conf.", ".disable_ipv6")
	case fieldQdisc:
		return f.qdisc()
	case fieldClsact:
		return f.clsact()
	case fieldNoqueue:
		return f.noqueue()
	case fieldHost:
		return f.str(f.host.name)
	}
	return value{}
}

// roomy says that a socket's receive buffer was not half full: then it was not what refused
// the packet. Where the kernel gave its reason it knows better than what was read later.
func (f *facts) roomy() value {
	used, ok := f.find.Uint(findSockRmem)
	size, ok2 := f.find.Uint(findSockRcvbuf)
	if !ok || !ok2 || used > size/2 || f.hasReason() {
		return value{}
	}
	return num(1, true)
}
