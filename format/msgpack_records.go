package format

import "github.com/vmihailenco/msgpack/v5"

// DecodeMsgpack reads a start record.
func (s *Start) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, s.Decode) }

// EncodeMsgpack writes the record.
func (e *Event) EncodeMsgpack(enc *msgpack.Encoder) error { return encodeAppended(enc, e) }

// DecodeMsgpack reads an event record.
func (e *Event) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, e.Decode) }

// EncodeMsgpack writes the record.
func (l *Link) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, l) }

// DecodeMsgpack reads a link record.
func (l *Link) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, l.Decode) }

// EncodeMsgpack writes the record.
func (f *Free) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, f) }

// DecodeMsgpack reads a free record.
func (f *Free) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, f.Decode) }

// DecodeMsgpack reads a stack record.
func (s *Stack) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, s.Decode) }

// DecodeMsgpack reads a namespace record.
func (n *NamespaceFound) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, n.Decode) }

// DecodeMsgpack reads a flow record.
func (f *OVSFlow) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, f.Decode) }

// DecodeMsgpack reads a counters record.
func (c *Counters) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, c.Decode) }

// DecodeMsgpack reads a held record.
func (h *HeldBack) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, h.Decode) }

// DecodeMsgpack reads a loss record.
func (l *Loss) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, l.Decode) }

// DecodeMsgpack reads an end record.
func (e *End) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, e.Decode) }

// EncodeMsgpack writes the record.
func (j *Journey) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, j) }

// DecodeMsgpack reads a journey record.
func (j *Journey) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, j.Decode) }

// DecodeMsgpack reads a wire record.
func (w *Wire) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, w.Decode) }

// EncodeMsgpack writes the record.
func (s *Resume) EncodeMsgpack(e *msgpack.Encoder) error { return encodeAppended(e, s) }

// DecodeMsgpack reads a resume record.
func (s *Resume) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, s.Decode) }

// DecodeMsgpack reads a change record.
func (c *Change) DecodeMsgpack(d *msgpack.Decoder) error { return decodeRecord(d, c.Decode) }
