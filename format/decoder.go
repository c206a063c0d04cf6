package format

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"

	"github.com/skb-tools/skb-tools/format/wire"
)

// MaxFrame is the largest record, in bytes. Its length's first byte is always 0, which
// tells a stream from JSON.
const MaxFrame = wire.MaxSize

// A SyntaxError is input that is no stream, at a byte offset from its start.
type SyntaxError = wire.SyntaxError

// A Decoder reads records, from a stream or from JSON lines; the first byte tells which.
type Decoder struct {
	// OnIdle, when set, is called before every read from the input that may have to
	// wait: no whole record is left. Filters hand on what they have there.
	OnIdle func() error
	// Valid, when set, is asked whether a record is good instead of the function of that
	// name: by a filter that walks through all records anyway, as with a Finder.
	Valid func(Raw) error

	r       io.Reader
	buf     []byte
	at, end int   // unread bytes are buf[at:end]
	offset  int64 // of buf[at] in the input
	err     error // of the input, once it had one
	decided bool
	json    bool
	scratch []byte
}

// readSize is how much room a read is given, in bytes: the size of a large pipe buffer.
const readSize = 256 << 10

// NewDecoder returns a Decoder that reads r.
func NewDecoder(r io.Reader) *Decoder { return &Decoder{r: r} }

// JSON reports whether the input is JSON lines. It is known after the first Next.
func (d *Decoder) JSON() bool { return d.json }

// Offset returns how many bytes of the input the records returned so far took.
func (d *Decoder) Offset() int64 { return d.offset }

// Next returns the next record, valid until the next call; io.EOF at the end of the
// input; a *SyntaxError where it is damaged, after everything before has been returned.
func (d *Decoder) Next() (Raw, error) {
	if !d.decided {
		if err := d.decide(); err != nil {
			return nil, err
		}
	}
	if d.json {
		return d.nextLine()
	}
	if d.end-d.at < 4 {
		if err := d.fill(4); err != nil {
			if err == io.ErrUnexpectedEOF {
				return nil, d.syntax("the stream is cut off within a frame's length")
			}
			return nil, err
		}
	}
	length := binary.BigEndian.Uint32(d.buf[d.at:])
	if length > MaxFrame {
		for _, magic := range packed {
			if bytes.HasPrefix(d.buf[d.at:d.end], []byte(magic)) {
				return nil, d.syntax("a compressed file begins here, behind one that is not: name each, instead of joining them")
			}
		}
		return nil, d.syntax("frame of %d bytes is over the limit of %d: this is no stream, or a damaged one", length,
			MaxFrame)
	}
	n := int(length)
	if d.end-d.at < 4+n {
		if err := d.fill(4 + n); err != nil {
			if err == io.ErrUnexpectedEOF {
				return nil, d.syntax("the stream is cut off: %d of a frame's %d bytes are there", d.end-d.at-4, n)
			}
			return nil, err
		}
	}
	r := Raw(d.buf[d.at+4 : d.at+4+n])
	valid := d.Valid
	if valid == nil {
		valid = Valid
	}
	if err := valid(r); err != nil {
		return nil, d.within(4, err)
	}
	d.advance(4 + n)
	return r, nil
}

// captures are what captures begin with: pcapng, and pcap in either byte order, with times
// in micro- or nanoseconds.
var captures = [...]string{"\n\r\r\n", "\xd4\xc3\xb2\xa1", "\xa1\xb2\xc3\xd4", "\x4d\x3c\xb2\xa1", "\xa1\xb2\x3c\x4d"}

// packed are what compressed files begin with: gzip, zstd, xz and lz4.
var packed = [...]string{"\x1f\x8b\x08", "\x28\xb5\x2f\xfd", "\xfd7zXZ", "\x04\x22\x4d\x18"}

// bom is the byte order mark in UTF-8, which editors and Windows put in front of JSON.
var bom = []byte("\xef\xbb\xbf")

func (d *Decoder) decide() error {
	blank := ""
	for {
		if err := d.fill(1); err != nil {
			return err
		}
		if d.buf[d.at] == bom[0] && blank == "" {
			if err := d.fill(len(bom)); err != nil && err != io.ErrUnexpectedEOF {
				return err
			}
			if bytes.HasPrefix(d.buf[d.at:d.end], bom) {
				d.advance(len(bom))
				continue
			}
		}
		switch d.buf[d.at] {
		case ' ', '\t', '\r', '\n':
			if len(blank) < 8 {
				blank += string(d.buf[d.at])
			}
			d.advance(1)
			continue
		case '{':
			d.json = true
		case 0:
		case '[':
			return d.syntax("a JSON array and no stream: jq -c '.[]' makes a line of each record in it")
		case 0x1b:
			return d.syntax("coloured text and no stream: jq -M writes JSON without colours")
		default:
			for _, magic := range captures {
				if blank == magic || bytes.HasPrefix(d.buf[d.at:d.end], []byte(magic)) {
					return d.syntax("this is a capture and no stream: skb-pcap --read makes one of it")
				}
			}
			return d.syntax("neither a stream nor JSON lines: it begins with 0x%02x", d.buf[d.at])
		}
		d.decided = true
		return nil
	}
}

func (d *Decoder) syntax(format string, args ...any) error {
	return &SyntaxError{Offset: d.offset, Err: fmt.Errorf(format, args...)}
}

// within makes err, of the record that begins n bytes ahead, an error of the input.
func (d *Decoder) within(n int, err error) error {
	e := SyntaxError{Offset: d.offset + int64(n), Err: err}
	var at *SyntaxError
	if errors.As(err, &at) {
		e.Offset, e.Err = e.Offset+at.Offset, at.Err
	}
	return &e
}

func (d *Decoder) advance(n int) {
	d.at += n
	d.offset += int64(n)
}

// fill reads until n bytes are unread. io.EOF when there are none at all,
// io.ErrUnexpectedEOF when there are some but not n.
func (d *Decoder) fill(n int) error {
	empty := 0 // reads in a row
	for d.end-d.at < n {
		if d.err != nil {
			if d.err == io.EOF && d.end > d.at {
				return io.ErrUnexpectedEOF
			}
			return d.err
		}
		if d.OnIdle != nil {
			if err := d.OnIdle(); err != nil {
				return err
			}
		}
		d.room()
		m, err := d.r.Read(d.buf[d.end:])
		if empty++; m > 0 {
			empty = 0
		} else if err == nil && empty == 100 {
			err = io.ErrNoProgress
		}
		d.end += m
		d.err = err
	}
	return nil
}

// room makes room for a read behind the unread bytes. It grows by what has arrived, never
// by what a length claims, and no further than the longest line.
func (d *Decoder) room() {
	if d.at == d.end {
		d.at, d.end = 0, 0
	}
	if len(d.buf)-d.end >= readSize/4 {
		return
	}
	unread := d.end - d.at
	if len(d.buf)-unread < readSize/2 {
		buf := make([]byte, max(readSize, min(2*len(d.buf), maxLine+readSize)))
		copy(buf, d.buf[d.at:d.end])
		d.buf = buf
	} else {
		copy(d.buf, d.buf[d.at:d.end])
	}
	d.at, d.end = 0, unread
}

// maxLine is the longest JSON line, in bytes: packet bytes take 4/3 of their size in
// base64, names are few.
const maxLine = 3 * (MaxFrame + 1) / 2

// nextLine reads the next record of JSON.
func (d *Decoder) nextLine() (Raw, error) {
	for {
		n, whole, err := d.lines()
		if err != nil {
			return nil, err
		}
		line, front := d.buf[d.at:d.at+n], 0
		if bytes.HasPrefix(line, bom) { // where files were joined
			front = len(bom)
		}
		if len(bytes.TrimLeft(line[front:], " \t\r")) == 0 {
			d.advance(whole)
			if d.at == d.end && d.err != nil {
				return nil, d.eof()
			}
			continue
		}
		r, err := FromJSON(d.scratch[:0], line[front:])
		if err != nil {
			return nil, d.oneLine(line, whole, d.within(front, err))
		}
		d.scratch = r
		if d.Valid != nil {
			if err := d.Valid(r); err != nil {
				return nil, d.within(0, err)
			}
		}
		d.advance(whole)
		return r, nil
	}
}

// oneLine adds to err what helps where a record goes on in the next line: so other programs than jq lay JSON out.
func (d *Decoder) oneLine(line []byte, whole int, err error) error {
	var syntax *SyntaxError
	if !errors.As(err, &syntax) || syntax.Offset != d.offset+int64(len(line)) || d.end-d.at <= whole ||
		d.buf[d.at+whole] == '{' {
		return err // it is wrong elsewhere, or was cut off: it is the last, or another record is behind it
	}
	says := fmt.Errorf("%w; a record is one line of JSON, as jq -c writes it", syntax.Err)
	return &SyntaxError{Offset: syntax.Offset, Err: says}
}

// lines finds the text of the next record: a line, or several that begin with one which is a brace and
// end with one that begins with a brace, as jq and others print an object. n of the unread bytes are the
// text, whole are they with the last newline.
func (d *Decoder) lines() (n, whole int, err error) {
	for last, open := 0, false; ; last = whole { // last is where the last of the lines begins
		if n, whole, err = d.endOfLine(last); err != nil {
			return 0, 0, err
		}
		line := d.buf[d.at : d.at+n]
		more := d.end-d.at > whole || d.err == nil
		switch {
		case open && more && !bytes.HasPrefix(line[last:], closing) && whole <= maxLine:
		case !open && more && len(line) < 8 && string(bytes.TrimSpace(bytes.TrimPrefix(line, bom))) == "{":
			open = true
		default:
			return n, whole, nil
		}
	}
}

// endOfLine finds, of the unread bytes, where a line ends: n is in front of its newline, whole behind it,
// which the last line may lack. What is before from has been searched.
func (d *Decoder) endOfLine(from int) (n, whole int, err error) {
	for {
		unread := d.buf[d.at:d.end]
		if i := bytes.IndexByte(unread[from:], '\n'); i >= 0 {
			return from + i, from + i + 1, nil
		}
		if from = len(unread); from > maxLine {
			return 0, 0, d.syntax("line of more than %d bytes", maxLine)
		}
		switch err := d.fill(from + 1); {
		case err == nil:
		case from > 0 && (err == io.ErrUnexpectedEOF || err == io.EOF):
			return from, from, nil
		default:
			return 0, 0, err
		}
	}
}

// closing begins the last of several lines of an object.
var closing = []byte("}")

func (d *Decoder) eof() error {
	if d.err == nil {
		return io.EOF
	}
	return d.err
}
