// Package spell finds what a misspelled name was most likely meant to be.
package spell

// Nearest returns which of known a name was most likely meant to be, the first of several;
// "" if none is like it. One letter may be wrong, in a longer name two, and in any two
// neighbours may have changed places.
func Nearest(name string, known []string) string {
	best, found := 2, ""
	if len(name) > 5 {
		best = 3
	}
	for _, k := range known {
		d := distance(name, k)
		if swapped(name, k) {
			d = 1
		}
		if d < best {
			best, found = d, k
		}
	}
	return found
}

// swapped reports whether b is a with two neighbouring letters in each other's place.
func swapped(a, b string) bool {
	if len(a) != len(b) {
		return false
	}
	for i := 0; i+1 < len(a); i++ {
		if a[i] != b[i] {
			return a[i] == b[i+1] && a[i+1] == b[i] && a[i+2:] == b[i+2:]
		}
	}
	return false
}

// distance counts the letters to put in, take out or change that make b of a (Levenshtein).
func distance(a, b string) int {
	row := make([]int, len(b)+1)
	for j := range row {
		row[j] = j
	}
	for i := range len(a) {
		diagonal := row[0]
		row[0] = i + 1
		for j := range len(b) {
			change := diagonal
			if a[i] != b[j] {
				change++
			}
			diagonal = row[j+1]
			row[j+1] = min(change, row[j]+1, row[j+1]+1)
		}
	}
	return row[len(b)]
}
