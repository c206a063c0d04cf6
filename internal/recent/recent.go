// Package recent keeps the latest of many things by their keys, and forgets the oldest.
package recent

// A Map holds what was added last. It takes no more memory than it needs for what came, and
// never more than its limit says.
type Map[K comparable, V any] struct {
	limit int
	by    map[K]entry[V]
	keys  []K // a ring once it is full, in the order of their coming
	next  int // the oldest key's place there
}

// The number comes last: a V of no bytes would be padded there.
type entry[V any] struct {
	v  V
	at uint32 // place of the key
}

// New returns an empty map. A key is forgotten when limit others have been added after it.
func New[K comparable, V any](limit int) *Map[K, V] {
	return &Map[K, V]{limit: limit, by: map[K]entry[V]{}}
}

// Set gives a key its value. A key that the map has already keeps its age.
func (m *Map[K, V]) Set(k K, v V) {
	if e, ok := m.by[k]; ok {
		m.by[k] = entry[V]{v, e.at}
		return
	}
	at := m.next
	if len(m.keys) < m.limit {
		at = len(m.keys)
		m.keys = append(m.keys, k)
	} else {
		// The key that was here may have been deleted, and have come again since: then it is
		// younger, and has another place.
		if old, ok := m.by[m.keys[at]]; ok && old.at == uint32(at) {
			delete(m.by, m.keys[at])
		}
		m.keys[at] = k
		m.next = (at + 1) % m.limit
	}
	m.by[k] = entry[V]{v, uint32(at)}
}

// Get returns the value of a key.
func (m *Map[K, V]) Get(k K) (v V, ok bool) {
	e, ok := m.by[k]
	return e.v, ok
}

// Has reports whether the map has the key.
func (m *Map[K, V]) Has(k K) bool {
	_, ok := m.by[k]
	return ok
}

// Delete forgets a key.
func (m *Map[K, V]) Delete(k K) { delete(m.by, k) }

// Len is how many keys the map has.
func (m *Map[K, V]) Len() int { return len(m.by) }
