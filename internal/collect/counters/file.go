//go:build linux

package counters

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strconv"

	"github.com/skb-tools/skb-tools/internal/counter"
)

// A file is one of proc that is read again and again, from its beginning.
type file struct {
	source string
	netns  uint32
	f      *os.File
	buf    []byte
	parse  func(f *file, r *Reader, text []byte)

	columns map[string][]column // by the line that has their names
	names   map[string]string   // of lines; "": not kept
	limits  []*file             // of what is a level
	sums    map[string]uint64
	reads   int // how many calls gave the text
}

// A column is one that is kept of a line of values.
type column struct {
	at   int
	name string
}

// A procFile is one of a network namespace.
type procFile struct {
	source, path string
	parse        func(f *file, r *Reader, text []byte)
}

// procFiles are opened by the thread that is in the network namespace.
var procFiles = []procFile{
	{"snmp", "/proc/thread-self/net/snmp", (*file).pairs},
	{"netstat", "/proc/thread-self/net/netstat", (*file).pairs},
	{"snmp6", "/proc/thread-self/net/snmp6", (*file).list},
	{"xfrm_stat", "/proc/thread-self/net/xfrm_stat", (*file).list},
	{"sctp", "/proc/thread-self/net/sctp/snmp", (*file).list},
	{"conntrack", "/proc/thread-self/net/stat/nf_conntrack", (*file).conntrack},
	{"conntrack", "/proc/sys/net/netfilter/nf_conntrack_count", (*file).tracked},
	{"sockstat", "/proc/thread-self/net/sockstat", (*file).memory},
	{"udp", "/proc/thread-self/net/udp", (*file).sockets},
	{"udp", "/proc/thread-self/net/udp6", (*file).sockets},
	{"raw", "/proc/thread-self/net/raw", (*file).sockets},
	{"raw", "/proc/thread-self/net/raw6", (*file).sockets},
}

// limitFiles have the limits of levels.
var limitFiles = map[string][]string{
	"/proc/sys/net/netfilter/nf_conntrack_count": {"/proc/sys/net/netfilter/nf_conntrack_max"},
	"/proc/thread-self/net/sockstat":             {"/proc/sys/net/ipv4/tcp_mem", "/proc/sys/net/ipv4/udp_mem"},
}

// open opens the files, by the thread that is in the network namespace.
func (s *space) open(r *Reader) {
	for _, p := range procFiles {
		s.add(r, p)
	}
}

func (s *space) add(r *Reader, p procFile) {
	if f := r.file(s.netns, p.source, p.path, p.parse); f != nil {
		s.files = append(s.files, f)
	} else if _, err := os.Stat(p.path); errors.Is(err, fs.ErrNotExist) {
		s.absent = append(s.absent, p)
	}
}

// late opens the files that came with a module after the start. Only in the namespace of this process that needs no
// capability, which it does not have any more; of another they are told as not read.
func (s *space) late(r *Reader, own bool) {
	absent := s.absent
	s.absent = nil
	for _, p := range absent {
		if own {
			// As long as it is not there nothing is counted: all its counters are zero.
			r.find(key{source: p.source, netns: s.netns})
			s.add(r, p)
			continue
		}
		s.absent = append(s.absent, p)
		if _, err := os.Stat(p.path); err == nil {
			r.fail(p.source, fmt.Errorf("network namespace %d: the kernel has it only since after the start", s.netns))
		}
	}
}

// file opens one; nil if the kernel does not have it, or it can't be opened, which is noted.
func (r *Reader) file(netns uint32, source, path string, parse func(*file, *Reader, []byte)) *file {
	f, err := os.Open(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil // of a protocol or a module that is not there
	}
	if err != nil {
		r.unread = append(r.unread, fmt.Sprintf("%s: %v", source, plain(err)))
		return nil
	}
	opened := &file{source: source, netns: netns, f: f, parse: parse, columns: map[string][]column{},
		names: map[string]string{}, sums: map[string]uint64{}}
	for _, limit := range limitFiles[path] {
		// In a network namespace of its own tcp_mem can't be seen: there is no limit to compare with then.
		opened.limits = append(opened.limits, r.file(netns, source, limit, nil))
	}
	return opened
}

func (f *file) close() {
	for _, limit := range f.limits {
		if limit != nil {
			limit.close()
		}
	}
	f.f.Close()
}

// text reads the file from its beginning. It is valid until the next call.
func (f *file) text() ([]byte, error) {
	f.buf, f.reads = f.buf[:0], 0
	for {
		if cap(f.buf)-len(f.buf) < 4096 {
			f.buf = append(make([]byte, 0, 2*cap(f.buf)+8192), f.buf...)
		}
		n, err := f.f.ReadAt(f.buf[len(f.buf):cap(f.buf)], int64(len(f.buf)))
		f.buf = f.buf[:len(f.buf)+n]
		if n > 0 {
			f.reads++
		}
		if err == io.EOF {
			return f.buf, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

func (f *file) read(r *Reader) {
	text, err := f.text()
	if err != nil {
		r.miss(f.source, f.netns, err)
		return
	}
	f.parse(f, r, text)
	if len(f.limits) == 0 {
		r.find(key{source: f.source, netns: f.netns})
	}
}

func (f *file) put(r *Reader, name string, value uint64) {
	r.put(key{source: f.source, name: name, netns: f.netns}, reading{value: value})
}

// pairs parses snmp and netstat: a line of names, then one of values, each behind the same word.
func (f *file) pairs(r *Reader, text []byte) {
	for len(text) > 0 {
		var names, values []byte
		names, text, _ = bytes.Cut(text, []byte("\n"))
		values, text, _ = bytes.Cut(text, []byte("\n"))
		columns, ok := f.columns[string(names)]
		if !ok {
			columns = f.columnsOf(names)
			f.columns[string(names)] = columns
		}
		at := 0
		for _, c := range columns {
			for ; at < c.at; at++ {
				_, values, _ = bytes.Cut(values, []byte(" "))
			}
			value, _, _ := bytes.Cut(values, []byte(" "))
			if n, err := strconv.ParseUint(string(value), 10, 64); err == nil {
				f.put(r, c.name, n)
			}
		}
	}
}

func (f *file) columnsOf(line []byte) (all []column) {
	group, _, _ := bytes.Cut(line, []byte(":"))
	for i, word := range bytes.Fields(line) {
		if name := string(group) + string(word); i > 0 && counter.Kept(f.source, name) {
			all = append(all, column{i, name})
		}
	}
	return all
}

// kept is a name; "" for those that are not kept.
func (f *file) kept(word []byte) string {
	name, ok := f.names[string(word)]
	if !ok {
		if counter.Kept(f.source, string(word)) {
			name = string(word)
		}
		f.names[string(word)] = name
	}
	return name
}

// list parses snmp6 and xfrm_stat: a name and a value in each line.
func (f *file) list(r *Reader, text []byte) {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if len(words) != 2 {
			continue
		}
		if name := f.kept(words[0]); name != "" {
			if n, err := strconv.ParseUint(string(words[1]), 10, 64); err == nil {
				f.put(r, name, n)
			}
		}
	}
}

// conntrack parses a line of names, and a line of hexadecimal values for each CPU.
func (f *file) conntrack(r *Reader, text []byte) {
	clear(f.sums)
	var names [][]byte
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		if names == nil {
			names = words
			continue
		}
		for i, word := range words[:min(len(words), len(names))] {
			if name := f.kept(names[i]); name != "" {
				n, _ := strconv.ParseUint(string(word), 16, 64)
				f.sums[name] += n
			}
		}
	}
	f.putSums(r)
}

func (f *file) putSums(r *Reader) {
	for name, n := range f.sums {
		f.put(r, name, n)
	}
}

// softnet parses a line of hexadecimal values for each CPU, net/core/net-procfs.c.
func (f *file) softnet(r *Reader, text []byte) {
	clear(f.sums)
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		for at, name := range map[int]string{1: "dropped", 2: "time_squeeze", 10: "flow_limit_count"} {
			if at < len(words) {
				n, _ := strconv.ParseUint(string(words[at]), 16, 64)
				f.sums[name] += n
			}
		}
	}
	f.putSums(r)
}

// last is the last number in a file; 0 if there is none.
func (f *file) last() uint64 {
	if f == nil {
		return 0
	}
	text, err := f.text()
	words := bytes.Fields(text)
	if err != nil || len(words) == 0 {
		return 0
	}
	n, _ := strconv.ParseUint(string(words[len(words)-1]), 10, 64)
	return n
}

// level puts one, if its limit is known.
func (f *file) level(r *Reader, name string, value, limit uint64) {
	if limit != 0 {
		r.put(key{source: f.source, name: name, netns: f.netns}, reading{value: value, limit: limit})
	}
}

// tracked parses nf_conntrack_count.
func (f *file) tracked(r *Reader, text []byte) {
	n, _ := strconv.ParseUint(string(bytes.TrimSpace(text)), 10, 64)
	f.level(r, "nf_conntrack_count", n, f.limits[0].last())
}

// memory parses sockstat: `TCP: inuse 4 orphan 0 tw 0 alloc 6 mem 1`.
func (f *file) memory(r *Reader, text []byte) {
	for line := range bytes.Lines(text) {
		words := bytes.Fields(line)
		for i, protocol := range [...]string{"TCP:", "UDP:"} {
			if len(words) < 3 || string(words[0]) != protocol || string(words[len(words)-2]) != "mem" {
				continue
			}
			n, _ := strconv.ParseUint(string(words[len(words)-1]), 10, 64)
			f.level(r, protocol[:3]+"_mem", n, f.limits[i].last())
		}
	}
}

// sockets parses a line for each socket, the drops last: net/ipv4/udp.c, udp4_format_sock. Between two reads the kernel
// goes by the number of lines, and can leave out a socket when another is closed: who is missing may be there then.
func (f *file) sockets(r *Reader, text []byte) {
	torn := f.reads > 1
	if torn {
		r.torn[key{source: f.source, netns: f.netns}] = true
	}
	_, text, _ = bytes.Cut(text, []byte("\n"))
	for line := range bytes.Lines(text) {
		line = bytes.TrimRight(line, " \n")
		at := bytes.LastIndexByte(line, ' ') + 1
		n, err := strconv.ParseUint(string(line[at:]), 10, 64)
		if err != nil || n == 0 && !torn {
			continue
		}
		words := bytes.Fields(line)
		if len(words) < 13 {
			continue
		}
		inode, _ := strconv.ParseUint(string(words[9]), 10, 32)
		if inode == 0 {
			continue // it is closed, and waits to be freed
		}
		socket := key{source: f.source, netns: f.netns, index: uint32(inode)}
		r.find(socket)
		if n == 0 {
			continue
		}
		socket.name = "drops"
		r.put(socket, reading{value: n, sock: f.source + " " + address(words[1])})
	}
}
