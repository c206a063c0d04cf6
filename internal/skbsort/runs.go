package skbsort

import (
	"bufio"
	"container/heap"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/skb-tools/skb-tools/format"
)

// runs are sorted runs of records on disk, in one file that has no name: whatever ends
// the program, nothing is left behind.
type runs struct {
	dir   string
	f     *os.File
	ends  []int64 // of each run, in bytes
	wrote int64
}

// runHead is what stands before each record in a run: group, ts, length.
const runHead = 4 + 8 + 4

// write appends what h holds, in order, as a run.
func (r *runs) write(h *held) error {
	if r.f == nil {
		f, err := os.CreateTemp(r.dir, "skb-sort-")
		if err != nil {
			return fmt.Errorf("sorting on disk: %w", err)
		}
		if err := os.Remove(f.Name()); err != nil {
			return fmt.Errorf("sorting on disk: %w", err)
		}
		r.f = f
	}
	w := bufio.NewWriterSize(r.f, 1<<20)
	h.sort()
	var head [runHead]byte
	for i := range h.entries {
		e := &h.entries[i]
		binary.BigEndian.PutUint32(head[0:], e.group)
		binary.BigEndian.PutUint64(head[4:], e.ts)
		binary.BigEndian.PutUint32(head[12:], e.len)
		_, _ = w.Write(head[:])
		_, _ = w.Write(h.record(e))
		r.wrote += runHead + int64(e.len)
	}
	if err := w.Flush(); err != nil {
		var p *os.PathError
		if errors.As(err, &p) {
			err = p.Err
		}
		return fmt.Errorf("sorting on disk, in %s: %w (--temp-dir chooses another place)", r.place(), err)
	}
	r.ends = append(r.ends, r.wrote)
	return nil
}

func (r *runs) place() string {
	if r.dir != "" {
		return r.dir
	}
	return os.TempDir()
}

// A cursor reads one run.
type cursor struct {
	r   *bufio.Reader
	n   int // of the run: earlier ones first where keys are equal
	key key
	rec []byte
}

func (c *cursor) next() error {
	var head [runHead]byte
	if _, err := io.ReadFull(c.r, head[:]); err != nil {
		return err
	}
	c.key = key{binary.BigEndian.Uint32(head[0:]), binary.BigEndian.Uint64(head[4:])}
	n := int(binary.BigEndian.Uint32(head[12:]))
	if cap(c.rec) < n {
		c.rec = make([]byte, n, 2*n)
	}
	c.rec = c.rec[:n]
	_, err := io.ReadFull(c.r, c.rec)
	return err
}

type cursors []*cursor

func (c cursors) Len() int      { return len(c) }
func (c cursors) Swap(i, j int) { c[i], c[j] = c[j], c[i] }
func (c cursors) Less(i, j int) bool {
	if d := c[i].key.compare(c[j].key); d != 0 {
		return d < 0
	}
	return c[i].n < c[j].n
}
func (c *cursors) Push(x any) { *c = append(*c, x.(*cursor)) }
func (c *cursors) Pop() any {
	old := *c
	x := old[len(old)-1]
	*c = old[:len(old)-1]
	return x
}

// merge hands the records of all runs to write, in order. memory bounds its buffers, in
// bytes.
func (r *runs) merge(memory int, write func(format.Raw) error) error {
	size := min(max(memory/len(r.ends), 16<<10), 4<<20)
	var all cursors
	start := int64(0)
	for i, end := range r.ends {
		c := &cursor{r: bufio.NewReaderSize(io.NewSectionReader(r.f, start, end-start), size), n: i}
		start = end
		if err := c.next(); err != nil {
			return fmt.Errorf("sorting on disk: %w", err)
		}
		all = append(all, c)
	}
	heap.Init(&all)
	for len(all) > 0 {
		c := all[0]
		if err := write(c.rec); err != nil {
			return err
		}
		switch err := c.next(); err {
		case nil:
			heap.Fix(&all, 0)
		case io.EOF:
			heap.Pop(&all)
		default:
			return fmt.Errorf("sorting on disk: %w", err)
		}
	}
	return nil
}

func (r *runs) close() {
	if r.f != nil {
		r.f.Close()
	}
}
