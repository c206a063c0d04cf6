package page

// Chosen are the journeys that a page lists.
type Chosen struct {
	Names []string  `json:"names"` // what journeys name by number
	All   []Journey `json:"all"`
	// Said says what was left out, and how that was chosen; "" says that nothing was.
	Said string `json:"said"`

	index map[string]int
}

// A Journey is one that is listed. Numbers of names are places in Chosen.Names; 0 is "".
type Journey struct {
	Packet   string  `json:"p"` // number: a string, as it may have 64 bits
	Flow     string  `json:"f"`
	How      string  `json:"e"` // as it ended
	Ending   string  `json:"s"` // in words
	At       float64 `json:"t"` // s, of its first event
	Total    uint64  `json:"d"` // ns
	Slowest  uint64  `json:"w"` // ns, of its hops
	Hops     []Hop   `json:"h"`
	Ends     []End   `json:"x,omitempty"`
	Left     int     `json:"l,omitempty"` // events that are not in Hops
	Unsure   string  `json:"u,omitempty"`
	Host     int     `json:"o"` // name
	Branches uint32  `json:"b"`
}

// A Hop is, in this order: ns since the journey's first event; ns since the hop before, -1 if it has none; the names
// of probe, device and namespace; cpu; branch; the name of how it came from another branch; that branch; the names of
// what changed, and why it was dropped; 1 if it is unsure.
type Hop [12]int64

// An End is how a branch ended, in this order: branch; ns since the journey's first event; the names of how, and of why
// it was dropped.
type End [4]int64

// Name returns the number of a name.
func (c *Chosen) Name(s string) int {
	if c.index == nil {
		c.index, c.Names = map[string]int{"": 0}, []string{""}
	}
	i, ok := c.index[s]
	if !ok {
		i = len(c.Names)
		c.index[s] = i
		c.Names = append(c.Names, s)
	}
	return i
}
