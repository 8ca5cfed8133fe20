package lease_test

import (
	"runtime"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/lease"
)

func TestParse(t *testing.T) {
	for text, want := range map[string]struct{ postgres, namespace, name string }{
		"kubernetes:etl/anaplan-agent":                     {"", "etl", "anaplan-agent"},
		"kubernetes:etl/a.b-c.d":                           {"", "etl", "a.b-c.d"},
		"postgres:service=anaplan":                         {"service=anaplan", "", ""},
		"postgresql:host=/run/pg dbname='a b' lease=night": {"host=/run/pg dbname='a b' lease=night", "", ""},
		"postgres:passfile=/etc/pgpass host=db":            {"passfile=/etc/pgpass host=db", "", ""},
	} {
		got, err := lease.Parse(text)
		if err != nil || got.Postgres != want.postgres || got.Kubernetes.Namespace != want.namespace || got.Kubernetes.Name != want.name {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
	for text, want := range map[string]string{
		"":                                     `write "kubernetes:NAMESPACE/NAME", or "postgres:service=NAME"`,
		"etcd:x":                               "neither kubernetes: nor postgres:",
		"hunter2":                              "neither kubernetes: nor postgres:",
		"kubernetes:etl":                       "does not say which Lease",
		"kubernetes:/x":                        "does not say which Lease",
		"kubernetes:etl/":                      "does not say which Lease",
		"kubernetes:Etl/x":                     `no namespace "Etl"`,
		"kubernetes:etl/../secrets/x":          `no Lease of the name "../secrets/x"`,
		"kubernetes:etl/x?y":                   "no Lease of the name",
		"kubernetes:etl/" + long:               "no Lease of the name",
		"postgres:":                            "does not say where PostgreSQL is",
		"postgres:anaplan":                     "parameters with =",
		"postgres://agent:hunter2@db/etl":      "a URL of PostgreSQL is not read",
		"postgres:host=db password=hunter2":    "a password or key does not belong",
		"postgres:host=db PassWord = hunter2":  "a password or key does not belong",
		"postgres:host=db sslinline=1":         "a password or key does not belong",
		"postgres:host=db sslpassword=hunter2": "a password or key does not belong",
	} {
		if got, err := lease.Parse(text); err == nil || !strings.Contains(err.Error(), want) || strings.Contains(err.Error(), "hunter2") {
			t.Errorf("%s: %+v, %v", text, got, err)
		}
	}
}

var long = strings.Repeat("x", 254)

func FuzzParse(f *testing.F) {
	f.Add("kubernetes:etl/anaplan-agent")
	f.Add("postgres:service=anaplan")
	f.Add("postgres://agent:hunter2@db/etl")
	f.Fuzz(func(t *testing.T, text string) {
		got, err := lease.Parse(text)
		if err == nil && (got.Postgres == "") == (got.Kubernetes.Name == "") {
			t.Errorf("%q: %+v", text, got)
		}
		if strings.ContainsAny(got.Kubernetes.Namespace+got.Kubernetes.Name, "/ ?#%") {
			t.Errorf("%q is part of another path: %+v", text, got)
		}
	})
}

func TestOpen(t *testing.T) {
	const inKubernetes = "kubernetes:etl/anaplan-agent"
	env := map[string]string{}
	config := lease.Config{Name: "a", Address: "a:1", Getenv: func(name string) string { return env[name] }}
	for text, want := range map[string]string{
		"x":                       "neither",
		inKubernetes:              "not a pod of Kubernetes",
		"postgres:port=x":         `wrong value for "port"`,
		"postgres:service=a host": `missing "=" after "host"`,
	} {
		if got, err := lease.Open(text, config); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, %v", text, got, err)
		}
	}
	env["KUBERNETES_SERVICE_HOST"], env["KUBERNETES_SERVICE_PORT"] = "10.0.0.1", "443"
	usable := []string{inKubernetes, "postgres:host=127.0.0.1 port=1"}
	if runtime.GOOS == "windows" { // any user there may make the directory of a pod's account
		usable = usable[1:]
		if got, err := lease.Open(inKubernetes, config); err == nil || !strings.Contains(err.Error(), "not to be had on Windows: it can be in PostgreSQL") {
			t.Errorf("on Windows: %v, %v", got, err)
		}
	}
	for _, text := range usable {
		one, err := lease.Open(text, config)
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		if view := one.View(); view.Self || view.Trouble != nil || view.Why != "the store of the lease has not answered yet" {
			t.Errorf("%s: %+v", text, view)
		}
	}
}
