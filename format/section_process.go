package format

import "github.com/skb-tools/skb-tools/format/wire"

// Process is the section `process`: the task that the cpu was running, which need not be
// the packet's.
type Process struct {
	PID  uint32 // of the thread
	TGID uint32 // of the process
	Comm string // "" makes the section absent
}

var processSection = Section{"process", []Key{
	{Name: "pid", Form: FormUint, What: "of the thread"},
	{Name: "tgid", Form: FormUint, What: "of the process: what `ps` shows as PID"},
	{Name: "comm", Form: FormStr, What: "name of the thread, at most 15 bytes"},
}}

// Present reports whether the section is.
func (p *Process) Present() bool { return p.Comm != "" }

func (p *Process) reset() { *p = Process{Comm: ""} }

func (p *Process) append(dst []byte) []byte {
	dst = wire.AppendUint(append(dst, "\x83\xa3pid"...), uint64(p.PID))
	dst = wire.AppendUint(append(dst, "\xa4tgid"...), uint64(p.TGID))
	return wire.AppendStr(append(dst, "\xa4comm"...), p.Comm)
}

func (p *Process) decode(key []byte, v wire.Value) {
	u, _ := v.Uint()
	switch string(key) {
	case "pid":
		p.PID = uint32(u)
	case "tgid":
		p.TGID = uint32(u)
	case "comm":
		setString(&p.Comm, v)
	}
}
