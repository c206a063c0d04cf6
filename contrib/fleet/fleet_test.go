// Package fleet has only tests, of what is in this folder.
package fleet

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/skb-tools/skb-tools/internal/drops"
	"github.com/skb-tools/skb-tools/internal/pipe"
	"github.com/skb-tools/skb-tools/internal/track"
	"github.com/skb-tools/skb-tools/test/metricstest"
)

func promtool(t *testing.T, args ...string) {
	t.Helper()
	if out, err := exec.Command("./promtool", args...).CombinedOutput(); err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
}

// TestAlerts: the rules are rules, and alert of what alerts_test.yml says.
func TestAlerts(t *testing.T) {
	promtool(t, "check", "rules", "alerts.yml")
	promtool(t, "test", "rules", "alerts_test.yml")
	tested, err := os.ReadFile("alerts_test.yml")
	if err != nil {
		t.Fatal(err)
	}
	rules, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	for _, m := range regexp.MustCompile(`- alert: (\w+)`).FindAllSubmatch(rules, -1) {
		if !strings.Contains(string(tested), "alertname: "+string(m[1])+"\n") {
			t.Errorf("%s is tested nowhere", m[1])
		}
	}
}

// expressions are those of the dashboard, with values for what Grafana puts in.
func expressions(t *testing.T) (all []string) {
	t.Helper()
	b, err := os.ReadFile("dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		UID    string `json:"uid"`
		Panels []struct {
			ID      int
			Title   string
			GridPos struct{ X, Y, W, H int }
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(b, &board); err != nil {
		t.Fatal(err)
	}
	places := map[string]bool{}
	for _, p := range board.Panels {
		place := fmt.Sprint(p.GridPos.X, " ", p.GridPos.Y)
		if p.Title == "" || len(p.Targets) == 0 || places[place] || places[fmt.Sprint(p.ID)] {
			t.Errorf("panel %d %q shows nothing, or is where another is", p.ID, p.Title)
		}
		places[place], places[fmt.Sprint(p.ID)] = true, true
		for _, target := range p.Targets {
			all = append(all, strings.NewReplacer("$instance", ".*", "$__rate_interval", "5m", "$__range", "1h").Replace(target.Expr))
		}
	}
	if len(all) < 10 {
		t.Fatalf("%d expressions", len(all))
	}
	return all
}

// TestDashboard: its expressions are Prometheus' language.
func TestDashboard(t *testing.T) {
	var rules strings.Builder
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	for i, e := range expressions(t) {
		fmt.Fprintf(&rules, "  - record: skb:panel:%d\n    expr: '%s'\n", i, e)
	}
	file := filepath.Join(t.TempDir(), "rules.yml")
	if err := os.WriteFile(file, []byte(rules.String()), 0o644); err != nil {
		t.Fatal(err)
	}
	promtool(t, "check", "rules", file)
}

// TestNames: the dashboard and the alerts ask for what is served, and with labels that it has.
func TestNames(t *testing.T) {
	input := pipe.Input{Part: true}
	output := pipe.Options{Output: "stream"}
	// Before it has read anything, a program serves all families.
	ofDrops, _ := metricstest.Served(t, "skb-drops", nil, nil,
		func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			return drops.Run(ctx, drops.Options{Input: input, Options: output, Metrics: "localhost:0"}, stdin, stdout, stderr)
		})
	ofTrack, _ := metricstest.Served(t, "skb-track", nil, nil,
		func(ctx context.Context, stdin io.Reader, stdout, stderr io.Writer) error {
			return track.Run(ctx, track.Options{Input: input, Options: output, Metrics: "localhost:0", MaxOpen: 1, Idle: time.Second},
				stdin, stdout, stderr)
		})
	served := ofDrops + ofTrack
	alerts, err := os.ReadFile("alerts.yml")
	if err != nil {
		t.Fatal(err)
	}
	asked := map[string]bool{}
	for _, name := range regexp.MustCompile(`\bskb_\w+`).FindAllString(strings.Join(expressions(t), "\n")+string(alerts), -1) {
		asked[regexp.MustCompile(`_(bucket|count|sum)$`).ReplaceAllString(name, "")] = true
	}
	for name := range asked {
		if !strings.Contains(served, "# TYPE "+name+" ") {
			t.Errorf("nothing serves %s", name)
		}
	}
	if len(asked) < 7 {
		t.Errorf("only these are asked for: %v", asked)
	}
}
