// Package pagetest reads the pages of --html.
package pagetest

import "bytes"

// Data is what a page has of the stream, as JSON; empty if it has none.
func Data(page []byte) []byte {
	_, data, _ := bytes.Cut(page, []byte(`id="data">`))
	data, _, _ = bytes.Cut(data, []byte("</script>"))
	return data
}
