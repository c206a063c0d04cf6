// Package format reads and writes the stream that the skb-tools exchange: what happened to packets inside a
// Linux machine, as a sequence of records. A record is a msgpack map in a frame of its length. FORMAT.md,
// beside this file, specifies it for readers and writers in any language. schema.json is a JSON Schema of a record.
//
// A stream is made of a [Start], which says where it is from; of events, one for each packet at each probe ([Event]);
// of what ties these together ([Link], [Free], [Stack]); of what went missing ([Loss]) and of what changed on the
// host ([Change]); and of an [End] that counts all of it. skb-track adds a [Track] to each event and a [Journey] for
// each packet. All times are ns of CLOCK_MONOTONIC
// of the traced host. [Start] says how far that is from the wall clock.
//
// # Reading
//
// A [Decoder] returns one record after the other as a [Raw], from a stream or from JSON: the first byte tells which.
// It takes any input. What is damaged is an error that says at which byte, after all that came before.
//
// There are four ways to look into a Raw, from the simplest to the fastest:
//
//   - Decode of a record type, as [Event.Decode], reads all that this package knows into a struct.
//   - [Raw.Get] returns one value under a path. Each call walks through the record.
//   - A [wire.Cursor] steps through the record once.
//   - A [Finder] looks for up to 64 paths in record after record, and checks each record too. It knows a record's
//     layout again and then reads without a walk. The programs of this project use it for events.
//
// A reader that computes with what it has read asks a [Checker] at the end whether the stream is whole. A stream
// that was cut off looks like a shorter one otherwise.
//
// # Writing
//
// An [Encoder] writes structs and Raws as frames. A writer begins with a Start and closes with an End whose counts are
// right. What the kernel did not say is left out: the comment at each field says which value stands for that.
//
// # Filters
//
// A filter reads a stream and writes one. It passes on what it does not know, byte for byte: record types, and
// keys in records. So it writes the Raw that it has read and not a struct:
//
//   - [wire.Splice] sets one key of a record and [wire.Remove] takes one away. All other bytes stay.
//   - [Kept] makes the ends count what the filter has left.
//   - [Starts] finds the start that a record belongs to where streams were merged, and a [Merger] writes such a stream.
//
// # JSON
//
// [AppendJSON] makes a line of a record and [FromJSON] a record of a line. A record in shortest forms comes
// back as it was, also from programs that compute with doubles, such as jq. FORMAT.md has the rules.
//
// # msgpack/v5
//
// The types of records are custom encoders and decoders of github.com/vmihailenco/msgpack/v5, so that its Marshal and
// Unmarshal take them. [Raw.Any] makes maps and slices of a record.
//
// # Keys
//
// [Schema] returns what FORMAT.md says of each key as data: its form, its unit, its meaning, and when it is absent.
// [EventKey] answers for one path. [CheckKeys] says whether a record has the keys that it should have, in the form that
// they should have.
//
// # What is promised
//
// The stream has a [Version], which stands in each Start. Within a version keys and record types are only added. A key
// keeps its name, its form and its meaning, and what is never absent stays so. A reader that leaves alone what it does
// not know reads all streams of its version, older and newer ones. There is one exception: what [Raw.Cause] reads is
// called `why` in older streams.
//
// A Decoder passes on records of any version. A Checker refuses a version that it does not know.
//
// Names in this package follow the versions of the Go module: before v1 they may change with its second number.
package format
