// Package spell is about words in messages: which name a misspelled one was most likely meant
// to be, and how many of a thing there are.
package spell

// DidYouMean is " (did you mean NAME?)" for the Nearest of known, "" if none is like the name.
func DidYouMean(name string, known []string) string {
	if near := Nearest(name, known); near != "" {
		return " (did you mean " + near + "?)"
	}
	return ""
}

// Nearest returns which of known a name was most likely meant to be, the first of several;
// "" if none is like it. A letter that is missing, too many or another one is a mistake, and so
// are two neighbours that changed places. In up to five letters one mistake may be, in up to
// eight two, in a longer name one for every three letters.
func Nearest(name string, known []string) string {
	limit, found := 1, ""
	switch {
	case len(name) < 2:
		return "" // any other letter would be like it
	case len(name) > 8:
		limit = len(name) / 3
	case len(name) > 5:
		limit = 2
	}
	var m mistakes
	for _, k := range known {
		if n := m.count(name, k, limit); n <= limit {
			found, limit = k, n-1
		}
	}
	return found
}

// mistakes counts them (optimal string alignment). Its rows are used for many names: a kernel
// has 50,000 functions.
type mistakes struct{ before, last, row []int }

// count returns the number of mistakes that make b of a; beyond limit any number that is, too.
func (m *mistakes) count(a, b string, limit int) int {
	if len(a)-len(b) > limit || len(b)-len(a) > limit {
		return limit + 1
	}
	if len(m.row) <= len(b) {
		m.before, m.last, m.row = make([]int, len(b)+16), make([]int, len(b)+16), make([]int, len(b)+16)
	}
	before, last, row := m.before, m.last, m.row
	for j := range len(b) + 1 {
		last[j] = j
	}
	for i := range len(a) {
		row[0] = i + 1
		least := row[0]
		for j := range len(b) {
			n := last[j]
			if a[i] != b[j] {
				n++
			}
			n = min(n, last[j+1]+1, row[j]+1)
			if i > 0 && j > 0 && a[i] == b[j-1] && a[i-1] == b[j] {
				n = min(n, before[j-1]+1)
			}
			row[j+1] = n
			least = min(least, n)
		}
		if least > limit { // nor will a swap do with less: it adds one to the row before, whose least is one less at best
			return least
		}
		before, last, row = last, row, before
	}
	return last[len(b)]
}
