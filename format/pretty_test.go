package format

import (
	"io"
	"strings"
	"testing"
)

// TestPrettyJSON: records over several lines are read as jq writes them; of what is laid out otherwise the error says
// what to do, after the records before it.
func TestPrettyJSON(t *testing.T) {
	const first, second = `{"type":"a"}`, `{"type":"b","x":1}`
	pretty := "{\n  \"type\": \"b\",\n  \"x\": [\n    1\n  ]\n}\n"
	for _, c := range []struct {
		in, says string
		records  int
	}{
		{first + "\n" + pretty + first, "", 3},
		{strings.ReplaceAll(pretty, "  ", "\t"), "", 1},
		{"[" + first + "," + second + "]\n", "at byte 0: a JSON array and no stream: jq -c '.[]' makes a line of each record in it", 0},
		{"\n[\n" + first + "\n]\n", "at byte 1: a JSON array and no stream: jq -c '.[]' makes a line of each record in it", 0},
		{"\x1b[1;39m{\n", "at byte 0: coloured text and no stream: jq -M writes JSON without colours", 0},
		{first + "\n{\"type\": \"b\",\n\"x\": 1}\n", "at byte 26: the JSON line is cut off; a record is one line of JSON, as jq -c writes it", 1},
		{first + "\n{\"type\": \"b\",", "at byte 26: the JSON line is cut off", 1},
		{first + "\n{\"type\": x}\n" + second, "at byte 22: 'x' where a value was expected", 1},
	} {
		d, n := NewDecoder(strings.NewReader(c.in)), 0
		says := ""
		for {
			if _, err := d.Next(); err == io.EOF {
				break
			} else if err != nil {
				says = err.Error()
				break
			}
			n++
		}
		if says != c.says || n != c.records {
			t.Errorf("%q: %d records, %q; want %d, %q", c.in, n, says, c.records, c.says)
		}
	}
}
