// Package kubernetes has the manifests of this folder, and tests of them. It is a module of its own, so that the
// programs do not depend on Kubernetes' types.
package kubernetes

import (
	"bytes"
	"encoding/json"
	"flag"
	"os"
	"slices"
	"testing"

	apps "k8s.io/api/apps/v1"
	core "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

var update = flag.Bool("update", false, "write what the kernel test starts the container with")

// started is what a kubelet takes from the manifest for the container: test/kernel starts it so.
type started struct {
	Args                                            []string
	Capabilities                                    []string // without CAP_
	User                                            int64
	ReadOnly, NoNewPrivileges, HostPID, HostNetwork bool
}

// strict decodes a manifest, in which each key has to be one that Kubernetes knows, and none may come twice.
func strict(t *testing.T, file string, into any) {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if err := yaml.UnmarshalStrict(b, into); err != nil {
		t.Fatalf("%s: %v", file, err)
	}
}

func TestDaemonSet(t *testing.T) {
	var d apps.DaemonSet
	strict(t, "daemonset.yaml", &d)
	if d.APIVersion != "apps/v1" || d.Kind != "DaemonSet" || d.Name == "" {
		t.Errorf("%s %s %q", d.APIVersion, d.Kind, d.Name)
	}
	for key, value := range d.Spec.Selector.MatchLabels {
		if d.Spec.Template.Labels[key] != value {
			t.Errorf("the selector's %s=%s is no label of the pods", key, value)
		}
	}
	pod := d.Spec.Template.Spec
	if len(pod.Containers) != 1 || len(pod.Volumes) != 0 {
		t.Fatalf("%d containers, %d volumes", len(pod.Containers), len(pod.Volumes))
	}
	c := pod.Containers[0]
	s := least(t, c.SecurityContext)
	s.Args, s.HostPID, s.HostNetwork = c.Args, pod.HostPID, pod.HostNetwork
	want, err := json.MarshalIndent(s, "", "\t")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	const file = "../../test/kernel/testdata/daemonset.json"
	if *update {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if have, err := os.ReadFile(file); err != nil || !bytes.Equal(have, want) {
		t.Errorf("%s is not what the manifest says (go test -C contrib/kubernetes . -update writes it): %v\n%s", file, err, want)
	}
}

// least returns what a container may, which has to be no more than docs/privileges.md says.
func least(t *testing.T, c *core.SecurityContext) started {
	t.Helper()
	if c == nil || c.Capabilities == nil || c.AllowPrivilegeEscalation == nil || c.RunAsUser == nil || c.SeccompProfile == nil {
		t.Fatalf("securityContext: %+v", c)
	}
	if c.Privileged != nil || *c.AllowPrivilegeEscalation || !slices.Equal(c.Capabilities.Drop, []core.Capability{"ALL"}) ||
		c.SeccompProfile.Type != core.SeccompProfileTypeUnconfined {
		t.Errorf("securityContext: %+v", c)
	}
	s := started{User: *c.RunAsUser, NoNewPrivileges: !*c.AllowPrivilegeEscalation,
		ReadOnly: c.ReadOnlyRootFilesystem != nil && *c.ReadOnlyRootFilesystem}
	for _, add := range c.Capabilities.Add {
		s.Capabilities = append(s.Capabilities, string(add))
	}
	if want := []string{"BPF", "PERFMON", "SYSLOG"}; !slices.Equal(s.Capabilities, want) {
		t.Errorf("capabilities %v, want %v", s.Capabilities, want)
	}
	return s
}

// TestDebug: the file of kubectl debug --custom is a part of a container, without what kubectl refuses there: a name,
// an image and a command, which its command line has.
func TestDebug(t *testing.T) {
	var c core.Container
	strict(t, "debug.yaml", &c)
	least(t, c.SecurityContext)
	c.SecurityContext = nil
	if b, err := json.Marshal(c); err != nil || string(b) != `{"name":"","resources":{}}` {
		t.Errorf("more than a securityContext: %s %v", b, err)
	}
}
