package operate_test

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/sekisho/sekisho/internal/house"
	"github.com/sekisho/sekisho/internal/wire/yaml"
)

// The types below are the fields of Kubernetes' API that the manifests use, by
// its own names: a field that stands elsewhere or nowhere is refused. A text
// also stands for an "integer or string".
type (
	labels   = map[string]string
	selector struct {
		MatchLabels labels `yaml:"matchLabels"`
	}
	head struct {
		Name      string `yaml:"name"`
		Namespace string `yaml:"namespace"`
		Labels    labels `yaml:"labels"`
	}
	document struct {
		APIVersion string            `yaml:"apiVersion"`
		Kind       string            `yaml:"kind"`
		Metadata   head              `yaml:"metadata"`
		Data       map[string]string `yaml:"data"`
		Spec       *yaml.Node        `yaml:"-"`
	}
	port struct {
		Name          string `yaml:"name"`
		Protocol      string `yaml:"protocol"`
		Port          string `yaml:"port"`
		TargetPort    string `yaml:"targetPort"`
		ContainerPort string `yaml:"containerPort"`
	}
	service struct {
		Selector labels `yaml:"selector"`
		Ports    []port `yaml:"ports"`
	}
	workload struct {
		ServiceName string   `yaml:"serviceName"`
		Replicas    int      `yaml:"replicas"`
		Selector    selector `yaml:"selector"`
		Strategy    struct {
			Type          string `yaml:"type"`
			RollingUpdate struct {
				MaxUnavailable string `yaml:"maxUnavailable"`
				MaxSurge       string `yaml:"maxSurge"`
			} `yaml:"rollingUpdate"`
		} `yaml:"strategy"`
		Template struct {
			Metadata head `yaml:"metadata"`
			Spec     pod  `yaml:"spec"`
		} `yaml:"template"`
		VolumeClaimTemplates []struct {
			Metadata head `yaml:"metadata"`
			Spec     struct {
				AccessModes []string `yaml:"accessModes"`
				Resources   struct {
					Requests labels `yaml:"requests"`
				} `yaml:"resources"`
			} `yaml:"spec"`
		} `yaml:"volumeClaimTemplates"`
	}
	pod struct {
		AutomountServiceAccountToken  *bool `yaml:"automountServiceAccountToken"`
		EnableServiceLinks            *bool `yaml:"enableServiceLinks"`
		TerminationGracePeriodSeconds int   `yaml:"terminationGracePeriodSeconds"`
		TopologySpreadConstraints     []struct {
			MaxSkew           int      `yaml:"maxSkew"`
			TopologyKey       string   `yaml:"topologyKey"`
			WhenUnsatisfiable string   `yaml:"whenUnsatisfiable"`
			LabelSelector     selector `yaml:"labelSelector"`
		} `yaml:"topologySpreadConstraints"`
		SecurityContext security    `yaml:"securityContext"`
		Containers      []container `yaml:"containers"`
		Volumes         []struct {
			Name      string `yaml:"name"`
			ConfigMap struct {
				Name string `yaml:"name"`
			} `yaml:"configMap"`
			EmptyDir struct {
				SizeLimit string `yaml:"sizeLimit"`
			} `yaml:"emptyDir"`
		} `yaml:"volumes"`
	}
	security struct {
		RunAsNonRoot             *bool  `yaml:"runAsNonRoot"`
		RunAsUser                int    `yaml:"runAsUser"`
		RunAsGroup               int    `yaml:"runAsGroup"`
		FSGroup                  int    `yaml:"fsGroup"`
		FSGroupChangePolicy      string `yaml:"fsGroupChangePolicy"`
		AllowPrivilegeEscalation *bool  `yaml:"allowPrivilegeEscalation"`
		ReadOnlyRootFilesystem   *bool  `yaml:"readOnlyRootFilesystem"`
		SeccompProfile           struct {
			Type string `yaml:"type"`
		} `yaml:"seccompProfile"`
		Capabilities struct {
			Drop []string `yaml:"drop"`
			Add  []string `yaml:"add"`
		} `yaml:"capabilities"`
	}
	container struct {
		Name  string   `yaml:"name"`
		Image string   `yaml:"image"`
		Args  []string `yaml:"args"`
		Env   []struct {
			Name      string `yaml:"name"`
			Value     string `yaml:"value"`
			ValueFrom struct {
				SecretKeyRef struct {
					Name string `yaml:"name"`
					Key  string `yaml:"key"`
				} `yaml:"secretKeyRef"`
			} `yaml:"valueFrom"`
		} `yaml:"env"`
		Ports          []port `yaml:"ports"`
		StartupProbe   probe  `yaml:"startupProbe"`
		LivenessProbe  probe  `yaml:"livenessProbe"`
		ReadinessProbe probe  `yaml:"readinessProbe"`
		Resources      struct {
			Requests labels `yaml:"requests"`
			Limits   labels `yaml:"limits"`
		} `yaml:"resources"`
		SecurityContext security `yaml:"securityContext"`
		VolumeMounts    []struct {
			Name      string `yaml:"name"`
			MountPath string `yaml:"mountPath"`
			ReadOnly  bool   `yaml:"readOnly"`
		} `yaml:"volumeMounts"`
	}
	probe struct {
		HTTPGet struct {
			Path string `yaml:"path"`
			Port string `yaml:"port"`
		} `yaml:"httpGet"`
		PeriodSeconds    int `yaml:"periodSeconds"`
		TimeoutSeconds   int `yaml:"timeoutSeconds"`
		FailureThreshold int `yaml:"failureThreshold"`
	}
	policy struct {
		PodSelector selector `yaml:"podSelector"`
		PolicyTypes []string `yaml:"policyTypes"`
		Ingress     []rule   `yaml:"ingress"`
		Egress      []rule   `yaml:"egress"`
	}
	rule struct {
		From []struct {
			NamespaceSelector selector `yaml:"namespaceSelector"`
		} `yaml:"from"`
		Ports []port `yaml:"ports"`
	}
	budget struct {
		MaxUnavailable string   `yaml:"maxUnavailable"`
		Selector       selector `yaml:"selector"`
	}
)

// apiVersions are the kinds that are used, with where they stand.
var apiVersions = map[string]string{
	"Namespace": "v1", "ConfigMap": "v1", "Service": "v1", "StatefulSet": "apps/v1", "Deployment": "apps/v1",
	"NetworkPolicy": "networking.k8s.io/v1", "PodDisruptionBudget": "policy/v1",
}

// cluster is one file of manifests.
type cluster struct {
	kinds   map[string]document
	work    workload
	service service
	policy  policy
	budget  budget
	config  house.Config
}

func readCluster(t *testing.T, text string) (c cluster, err error) {
	t.Helper()
	nodes, err := yaml.Parse("kubernetes.yaml", []byte(text), yaml.Limits{})
	if err != nil {
		return c, err
	}
	c.kinds = map[string]document{}
	for _, n := range nodes {
		var d document
		d.Spec = n.Get("spec")
		n.Fields = slices.DeleteFunc(n.Fields, func(f yaml.Field) bool { return f.Name == "spec" })
		if err := yaml.Decode(n, &d); err != nil {
			return c, err
		}
		into := map[string]any{
			"StatefulSet": &c.work, "Deployment": &c.work, "Service": &c.service, "NetworkPolicy": &c.policy, "PodDisruptionBudget": &c.budget,
		}[d.Kind]
		if into != nil {
			if err := yaml.DecodeAt(d.Spec, d.Kind+".spec", into); err != nil {
				return c, err
			}
		}
		if apiVersions[d.Kind] == "" || apiVersions[d.Kind] != d.APIVersion {
			return c, fmt.Errorf("%s of %s", d.Kind, d.APIVersion)
		}
		c.kinds[d.Kind] = d
	}
	file := filepath.Join(t.TempDir(), "sekisho.yaml")
	if err := os.WriteFile(file, []byte(c.kinds["ConfigMap"].Data["sekisho.yaml"]), 0o600); err != nil {
		return c, err
	}
	var environ []string
	for _, one := range c.work.Template.Spec.Containers[0].Env {
		value := one.Value
		if one.Name == "SEKISHO_CONFIG" {
			continue // the command line's own
		}
		if one.Name == "SEKISHO_DATABASE" {
			value = "postgres://sekisho@db.example.com/sekisho"
		} else if value == "" {
			value = "given by the secret"
		}
		environ = append(environ, one.Name+"="+value)
	}
	c.config, err = house.LoadConfig(file, environ)
	return c, err
}

// judgeCluster says where the manifests and the program do not fit together.
func judgeCluster(t *testing.T, text, imageText string) []string {
	t.Helper()
	c, err := readCluster(t, text)
	if err != nil {
		return []string{err.Error()}
	}
	var found []string
	must := func(ok bool, format string, args ...any) {
		if !ok {
			found = append(found, fmt.Sprintf(format, args...))
		}
	}
	p := c.work.Template.Spec
	box := p.Containers[0]
	_, listen, _ := net.SplitHostPort(c.config.Listen)
	_, metrics, _ := net.SplitHostPort(c.config.Metrics.Listen)
	ports := map[string]string{}
	for _, one := range box.Ports {
		ports[one.Name] = one.ContainerPort
	}
	must(ports["http"] == listen && ports["metrics"] == metrics, "ports %v, but it listens on %s and %s", ports, listen, metrics)
	for name, probe := range map[string]struct {
		probe
		path string
	}{"startup": {box.StartupProbe, "/healthz"}, "liveness": {box.LivenessProbe, "/healthz"}, "readiness": {box.ReadinessProbe, "/readyz"}} {
		must(probe.HTTPGet.Path == probe.path && ports[probe.HTTPGet.Port] == listen, "%s asks %s on %s", name, probe.HTTPGet.Path, probe.HTTPGet.Port)
		must(probe.PeriodSeconds > 0 && probe.FailureThreshold > 0, "%s has no period", name)
	}
	must(c.service.Ports[0].TargetPort == "http", "the service leads to %s", c.service.Ports[0].TargetPort)
	grace := time.Duration(p.TerminationGracePeriodSeconds) * time.Second
	must(grace >= c.config.Drain+2*stopMost, "a grace of %s for a drain of %s", grace, c.config.Drain)
	mounted := map[string]string{}
	for _, m := range box.VolumeMounts {
		mounted[m.Name] = m.MountPath
	}
	must(filepath.Dir(c.config.Data) == mounted["data"], "the data are in %s, the volume at %s", c.config.Data, mounted["data"])
	must(mounted["tmp"] == "/tmp", "SQLite has no place to sort in")
	must(len(box.Args) == 3 && box.Args[0] == "serve" && box.Args[1] == "--config" && filepath.Dir(box.Args[2]) == mounted["config"],
		"%v does not serve with a configuration of %s", box.Args, mounted["config"])
	user := those(parseImage(imageText).last, "USER")[0]
	s := p.SecurityContext
	must(user == fmt.Sprintf("%d:%d", s.RunAsUser, s.RunAsGroup) && s.FSGroup == s.RunAsGroup, "runs as %d:%d, the image as %s", s.RunAsUser, s.RunAsGroup, user)
	must(s.FSGroupChangePolicy == "OnRootMismatch", "each start would open the house's folder to the group")
	found = append(found, judgeRestricted(c)...)
	for what, l := range map[string]labels{
		"the service": c.service.Selector, "the workload": c.work.Selector.MatchLabels, "the policy": c.policy.PodSelector.MatchLabels,
	} {
		must(l["app"] == c.work.Template.Metadata.Labels["app"] && l["app"] != "", "%s selects %v", what, l)
	}
	must(slices.Equal(c.policy.PolicyTypes, []string{"Ingress", "Egress"}), "the policy leaves %v open", c.policy.PolicyTypes)
	must(!c.config.Unseal.Passphrase.Empty(), "no unseal key")
	if c.work.Replicas > 1 {
		roll := c.work.Strategy.RollingUpdate
		must(strings.HasPrefix(c.config.Database.Reveal(), "postgres:"), "%d nodes without PostgreSQL", c.work.Replicas)
		must(roll.MaxUnavailable == "0" && roll.MaxSurge == "1", "an upgrade takes %s away", roll.MaxUnavailable)
		must(c.budget.MaxUnavailable == "1", "no budget for disruptions")
		period := time.Duration(box.ReadinessProbe.PeriodSeconds*box.ReadinessProbe.FailureThreshold) * time.Second
		must(c.config.Drain >= 2*period, "a drain of %s, but it is out of the service after %s", c.config.Drain, period)
	} else {
		must(len(c.work.VolumeClaimTemplates) == 1, "SQLite without a volume")
	}
	return found
}

// judgeRestricted holds the pod to the standard "restricted".
func judgeRestricted(c cluster) []string {
	yes := func(b *bool) bool { return b != nil && *b }
	no := func(b *bool) bool { return b != nil && !*b }
	p := c.work.Template.Spec
	box := p.Containers[0].SecurityContext
	var found []string
	for why, ok := range map[string]bool{
		"may be root":                        yes(p.SecurityContext.RunAsNonRoot) && p.SecurityContext.RunAsUser > 0,
		"has no seccomp profile":             p.SecurityContext.SeccompProfile.Type == "RuntimeDefault",
		"may become more":                    no(box.AllowPrivilegeEscalation),
		"has capabilities":                   slices.Equal(box.Capabilities.Drop, []string{"ALL"}) && len(box.Capabilities.Add) == 0,
		"writes to its root":                 yes(box.ReadOnlyRootFilesystem),
		"gets a token of the cluster":        no(p.AutomountServiceAccountToken),
		"gets variables of others":           no(p.EnableServiceLinks), // SEKISHO_SERVICE_HOST would be an unknown setting
		"has no limit of memory":             p.Containers[0].Resources.Limits["memory"] != "",
		"is in a namespace that is not held": c.kinds["Namespace"].Metadata.Labels["pod-security.kubernetes.io/enforce"] == "restricted",
	} {
		if !ok {
			found = append(found, "the pod "+why)
		}
	}
	return found
}

func TestKubernetesFitsTheProgram(t *testing.T) {
	img := read(t, dockerfile)
	spoils := map[string][][3]string{
		"deploy/kubernetes.yaml": {
			{"but it listens on 8081", "listen: 0.0.0.0:8080", "listen: 0.0.0.0:8081"},
			{"lisen", "listen: 0.0.0.0:8080", "lisen: 0.0.0.0:8080"},
			{"readiness asks /ready", "/readyz", "/ready"},
			{"the data are in", "mountPath: /var/lib/sekisho}", "mountPath: /data}"},
			{"each start would open", "OnRootMismatch", "Always"},
			{"variables of others", "enableServiceLinks: false", "enableServiceLinks: true"},
			{"SEKISHO_PASSPHRASE", "SEKISHO_UNSEAL_PASSPHRASE", "SEKISHO_PASSPHRASE"},
			{"may become more", "allowPrivilegeEscalation: false", "allowPrivilegeEscalation: true"},
			{"has capabilities", "drop: [ALL]", "drop: [NET_RAW]"},
			{"readOnlyRootFileSystem", "readOnlyRootFilesystem", "readOnlyRootFileSystem"},
			{"a grace of 15s", "terminationGracePeriodSeconds: 45", "terminationGracePeriodSeconds: 15"},
			{"2 nodes without PostgreSQL", "replicas: 1", "replicas: 2"},
			{"Service of v2", "apiVersion: v1\nkind: Service", "apiVersion: v2\nkind: Service"},
			{"the image as", "runAsUser: 65532", "runAsUser: 1000"},
		},
		"deploy/kubernetes-postgres.yaml": {
			{"an upgrade takes", "maxUnavailable: 0", "maxUnavailable: 1"},
			{"a drain of 8s", "drain: 15s", "drain: 8s"},
			{"nodes without PostgreSQL", "SEKISHO_DATABASE", "SEKISHO_BASE_URL"},
			{"no budget", "maxUnavailable: 1\n", "maxUnavailable: 0\n"},
		},
	}
	for name, list := range spoils {
		text := read(t, name)
		if found := judgeCluster(t, text, img); len(found) > 0 {
			t.Errorf("%s:\n%s", name, strings.Join(found, "\n"))
		}
		for _, s := range list {
			spoilt := strings.Replace(text, s[1], s[2], 1)
			if got := strings.Join(judgeCluster(t, spoilt, img), "\n"); spoilt == text || !strings.Contains(got, s[0]) {
				t.Errorf("%s with %q: %q does not say %q", name, s[2], got, s[0])
			}
		}
	}
}
