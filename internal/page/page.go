// Package page writes what was found as one HTML file that needs nothing else: no network, no other file, no server.
//
// What comes from a stream is in the page as JSON, with <, > and & escaped, and gets into the document as text alone
// (textContent in assets/page.js). The page's Content-Security-Policy names its own scripts and styles by their hashes,
// and allows nothing else: no request, no other script.
package page

import (
	"bytes"
	"crypto/sha256"
	_ "embed" // the assets
	"encoding/base64"
	"encoding/json"
	"fmt"

	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/tempfile"
)

var (
	//go:embed assets/uPlot.iife.min.js
	uplotJS string
	//go:embed assets/uPlot.min.css
	uplotCSS string
	//go:embed assets/uPlot.LICENSE
	uplotLicence string
	//go:embed assets/page.css
	pageCSS string
	//go:embed assets/page.js
	pageJS string
)

// Data is what a page shows. Text in it is shown as it is: names from a stream have been escaped before.
type Data struct {
	Title string `json:"title"`
	// Tool is the program that wrote the page, with its version.
	Tool   string   `json:"tool"`
	Starts []Start  `json:"starts"`
	Sure   []string `json:"sure"`  // how sure it is, in sentences; the first says whether the stream was whole
	Whole  bool     `json:"whole"` // no event was lost, and none lacks in the numbers
	Lost   []Loss   `json:"lost"`  // at most maxLosses
	// MoreLost is how many losses are not in Lost.
	MoreLost int     `json:"more_lost"`
	Clock    bool    `json:"clock"` // times are of the wall clock; else they are of the host's monotonic clock
	Series   *Series `json:"series"`
	// Summary is that of the program, as its -o json writes it.
	Summary any      `json:"summary"`
	Heat    *Heat    `json:"heat,omitempty"`
	Chosen  *Chosen  `json:"chosen,omitempty"`
	Causes  []Cause  `json:"causes,omitempty"`
	Besides []string `json:"besides,omitempty"` // lines: what the kernel counted that no drop event shows
}

// A Start is where and how something was captured.
type Start struct {
	Host, Kernel, Arch, Tool, Command string
	At                                float64 // s, Unix time or of the monotonic clock; 0: not known
	CPUs, Probes, Snaplen             uint32
	Capture                           bool // it was read from a capture, which knows less
}

// A Loss is a time in which something is missing.
type Loss struct {
	Since float64 `json:"since"` // s
	Until float64 `json:"until"`
	Count uint64  `json:"count"`
	What  string  `json:"what"`
	Cause string  `json:"cause"`
}

// maxLosses bounds the losses that a page marks one by one.
const maxLosses = 500

// A Cause is a group of drops, explained.
type Cause struct {
	Severity    string   `json:"severity"`
	Count       uint64   `json:"count"`
	Values      []string `json:"values"` // of what the summary is by
	Cause       string   `json:"cause"`
	Doubt       string   `json:"doubt,omitempty"`
	OneOf       []string `json:"one_of,omitempty"`
	Example     string   `json:"example,omitempty"`
	Enter       string   `json:"enter,omitempty"` // what enters its network namespace
	Look        []string `json:"look,omitempty"`
	First, Last float64  // s
}

// WriteFile writes the page to the file of --html.
func (d *Data) WriteFile(name string) error {
	b, err := d.bytes()
	if err == nil {
		err = tempfile.Replace(name, b)
	}
	if err != nil {
		return fmt.Errorf("--html %s: %w", name, err)
	}
	return nil
}

func (d *Data) bytes() ([]byte, error) {
	var data bytes.Buffer
	e := json.NewEncoder(&data) // which escapes <, >, & and the line separators of JavaScript
	if err := e.Encode(d); err != nil {
		return nil, err
	}
	var b bytes.Buffer
	fmt.Fprintf(&b, `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; script-src %s %s; style-src %s %s; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="referrer" content="no-referrer">
<title>skb-tools</title>
<!-- The charts are drawn by uPlot 1.6.32, which is embedded below.
%s-->
<style>%s</style>
<style>%s</style>
</head>
<body>
<noscript>This page needs JavaScript, which it has inside. It loads nothing.</noscript>
<main id="page"></main>
<script type="application/json" id="data">%s</script>
<script>%s</script>
<script>%s</script>
</body>
</html>
`, hash(uplotJS), hash(pageJS), hash(uplotCSS), hash(pageCSS), uplotLicence, uplotCSS, pageCSS,
		escape.JSON(nil, bytes.TrimSpace(data.Bytes())), uplotJS, pageJS)
	return b.Bytes(), nil
}

// hash is a source of a Content-Security-Policy: an element with exactly this text.
func hash(text string) string {
	sum := sha256.Sum256([]byte(text))
	return "'sha256-" + base64.StdEncoding.EncodeToString(sum[:]) + "'"
}
