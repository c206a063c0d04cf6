package pcapng

import (
	"bufio"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"
	"math/bits"
)

// Limits of what is read: a block, in bytes, as Wireshark has it, and the interfaces of a
// section.
const (
	maxBlock      = 16 << 20
	maxInterfaces = 1 << 14
	maxText       = 64 << 10
)

// A Captured is a packet of a file. Its slices are valid until the next.
type Captured struct {
	Section   *Section
	Interface *Interface
	Time      uint64 // Unix time, ns
	Data      []byte
	Original  uint32 // bytes, captured or not
	Options
}

// Options are those of a packet that we know.
type Options struct {
	Flags     uint32
	Queue     uint32
	DropCount uint64
	ID        uint64
	HasFlags  bool
	HasQueue  bool
	HasID     bool
	Comments  [][]byte
}

// A Reader reads the packets of a pcapng file.
//
// It exists beside gopacket's NgReader because that one keeps the last comment only of a
// section and of an interface, reads the options of packets of big-endian files in the
// wrong byte order, and allocates for each comment.
type Reader struct {
	r       *bufio.Reader
	order   binary.ByteOrder
	offset  int64 // of the next block
	buf     []byte
	section *Section
	ifaces  []*reading

	// Dropped, when set, is called where the file says how many packets of an interface were
	// dropped up to there.
	Dropped func(*Interface, uint64)
	// Noted, when set, is called for the comments on what an interface has counted.
	Noted func(comment string)
}

// A reading is an interface with what its times are in.
type reading struct {
	Interface
	snapLen uint32
	resol   uint8
	offset  int64 // s
}

// A SyntaxError is a file that is no pcapng, at a byte offset from its start.
type SyntaxError struct {
	Offset int64
	Err    error
}

func (e *SyntaxError) Error() string { return fmt.Sprintf("at byte %d: %v", e.Offset, e.Err) }

// Unwrap returns what is wrong there.
func (e *SyntaxError) Unwrap() error { return e.Err }

// NewReader returns a Reader of r.
func NewReader(r *bufio.Reader) *Reader { return &Reader{r: r} }

// Section returns the section that was read last, nil before the first.
func (r *Reader) Section() *Section { return r.section }

// Next reads the next packet. Its error is io.EOF at the end of the file, and a
// *SyntaxError where that is damaged.
func (r *Reader) Next(p *Captured) error {
	for {
		kind, body, err := r.block()
		if err != nil {
			return err
		}
		found := false
		at := r.offset - int64(len(body)) - 12
		switch {
		case kind == blockSection:
			err = r.readSection(body)
		case kind == blockInterface:
			err = r.readInterface(body)
		case kind == blockStats:
			r.statistics(body)
		case kind == blockEnhanced:
			found, err = true, r.enhanced(body, p)
		case kind == blockSimple:
			found, err = true, r.simple(body, p)
		case kind == blockOldPacket:
			found, err = true, r.oldPacket(body, p)
		}
		if err != nil {
			return &SyntaxError{at, err}
		}
		if found {
			return nil
		}
	}
}

// block reads a block and returns what is between its lengths.
func (r *Reader) block() (kind uint32, body []byte, err error) {
	head, err := r.r.Peek(12)
	if err == io.EOF && len(head) == 0 {
		return 0, nil, io.EOF
	}
	if err != nil {
		return 0, nil, r.damaged(err)
	}
	kind = binary.LittleEndian.Uint32(head)
	if kind == blockSection {
		switch uint32(byteOrderMagic) {
		case binary.LittleEndian.Uint32(head[8:]):
			r.order = binary.LittleEndian
		case binary.BigEndian.Uint32(head[8:]):
			r.order = binary.BigEndian
		default:
			return 0, nil, &SyntaxError{r.offset, errors.New("a section without its byte order")}
		}
	} else if r.order == nil {
		return 0, nil, &SyntaxError{r.offset, errors.New("not a pcapng file")}
	}
	kind = r.order.Uint32(head)
	n := r.order.Uint32(head[4:])
	if n < 12 || n&3 != 0 || n > maxBlock {
		return 0, nil, &SyntaxError{r.offset, fmt.Errorf("a block of %d bytes", n)}
	}
	if int(n) > cap(r.buf) {
		r.buf = make([]byte, max(n, 64<<10))
	}
	b := r.buf[:n]
	if _, err := io.ReadFull(r.r, b); err != nil {
		return 0, nil, r.damaged(err)
	}
	if again := r.order.Uint32(b[n-4:]); again != n {
		return 0, nil, &SyntaxError{r.offset, fmt.Errorf("a block of %d bytes that ends as one of %d", n, again)}
	}
	r.offset += int64(n)
	return kind, b[8 : n-4], nil
}

// damaged tells a file that ends too early from one that cannot be read.
func (r *Reader) damaged(err error) error {
	if err == io.EOF || err == io.ErrUnexpectedEOF {
		return &SyntaxError{r.offset, errors.New("the file is cut off in a block")}
	}
	return err
}

var errShort = errors.New("a block that is too short for what it is")

func (r *Reader) readSection(b []byte) error {
	if len(b) < 16 {
		return errShort
	}
	if major := r.order.Uint16(b[4:]); major != 1 {
		return fmt.Errorf("pcapng version %d, which is not known", major)
	}
	r.section, r.ifaces = &Section{}, nil
	s := r.section
	left := maxText
	r.options(b[16:], func(code uint16, v []byte) {
		if left -= len(v); left < 0 {
			return
		}
		switch code {
		case OptComment:
			s.Comments = append(s.Comments, string(v))
		case 2:
			s.Hardware = string(v)
		case 3:
			s.OS = string(v)
		case 4:
			s.Application = string(v)
		}
	})
	return nil
}

func (r *Reader) readInterface(b []byte) error {
	if len(b) < 8 {
		return errShort
	}
	if len(r.ifaces) >= maxInterfaces {
		return errors.New("too many interfaces")
	}
	i := &reading{resol: 6, snapLen: r.order.Uint32(b[4:])}
	i.LinkType = r.order.Uint16(b)
	left := maxText
	r.options(b[8:], func(code uint16, v []byte) {
		if left -= len(v); left < 0 {
			return
		}
		switch {
		case code == OptComment:
			i.Comments = append(i.Comments, string(v))
		case code == optIfName:
			i.Name = string(v)
		case code == optIfDescription:
			i.Description = string(v)
		case code == optIfOS:
			i.OS = string(v)
		case code == optIfSpeed && len(v) >= 8:
			i.Speed = r.order.Uint64(v)
		case code == optIfHardware:
			i.Hardware = string(v)
		case code == optIfTsresol && len(v) >= 1:
			i.resol = v[0]
		case code == optIfTsoffset && len(v) >= 8:
			i.offset = int64(r.order.Uint64(v))
		}
	})
	if exponent := i.resol &^ 0x80; i.resol < 0x80 && exponent > 19 || exponent > 63 {
		return fmt.Errorf("an interface with times in units too small: if_tsresol %#x", i.resol)
	}
	r.ifaces = append(r.ifaces, i)
	return nil
}

// Interfaces returns those of the section that were read so far.
func (r *Reader) Interfaces() (all []*Interface) {
	for _, i := range r.ifaces {
		all = append(all, &i.Interface)
	}
	return all
}

// statistics reads what an interface dropped. No packet is missed where the block is bad.
func (r *Reader) statistics(b []byte) {
	if len(b) < 12 {
		return
	}
	i, err := r.iface(r.order.Uint32(b))
	if err != nil {
		return
	}
	most := uint64(0)
	r.options(b[12:], func(code uint16, v []byte) {
		if (code == optIfDrop || code == optOSDrop) && len(v) >= 8 {
			most = max(most, r.order.Uint64(v))
		}
		if code == OptComment && r.Noted != nil {
			r.Noted(string(v))
		}
	})
	if most > 0 && r.Dropped != nil {
		r.Dropped(&i.Interface, most)
	}
}

// options calls f for the options that b begins with.
func (r *Reader) options(b []byte, f func(code uint16, value []byte)) {
	for len(b) >= 4 {
		code, n := r.order.Uint16(b), int(r.order.Uint16(b[2:]))
		if code == 0 || n > len(b)-4 {
			return
		}
		f(code, b[4:4+n])
		b = b[min(4+(n+3)&^3, len(b)):]
	}
}

func (r *Reader) enhanced(b []byte, p *Captured) error {
	if len(b) < 20 {
		return errShort
	}
	i, err := r.iface(r.order.Uint32(b))
	if err != nil {
		return err
	}
	return r.packet(p, i, uint64(r.order.Uint32(b[4:]))<<32|uint64(r.order.Uint32(b[8:])),
		r.order.Uint32(b[12:]), r.order.Uint32(b[16:]), b[20:])
}

func (r *Reader) oldPacket(b []byte, p *Captured) error {
	if len(b) < 20 {
		return errShort
	}
	i, err := r.iface(uint32(r.order.Uint16(b)))
	if err != nil {
		return err
	}
	return r.packet(p, i, uint64(r.order.Uint32(b[4:]))<<32|uint64(r.order.Uint32(b[8:])),
		r.order.Uint32(b[12:]), r.order.Uint32(b[16:]), b[20:])
}

// simple reads a simple packet block, which has no time.
func (r *Reader) simple(b []byte, p *Captured) error {
	if len(b) < 4 {
		return errShort
	}
	i, err := r.iface(0)
	if err != nil {
		return err
	}
	original := r.order.Uint32(b)
	captured := min(original, uint32(len(b)-4))
	if i.snapLen != 0 {
		captured = min(captured, i.snapLen)
	}
	if err := r.packet(p, i, 0, captured, original, b[4:]); err != nil {
		return err
	}
	p.Time, p.Options = 0, Options{Comments: p.Comments[:0]}
	return nil
}

func (r *Reader) iface(n uint32) (*reading, error) {
	if int64(n) >= int64(len(r.ifaces)) {
		return nil, fmt.Errorf("a packet of interface %d, of which nothing was said", n)
	}
	return r.ifaces[n], nil
}

func (r *Reader) packet(p *Captured, i *reading, ts uint64, captured, original uint32, b []byte) error {
	if int64(captured) > int64(len(b)) {
		return fmt.Errorf("a packet of %d bytes in a block that has %d", captured, len(b))
	}
	p.Section, p.Interface = r.section, &i.Interface
	p.Time, p.Data, p.Original = i.nanoseconds(ts), b[:captured], original
	p.Options = Options{Comments: p.Comments[:0]}
	b = b[min((int64(captured)+3)&^3, int64(len(b))):]
	r.options(b, func(code uint16, v []byte) {
		switch {
		case code == OptComment:
			p.Comments = append(p.Comments, v)
		case code == optFlags && len(v) >= 4:
			p.Flags, p.HasFlags = r.order.Uint32(v), true
		case code == optQueue && len(v) >= 4:
			p.Queue, p.HasQueue = r.order.Uint32(v), true
		case code == optDropCount && len(v) >= 8:
			p.DropCount = r.order.Uint64(v)
		case code == optPacketID && len(v) >= 8:
			p.ID, p.HasID = r.order.Uint64(v), true
		}
	})
	return nil
}

var powersOf10 = func() (p [20]uint64) {
	p[0] = 1
	for i := 1; i < len(p); i++ {
		p[i] = 10 * p[i-1]
	}
	return p
}()

// nanoseconds turns a time of the interface into Unix time; one beyond what 64 bits hold
// is the last that they do.
func (i *reading) nanoseconds(ts uint64) uint64 {
	const second = 1e9
	unit := uint64(1)
	if i.resol&0x80 != 0 {
		unit <<= i.resol & 0x7f
	} else {
		unit = powersOf10[i.resol]
	}
	if unit != second {
		hi, lo := bits.Mul64(ts, second)
		if hi >= unit {
			return math.MaxUint64
		}
		ts, _ = bits.Div64(hi, lo, unit)
	}
	return ts + uint64(i.offset)*second
}
