// Package nearly holds records that are nearly in order, and puts them in order: the records of
// several cpus, each cpu's in order and the cpus close to each other.
//
// The bytes of the records lie in chunks. An entry for each record says where, and by what it
// is ordered: only entries are moved.
package nearly

// Chunks are memory for records. A chunk is used again when none of its records is left.
type Chunks struct {
	Size int // of a chunk, bytes; a larger record has one of its own

	chunks  []chunk
	unused  []uint32 // numbers
	spare   [][]byte
	filling uint32
	inUse   int // bytes
}

type chunk struct {
	data []byte
	live int // records
}

// A Place is where a record lies.
type Place struct {
	Chunk uint32
	Off   uint32
}

// InUse is how much memory the chunks with records take, in bytes.
func (c *Chunks) InUse() int { return c.inUse }

// Fresh returns memory for a chunk, without content.
func (c *Chunks) Fresh() []byte {
	if i := len(c.spare) - 1; i >= 0 {
		data := c.spare[i]
		c.spare = c.spare[:i]
		return data[:0]
	}
	return make([]byte, 0, c.Size)
}

// Adopt makes data, with all the records in it, a chunk. Each record that is kept is to be
// counted with Keep, and then Settle to be called.
func (c *Chunks) Adopt(data []byte) (number uint32) {
	c.inUse += cap(data)
	if i := len(c.unused) - 1; i >= 0 {
		number = c.unused[i]
		c.unused = c.unused[:i]
		c.chunks[number] = chunk{data: data}
		return number
	}
	c.chunks = append(c.chunks, chunk{data: data})
	return uint32(len(c.chunks) - 1)
}

// Settle lets an adopted chunk go again when none of its records was kept.
func (c *Chunks) Settle(number uint32) {
	if c.chunks[number].live == 0 && number != c.filling {
		c.recycle(number)
	}
}

// Add copies a record into the chunk that is being filled, and keeps it.
func (c *Chunks) Add(record []byte) Place {
	if len(c.chunks) == 0 || len(c.chunks[c.filling].data)+len(record) > cap(c.chunks[c.filling].data) {
		c.fill(len(record))
	}
	of := &c.chunks[c.filling]
	at := Place{c.filling, uint32(len(of.data))}
	of.data = append(of.data, record...)
	of.live++
	return at
}

// fill begins a chunk that has room for n bytes.
func (c *Chunks) fill(n int) {
	old := c.filling
	if n > c.Size {
		c.filling = c.Adopt(make([]byte, 0, n))
	} else {
		c.filling = c.Adopt(c.Fresh())
	}
	if old != c.filling && c.chunks[old].live == 0 {
		c.recycle(old)
	}
}

// Keep counts a record of an adopted chunk.
func (c *Chunks) Keep(number uint32) { c.chunks[number].live++ }

// Record returns the n bytes of a record.
func (c *Chunks) Record(at Place, n uint32) []byte {
	return c.chunks[at.Chunk].data[at.Off : at.Off+n]
}

// Forget lets the memory of a record of a chunk go.
func (c *Chunks) Forget(number uint32) {
	of := &c.chunks[number]
	if of.live--; of.live == 0 && number != c.filling {
		c.recycle(number)
	}
}

func (c *Chunks) recycle(number uint32) {
	of := &c.chunks[number]
	if of.data == nil {
		return
	}
	c.inUse -= cap(of.data)
	if cap(of.data) == c.Size {
		c.spare = append(c.spare, of.data)
	}
	*of = chunk{}
	c.unused = append(c.unused, number)
}

// clear forgets all records.
func (c *Chunks) clear() {
	for i := range c.chunks {
		c.recycle(uint32(i))
	}
	c.chunks, c.unused, c.filling = c.chunks[:0], c.unused[:0], 0
}
