package track

import (
	"bytes"
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/skb-tools/skb-tools/format"
	"github.com/skb-tools/skb-tools/internal/escape"
	"github.com/skb-tools/skb-tools/internal/spell"
	"github.com/skb-tools/skb-tools/internal/terminal"
	"github.com/skb-tools/skb-tools/internal/text"
)

// What text shows at most; JSON has all.
const (
	textHops  = 40
	textFlows = 20
)

// text writes the report. Its tables fit width, 0 is no limit; lists of names go on in the next line.
func (r *report) text(b *bytes.Buffer, width int) {
	r.counts(b)
	if r.Journeys == 0 {
		return
	}
	r.endings(b, width)
	r.histogram(b)
	if len(r.Hops) > 0 {
		r.hops(b, width)
	}
	if len(r.Flows) > 0 {
		r.flows(b, width)
	}
}

// counts tells how much there was, and how sure it is.
func (r *report) counts(b *bytes.Buffer) {
	branches := "1 branch"
	if r.Branches != 1 {
		branches = fmt.Sprintf("%d branches", r.Branches)
	}
	journeys := spell.Count(r.Journeys, "journey")
	if r.Error > 0 {
		journeys = fmt.Sprintf("about %d ±%d journeys", r.Journeys, r.Error)
	}
	fmt.Fprintf(b, "%s of %s, %s\n", journeys, branches, spell.Count(r.Events, "event"))
	if words := r.sampleWords(); words != "" {
		b.WriteString(words + "\n")
	}
	for _, d := range r.doubts() {
		fmt.Fprintf(b, "%d of them %s\n", d.n, d.why)
	}
	if len(r.Held) > 0 {
		fmt.Fprintf(b, "counted and not written (skb-collect --limit), so in no journey: events at %s\n", counts(r.Held))
	}
	if len(r.DropsHeld) > 0 {
		fmt.Fprintf(b, "drops among them: %s\n", counts(r.DropsHeld))
	}
	for _, what := range slices.Sorted(maps.Keys(r.Lost)) {
		fmt.Fprintf(b, "lost: %d of kind %s\n", r.Lost[what], clean(what))
	}
}

// A doubt is of how many journeys something is not sure, and what.
type doubt struct {
	n   uint64
	why string
}

func (r *report) doubts() []doubt {
	return slices.DeleteFunc([]doubt{
		{r.Uncertain, "uncertain: records were lost or held back that could have told otherwise"},
		{r.Inferred, "inferred from the packets' bytes"},
		{r.ByAddr, "known by address, as the events have no identities"},
	}, func(d doubt) bool { return d.n == 0 })
}

// endings tells how the journeys ended, and why packets were dropped.
func (r *report) endings(b *bytes.Buffer, width int) {
	t := terminal.NewTable("ended", ">journeys", "")
	for _, how := range format.EndNames {
		if n := r.Endings[how]; n > 0 {
			why := ""
			if how == "dropped" {
				why = counts(r.Reasons)
			}
			number := fmt.Sprint(n)
			if e := r.Errors[how]; e > 0 {
				number += fmt.Sprint(" ±", e)
			}
			t.Row(how, number, why)
		}
	}
	t.Wrap()
	_ = t.Write(b, width)
	if n := r.Resent; n.Journeys > 0 {
		fmt.Fprintf(b, "sent again by TCP: %d, %s", n.Journeys, spell.Count(n.Times, "time"))
		if q := n.After; q.Count > 0 {
			fmt.Fprintf(b, ", half within %s, longest %s behind the last event before; the times below have that in them",
				duration(q.P50), duration(q.Max))
		}
		b.WriteByte('\n')
	}
	if len(r.Unclear) > 0 {
		fmt.Fprintf(b, "not told by the kernel (docs/drops.md): %s\n", counts(r.Unclear))
	}
}

// histogram draws how long journeys took from their first event to their last.
func (r *report) histogram(b *bytes.Buffer) {
	b.WriteString("\nfrom first to last\n")
	most := uint64(0)
	for _, bar := range r.Histogram {
		most = max(most, bar.Count)
	}
	t := terminal.NewTable("", ">", "")
	for _, bar := range r.Histogram {
		eighths := 0
		if bar.Count > 0 { // one at least, of a character
			eighths = max(1, int(float64(bar.Count)*40*8/float64(most)))
		}
		picture := strings.Repeat("█", eighths/8)
		if eighths%8 > 0 {
			picture += string(rune('█' + 8 - eighths%8))
		}
		t.Row("up to "+duration(bar.UpTo), fmt.Sprint(bar.Count), picture)
	}
	_ = t.Write(b, 0)
	q := r.Total
	fmt.Fprintf(b, "half within %s, 90%% %s, 99%% %s, longest %s\n", duration(q.P50), duration(q.P90), duration(q.P99),
		duration(q.Max))
}

// hops tells how long it took between probes, the pairs where most of the time went first.
func (r *report) hops(b *bytes.Buffer, width int) {
	t := terminal.NewTable("from", "to", ">count", ">p50", ">p90", ">p99", ">max")
	t.Spare("p90", "p99", "count")
	for _, h := range r.Hops[:min(len(r.Hops), textHops)] {
		t.Row(clean(h.From), clean(h.To), fmt.Sprint(h.Count), duration(h.P50), duration(h.P90), duration(h.P99),
			duration(h.Max))
	}
	b.WriteByte('\n')
	_ = t.Write(b, width)
	if n := len(r.Hops) - textHops; n > 0 {
		fmt.Fprintf(b, "and %d more: -o json has them\n", n)
	}
}

// flows tells how the journeys of each flow ended.
func (r *report) flows(b *bytes.Buffer, width int) {
	t := terminal.NewTable("flow", ">journeys", "")
	for _, f := range r.Flows[:min(len(r.Flows), textFlows)] {
		flow, rest := string(text.AppendFlow(nil, f.flow)), ""
		if from, to, ok := strings.Cut(flow, " > "); ok && width > 0 && len(flow) > width/2 {
			flow, rest = from+" >", "  "+to // IPv6's addresses leave no room for the rest of a line
		}
		t.Row(flow, fmt.Sprint(f.Journeys), counts(f.Endings))
		if rest != "" {
			t.Row(rest)
		}
	}
	b.WriteByte('\n')
	t.Wrap()
	_ = t.Write(b, width)
	if n := len(r.Flows) - textFlows; n > 0 {
		fmt.Fprintf(b, "and %d more: -o json has them\n", n)
	}
}

func duration(ns uint64) string { return string(text.AppendDuration(nil, ns)) }

// clean makes a name from the stream fit for a terminal.
func clean(s string) string { return escape.String(s) }

// counts are the counts by name, the largest first: "NO_SOCKET 12, TCP_CSUM 1".
func counts(m map[string]uint64) string {
	keys := slices.SortedFunc(maps.Keys(m), func(a, b string) int {
		return cmp.Or(cmp.Compare(m[b], m[a]), cmp.Compare(a, b))
	})
	var out []string
	for _, k := range keys[:min(len(keys), 8)] {
		out = append(out, fmt.Sprint(clean(k), " ", m[k]))
	}
	if len(keys) > 8 {
		out = append(out, "...")
	}
	return strings.Join(out, ", ")
}
