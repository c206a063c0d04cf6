package census

import "testing"

// Every stanza can be read, and the functions that are asked for are found.
func TestRead(t *testing.T) {
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	if len(all) < 4000 {
		t.Fatalf("%d ways", len(all))
	}
	for _, w := range all {
		if len(w.At) == 0 {
			t.Errorf("%s: it shows nowhere", w.Source)
		}
	}
	ways, err := At("ip_rcv_core")
	if err != nil || len(ways) < 6 {
		t.Fatal(len(ways), err)
	}
}

// The text of the embedded files is gone through once, at the first drop.
func BenchmarkIndex(b *testing.B) {
	for b.Loop() {
		index()
	}
}
