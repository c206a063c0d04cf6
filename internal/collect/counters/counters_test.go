//go:build linux

package counters

import (
	"runtime"
	"testing"
	"time"
)

func BenchmarkRead(b *testing.B) {
	r := Open(nil, true)
	defer r.Close()
	b.Log(len(r.Read().Netns), r.unread, r.failed)
	b.ReportAllocs()
	var m, n runtime.MemStats
	runtime.ReadMemStats(&m)
	start := time.Now()
	for b.Loop() {
		r.Read()
	}
	runtime.ReadMemStats(&n)
	b.Log(time.Since(start), len(r.now), n.Sys-m.Sys, n.HeapAlloc)
}
