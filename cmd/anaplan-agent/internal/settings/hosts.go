package settings

// The client of a profile's Anaplan: its hosts and the roots to trust for them. Nothing is sent
// here.

import (
	"crypto/x509"
	"errors"
	"fmt"
	"log/slog"
	"net/http"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/systemroots"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// errCAFile says that the extra trusted roots cannot be read. Going on without them
// would end in an error about trust, which names the wrong cause.
var errCAFile = errors.New("CA file")

// DefaultRegion is that of settings without a region: the hosts without a region in their name
// (contract section 4).
const DefaultRegion = "us1"

// NewClient returns a client of the profile's Anaplan; ErrSettings for a region that does not
// exist, and for a proxy of the environment that cannot be read, errCAFile for roots that cannot be read. log may be nil. Its User-Agent is a plain name,
// since Anaplan's firewall blocks some (contract section 1.1).
func NewClient(profile *config.Profile, log *slog.Logger) (*anaplan.Client, error) {
	hosts, err := HostsOf(profile)
	if err != nil {
		return nil, err
	}
	if err := upstream.CheckProxy(hosts.Auth, hosts.API); err != nil {
		return nil, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	roots, rest, err := rootsOf(profile.CAFile)
	if err != nil {
		return nil, err
	}
	return anaplan.New(anaplan.Config{
		AuthURL:    hosts.Auth,
		HeaderForm: anaplan.HeaderForm(profile.HeaderForm),
		Roots:      roots,
		RestRoots:  rest,
		UserAgent:  build.Program + "/" + build.Version(),
		Logger:     log,
	})
}

// HostsOf returns the two base URLs of a profile. Either may be given alone; the
// other is then the region's.
//
// Where other agents have the key, all calls go to them, and the first of them stands for all.
func HostsOf(profile *config.Profile) (anaplan.Hosts, error) {
	if members := profile.Members(); members != nil {
		base := "https://" + members[0].Address()
		return anaplan.Hosts{Auth: base, API: base}, nil
	}
	region := profile.Region
	if region == "" {
		region = DefaultRegion
	}
	hosts, err := anaplan.Region(region)
	if err != nil {
		return anaplan.Hosts{}, fmt.Errorf("%w: %w", ErrSettings, err)
	}
	// config has made sure that a region and URLs are not both given.
	if profile.AuthURL != "" {
		hosts.Auth = profile.AuthURL
	}
	if profile.APIURL != "" {
		hosts.API = profile.APIURL
	}
	return hosts, nil
}

// ReadRoots returns the system's roots and those of a file; nil, which means the
// system's, without a file.
func ReadRoots(path string) (*x509.CertPool, error) {
	named, err := readCAFile(path)
	if named == nil || err != nil {
		return nil, err
	}
	return withSystem(named), nil
}

// rootsOf is ReadRoots for one login: what is wrong with the file is told at once, the roots are read
// when they are needed, and the system's, which are many files, only where those that are at hand do
// not vouch for the server.
func rootsOf(path string) (first, rest func() *x509.CertPool, err error) {
	named, err := readCAFile(path)
	if err != nil {
		return nil, nil, err
	}
	if named == nil {
		return systemroots.Bundle, func() *x509.CertPool { return nil }, nil
	}
	return func() *x509.CertPool { return with(x509.NewCertPool(), named) }, func() *x509.CertPool { return withSystem(named) }, nil
}

// readCAFile returns the certificates of a file, in PEM; nil without a file.
func readCAFile(path string) ([]byte, error) {
	if path == "" {
		return nil, nil
	}
	if err := owned.Check(path); err != nil { // or a user who can change it can pose as Anaplan
		return nil, fmt.Errorf("%w: %w", errCAFile, err)
	}
	data, err := console.ReadText(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCAFile, err)
	}
	if !x509.NewCertPool().AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%w: %s contains no PEM certificate", errCAFile, path)
	}
	return data, nil
}

// withSystem returns the system's roots and those of a PEM text.
func withSystem(named []byte) *x509.CertPool {
	roots, err := x509.SystemCertPool()
	if err != nil { // a container without any: those of the file will do
		roots = x509.NewCertPool()
	}
	return with(roots, named)
}

func with(roots *x509.CertPool, named []byte) *x509.CertPool {
	roots.AppendCertsFromPEM(named)
	return roots
}

// NewAPIClient returns a client of the API. Its User-Agent is a plain name, as NewClient's.
func NewAPIClient(base string, way http.RoundTripper) *integration.Client {
	return &integration.Client{Base: base, HTTP: &http.Client{Transport: way}, UserAgent: build.Program + "/" + build.Version()}
}
