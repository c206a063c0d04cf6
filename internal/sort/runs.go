package sort

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/internal/tempfile"
)

// runs are sorted runs of records on disk, in one file that has no name: whatever ends
// the program, SIGKILL too, nothing is left behind.
type runs struct {
	starts *starts
	dir    string
	memory int // bytes, for merging
	f      *os.File
	w      *bufio.Writer
	ends   []int64 // of each run, in bytes
	wrote  int64
	head   [runHead]byte
}

// runHead is what stands before each record in a run: its entry, as far as it counts there.
const runHead = 3*8 + 3*4

// runBuffer is the least that a run is read by when merging, in bytes.
const runBuffer = 32 << 10

func (r *runs) place() string {
	if r.dir != "" {
		return r.dir
	}
	return tempfile.Dir()
}

func (r *runs) failed(err error) error {
	var p *os.PathError
	if errors.As(err, &p) {
		err = p.Err
	}
	return fmt.Errorf("sorting on disk, in %s: %w (--temp-dir chooses another place)", r.place(), err)
}

// begin makes ready for a new run.
func (r *runs) begin() error {
	if r.f == nil {
		f, err := tempfile.File(r.place(), "skb-sort")
		if err != nil {
			return r.failed(err)
		}
		r.f, r.w = f, bufio.NewWriterSize(f, 256<<10)
	}
	return nil
}

// put appends a record to the run. Errors come out at its end.
func (r *runs) put(e *entry, record []byte) error {
	head := r.head[:]
	binary.LittleEndian.PutUint64(head[0:], e.a)
	binary.LittleEndian.PutUint64(head[8:], e.b)
	binary.LittleEndian.PutUint64(head[16:], e.c)
	binary.LittleEndian.PutUint32(head[24:], e.start)
	binary.LittleEndian.PutUint32(head[28:], e.input)
	binary.LittleEndian.PutUint32(head[32:], e.length)
	_, _ = r.w.Write(head)
	_, err := r.w.Write(record)
	r.wrote += runHead + int64(len(record))
	return err
}

// end ends the run.
func (r *runs) end() error {
	if err := r.w.Flush(); err != nil {
		return r.failed(err)
	}
	r.ends = append(r.ends, r.wrote)
	return nil
}

// write appends what h holds, in order, as a run.
func (r *runs) write(h *held) error {
	if err := r.begin(); err != nil {
		return err
	}
	h.Sort()
	for i := range h.Entries {
		e := &h.Entries[i]
		if err := r.put(e, h.record(e)); err != nil {
			return r.failed(err)
		}
	}
	return r.end()
}

// merge hands the records of all runs to write, in order; a record is valid until the next.
// There may be more runs than there is memory to read them at once: then it takes several
// passes.
func (r *runs) merge(write func(e *entry, record []byte) error) error {
	fan := max(r.memory/runBuffer, 2)
	for len(r.ends) > fan {
		fewer := &runs{starts: r.starts, dir: r.dir, memory: r.memory}
		if err := r.pass(fan, fewer); err != nil {
			fewer.close()
			return err
		}
		r.close()
		*r = *fewer
	}
	return r.mergeSome(0, len(r.ends), write)
}

// pass makes one run of each fan runs.
func (r *runs) pass(fan int, to *runs) error {
	for from := 0; from < len(r.ends); from += fan {
		if err := to.begin(); err != nil {
			return err
		}
		if err := r.mergeSome(from, min(from+fan, len(r.ends)), to.put); err != nil {
			return to.failed(err)
		}
		if err := to.end(); err != nil {
			return err
		}
	}
	return nil
}

func (r *runs) mergeSome(from, to int, write func(e *entry, record []byte) error) error {
	all := cursors{starts: r.starts}
	size := min(max(r.memory/(to-from), runBuffer), 256<<10)
	for i := from; i < to; i++ {
		c := &cursor{f: r.f, end: r.ends[i], n: i, buf: make([]byte, size)}
		if i > 0 {
			c.next = r.ends[i-1]
		}
		if err := c.advance(); err != nil {
			return r.failed(err)
		}
		all.list = append(all.list, c)
	}
	heap.Init(&all)
	for len(all.list) > 0 {
		c, second := all.list[0], all.second()
		for {
			if err := write(&c.e, c.record); err != nil {
				return err
			}
			if err := c.advance(); err == io.EOF {
				heap.Pop(&all)
				break
			} else if err != nil {
				return r.failed(err)
			}
			if second != nil && all.less(second, c) {
				heap.Fix(&all, 0)
				break
			}
		}
	}
	return nil
}

func (r *runs) close() {
	if r.f != nil {
		r.f.Close()
	}
	*r = runs{starts: r.starts, dir: r.dir, memory: r.memory}
}

// A cursor reads one run.
type cursor struct {
	f         *os.File
	next, end int64 // what is not in buf yet
	n         int   // of the run: earlier ones first where keys are equal
	buf       []byte
	at, have  int
	e         entry
	record    []byte // in buf
}

// advance goes to the next record, io.EOF behind the last.
func (c *cursor) advance() error {
	if c.at == c.have && c.next == c.end {
		return io.EOF
	}
	if err := c.fill(runHead); err != nil {
		return err
	}
	head := c.buf[c.at:]
	c.e.a = binary.LittleEndian.Uint64(head[0:])
	c.e.b = binary.LittleEndian.Uint64(head[8:])
	c.e.c = binary.LittleEndian.Uint64(head[16:])
	c.e.start = binary.LittleEndian.Uint32(head[24:])
	c.e.input = binary.LittleEndian.Uint32(head[28:])
	c.e.length = binary.LittleEndian.Uint32(head[32:])
	n := int(c.e.len())
	if err := c.fill(runHead + n); err != nil {
		return err
	}
	c.record = c.buf[c.at+runHead : c.at+runHead+n]
	c.at += runHead + n
	return nil
}

// fill makes n bytes from at on be there.
func (c *cursor) fill(n int) error {
	if c.have-c.at >= n {
		return nil
	}
	c.have = copy(c.buf, c.buf[c.at:c.have])
	c.at = 0
	if n > len(c.buf) {
		c.buf = append(c.buf, make([]byte, n-len(c.buf))...)
	}
	m := int(min(int64(len(c.buf)-c.have), c.end-c.next))
	m, err := c.f.ReadAt(c.buf[c.have:c.have+m], c.next)
	c.have += m
	c.next += int64(m)
	if c.have < n {
		if err == nil || err == io.EOF {
			err = io.ErrUnexpectedEOF // the file has shrunk, or is not what was written
		}
		return err
	}
	return nil
}

// cursors are a heap.
type cursors struct {
	starts *starts
	list   []*cursor
}

func (c *cursors) less(a, b *cursor) bool {
	if d := c.starts.compare(&a.e, &b.e); d != 0 {
		return d < 0
	}
	return a.n < b.n
}

// second is the one behind the first, nil when there is only one.
func (c *cursors) second() *cursor {
	switch l := c.list; {
	case len(l) < 2:
		return nil
	case len(l) == 2 || c.less(l[1], l[2]):
		return l[1]
	default:
		return l[2]
	}
}

func (c *cursors) Len() int           { return len(c.list) }
func (c *cursors) Swap(i, j int)      { c.list[i], c.list[j] = c.list[j], c.list[i] }
func (c *cursors) Less(i, j int) bool { return c.less(c.list[i], c.list[j]) }
func (c *cursors) Push(x any)         { c.list = append(c.list, x.(*cursor)) }
func (c *cursors) Pop() any {
	last := c.list[len(c.list)-1]
	c.list = c.list[:len(c.list)-1]
	return last
}
