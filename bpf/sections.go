//go:build linux && (amd64 || arm64)

package bpf

import "unsafe"

// Sections: what a program can add to its events, enum section of record.h.
type Sections uint16

// The sections.
const (
	SectionSock   = Sections(SkbSectionSECTION_SOCK)
	SectionCt     = Sections(SkbSectionSECTION_CT)
	SectionNFT    = Sections(SkbSectionSECTION_NFT)
	SectionCaller = Sections(SkbSectionSECTION_CALLER)
	SectionArgs   = Sections(SkbSectionSECTION_ARGS)
	SectionStack  = Sections(SkbSectionSECTION_STACK)
	SectionOVS    = Sections(SkbSectionSECTION_OVS)
	SectionShow   = Sections(SkbSectionSECTION_SHOW)
)

const allSections = SectionSock | SectionCt | SectionNFT | SectionCaller | SectionArgs | SectionStack | SectionOVS |
	SectionShow

// Sizes are those of sections that depend on what was asked for, in bytes.
type Sizes struct {
	Stack uint32 // what a stack may have
	Show  uint32 // the values of --show, with ShowInfo; a multiple of 8
}

// Args is how many arguments of a function SectionArgs holds: those in registers.
const Args = int(SkbRecordNumberARGS)

// At returns where in an event's data each section begins, in the order of the constants above,
// and how many bytes they have together.
func (s Sections) At(sizes Sizes) (at [8]uint32, size uint32) {
	if s == 0 {
		return at, 0
	}
	for i, section := range [...]struct {
		bit  Sections
		size uint32
	}{
		{SectionSock, uint32(unsafe.Sizeof(SockInfo{}))},
		{SectionCt, uint32(unsafe.Sizeof(CtInfo{}))},
		{SectionNFT, uint32(unsafe.Sizeof(NFTInfo{}))},
		{SectionCaller, 8},
		{SectionArgs, uint32(8 * Args)},
		{SectionStack, 8 + sizes.Stack},
		{SectionOVS, uint32(unsafe.Sizeof(OVSInfo{}))},
		{SectionShow, max(sizes.Show, uint32(unsafe.Sizeof(ShowInfo{})))},
	} {
		if s&section.bit != 0 {
			at[i] = size
			size += section.size
		}
	}
	return at, size
}

// More is what lies in front of an event's packet bytes; nil where a section was not asked
// for. It aliases the record.
type More struct {
	Sock   *SockInfo
	Ct     *CtInfo
	NFT    *NFTInfo
	Caller *uint64
	Args   *[Args]uint64
	Stack  []uint64 // return addresses, the innermost first; empty: it could not be read
	OVS    *OVSInfo
	Show   []byte // ShowInfo and the values
}

// more finds the sections s in b, which has the size that s.At says.
func (s Sections) more(b []byte, at *[8]uint32) (m More) {
	if s == 0 {
		return m
	}
	if s&SectionSock != 0 {
		m.Sock = (*SockInfo)(unsafe.Pointer(&b[at[0]]))
	}
	if s&SectionCt != 0 {
		m.Ct = (*CtInfo)(unsafe.Pointer(&b[at[1]]))
	}
	if s&SectionNFT != 0 {
		m.NFT = (*NFTInfo)(unsafe.Pointer(&b[at[2]]))
	}
	if s&SectionCaller != 0 {
		m.Caller = (*uint64)(unsafe.Pointer(&b[at[3]]))
	}
	if s&SectionArgs != 0 {
		m.Args = (*[Args]uint64)(unsafe.Pointer(&b[at[4]]))
	}
	if s&SectionStack != 0 {
		stack := b[at[5]:]
		n := *(*int64)(unsafe.Pointer(&stack[0]))
		if n > 0 && n <= int64(len(stack)-8) {
			m.Stack = unsafe.Slice((*uint64)(unsafe.Pointer(&stack[8])), n/8)
		}
	}
	if s&SectionOVS != 0 {
		m.OVS = (*OVSInfo)(unsafe.Pointer(&b[at[6]]))
	}
	if s&SectionShow != 0 {
		m.Show = b[at[7]:]
	}
	return m
}
