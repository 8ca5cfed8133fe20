package lease

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent/lease/kubernetes"
	"github.com/anaplan-agent/anaplan-agent/agent/lease/postgres"
)

// Setting is where a lease is. One of the two is set.
type Setting struct {
	Postgres   string // parameters of a connection, as libpq writes them
	Kubernetes struct{ Namespace, Name string }
}

// forms is how a setting is written.
const forms = `write "kubernetes:NAMESPACE/NAME", or "postgres:service=NAME" with NAME in the file pg_service.conf`

// namespaceName is what Kubernetes takes as a namespace's (RFC 1123: a label).
var namespaceName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$`)
})

// leaseName is what it takes as a Lease's (a subdomain).
var leaseName = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^[a-z0-9]([a-z0-9-]*[a-z0-9])?(\.[a-z0-9]([a-z0-9-]*[a-z0-9])?)*$`)
})

// secret finds parameters that are secrets, or are written in the place of a file with one.
var secret = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`(?i)\b(password|sslinline|sslpassword)\s*=`)
})

// Parse reads a setting. Its errors do not repeat what could be a password.
func Parse(text string) (setting Setting, err error) {
	scheme, rest, _ := strings.Cut(text, ":")
	switch scheme {
	case "kubernetes":
		return setting, setting.parseKubernetes(rest)
	case "postgres", "postgresql":
		return setting, setting.parsePostgres(rest)
	}
	return setting, fmt.Errorf("it begins with neither kubernetes: nor postgres: (%s)", forms)
}

func (s *Setting) parseKubernetes(rest string) error {
	namespace, name, found := strings.Cut(rest, "/")
	switch {
	case !found || namespace == "" || name == "":
		return fmt.Errorf("kubernetes:%s does not say which Lease of which namespace: write \"kubernetes:NAMESPACE/NAME\"", rest)
	case !namespaceName().MatchString(namespace):
		return fmt.Errorf("there is no namespace %q in Kubernetes: lower case letters, digits and -, 63 at most", namespace)
	case !leaseName().MatchString(name) || len(name) > 253:
		return fmt.Errorf("there is no Lease of the name %q in Kubernetes: lower case letters, digits, - and . between them", name)
	}
	s.Kubernetes.Namespace, s.Kubernetes.Name = namespace, name
	return nil
}

func (s *Setting) parsePostgres(rest string) error {
	switch {
	case strings.HasPrefix(rest, "//"):
		return fmt.Errorf("a URL of PostgreSQL is not read here: write its parts as %q, and the password into a file (docs/fleet.md)", "postgres:host=HOST dbname=NAME user=NAME")
	case strings.TrimSpace(rest) == "":
		return fmt.Errorf("postgres: does not say where PostgreSQL is (%s)", forms)
	case !strings.Contains(rest, "="):
		return fmt.Errorf("after postgres: come parameters with =, as service=NAME (%s)", forms)
	case secret().MatchString(rest):
		return fmt.Errorf("a password or key does not belong in the configuration: put it into the service file, or into a file that passfile= names, which only the agent's user can read")
	}
	s.Postgres = rest
	return nil
}

// Open makes the Lease that a setting names. It connects to nothing: a store that is away shows in the
// View. An error is one of the settings.
func Open(text string, config Config) (*Lease, error) {
	setting, err := Parse(text)
	if err != nil {
		return nil, err
	}
	store, err := setting.open(config)
	if err != nil {
		return nil, fmt.Errorf("%w", err)
	}
	return New(store, config), nil
}

func (s Setting) open(config Config) (Store, error) {
	if s.Postgres != "" {
		return postgres.New(s.Postgres)
	}
	getenv := config.Getenv
	if getenv == nil {
		getenv = os.Getenv
	}
	inCluster, err := kubernetes.InCluster(getenv)
	if err != nil {
		return nil, err
	}
	inCluster.Namespace, inCluster.Name = s.Kubernetes.Namespace, s.Kubernetes.Name
	return kubernetes.New(inCluster), nil
}
