// Package wire reads and writes msgpack in place, without knowledge of what a record means: a Value is any
// value as it stands in its bytes, a Cursor steps from value to value, a Finder finds the same keys in
// maps that are alike, the Append functions write, and Splice, Extend and Remove change one key of a map. None
// of it copies what it reads, and none allocates for each value.
//
// For a program that is not short of time, github.com/vmihailenco/msgpack/v5 does as well.
package wire
