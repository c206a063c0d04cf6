package wire

// Splice appends r to dst with key set to value, a msgpack value: in place of the value
// that is there, else at the end. Nothing else is encoded anew.
func Splice(dst []byte, r []byte, key string, value []byte) []byte {
	p := find(r, key)
	if p.key < 0 {
		dst = AppendMap(dst, p.pairs+1)
		dst = append(dst, r[p.head:]...)
		dst = AppendStr(dst, key)
		return append(dst, value...)
	}
	dst = append(dst, r[:p.value]...)
	dst = append(dst, value...)
	return append(dst, r[p.end:]...)
}

// Extend is Splice for a key that r is known not to have: it need not look for it.
func Extend(dst []byte, r []byte, key string, value []byte) []byte {
	n, _, values := Head(r)
	dst = AppendMap(dst, values/2+1)
	dst = append(dst, r[n:]...)
	dst = AppendStr(dst, key)
	return append(dst, value...)
}

// Remove appends r to dst without key.
func Remove(dst []byte, r []byte, key string) []byte {
	p := find(r, key)
	if p.key < 0 {
		return append(dst, r...)
	}
	dst = AppendMap(dst, p.pairs-1)
	dst = append(dst, r[p.head:p.key]...)
	return append(dst, r[p.end:]...)
}

// A place is where a pair stands in a record, in bytes; key is -1 when it does not.
type place struct {
	head            int // length of the record's head
	pairs           int // in the record
	key, value, end int
}

func find(r []byte, key string) place {
	n, _, values := Head(r)
	at := n
	for i := values; i > 0; i -= 2 {
		klen := Size(r[at:])
		if klen == 0 {
			break
		}
		vlen := Size(r[at+klen:])
		if vlen == 0 {
			break
		}
		if k, ok := Value(r[at : at+klen]).Str(); ok && string(k) == key {
			return place{n, values / 2, at, at + klen, at + klen + vlen}
		}
		at += klen + vlen
	}
	return place{head: n, pairs: values / 2, key: -1}
}
