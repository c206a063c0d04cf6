package read

import "github.com/skb-tools/skb-tools/format"

// maxNames bounds how many names of network namespaces are kept of a source.
const maxNames = 16 << 10

// A name is what a namespace was called last, and by which cookie that was known; 0: by none.
type name struct {
	text   string
	cookie uint64
}

// named writes what a packet's comment calls its network namespace, where the source, which is in force, had another
// name for it or another cookie. A packet of a namespace that had a name and has none here is of a newer one, with the
// same number.
func (s *streamer) named(src *source, e *event, text []byte) error {
	if !e.Netns.OK {
		return nil
	}
	was := src.names[e.Netns.V]
	if was.text == string(text) && (len(text) == 0 || !e.Cookie.OK || e.Cookie.V == was.cookie) {
		return nil
	}
	if src.names == nil || len(src.names) >= maxNames {
		src.names = map[uint64]name{}
	}
	src.names[e.Netns.V] = name{string(text), e.Cookie.V}
	found := format.NamespaceFound{TS: e.TS, Inum: uint32(e.Netns.V),
		Namespace: format.Namespace{Name: string(text), By: format.ByCapture}}
	return s.sink.Write(found.AppendMsgpack(nil))
}
