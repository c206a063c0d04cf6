package skbpcap

import (
	"bytes"
	"testing"
)

// TestMemo: names and numbers that fall on the same place of the table are told apart.
func TestMemo(t *testing.T) {
	var m memos
	numbers := [3]opt{{1, true}, {2, true}, {3, true}}
	first, known := m.of([]byte("ip_rcv"), numbers)
	if known {
		t.Fatal("known before it was written")
	}
	first.text = []byte("first")
	if again, known := m.of([]byte("ip_rcv"), numbers); !known || string(again.text) != "first" {
		t.Errorf("again: known %v, %q", known, again.text)
	}
	absent := [3]opt{{1, true}, {2, false}, {3, true}}
	for _, other := range []struct {
		name    string
		numbers [3]opt
	}{{"ix_rcv", numbers}, {"ip_rcv", absent}} {
		if _, known := m.of([]byte(other.name), other.numbers); known {
			t.Errorf("%s %v: known", other.name, other.numbers)
		}
		one, _ := m.of([]byte("ip_rcv"), numbers)
		one.text = []byte("first")
	}
	if a, _ := m.of([]byte("ix_rcv"), numbers); a != first {
		t.Error("ip_rcv and ix_rcv have places of their own: the test shows nothing")
	}
	long := bytes.Repeat([]byte("x"), maxMemo+1)
	for range 2 {
		one, known := m.of(long, numbers)
		if one.text = []byte("kept"); known {
			t.Error("a name of any length is kept")
		}
	}
}
