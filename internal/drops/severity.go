package drops

import (
	"fmt"
	"strings"
)

// Severity says how much a drop matters. A worse one is greater.
type Severity uint8

const (
	Normal  Severity = iota // no fault: a duplicate, a closed connection, a broadcast that nobody wants
	Suspect                 // may be intended, as a firewall's drop, or not
	Fault                   // something that was wanted was lost, because of this host or the network
)

var severities = [...]string{Normal: "normal", Suspect: "suspect", Fault: "fault"}

func (s Severity) String() string { return severities[s] }

// UnmarshalText reads "normal", "suspect" or "fault".
func (s *Severity) UnmarshalText(text []byte) error {
	for i, name := range severities {
		if name == string(text) {
			*s = Severity(i)
			return nil
		}
	}
	return fmt.Errorf("%q is not one of %s", text, strings.Join(severities[:], ", "))
}
