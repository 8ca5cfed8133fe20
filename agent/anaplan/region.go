package anaplan

import (
	"errors"
	"fmt"
	"slices"
	"strings"
)

// ErrRegion is returned for a region that is not in the table.
var ErrRegion = errors.New("unknown region")

// Hosts are the base URLs of a region, without a trailing slash. They belong
// together: a token of one region is worth nothing in another.
type Hosts struct {
	Auth string // of /token/authenticate and its siblings
	API  string // of the integration API, /2/0/...
}

// Audit returns the base URL of the audit API, /audit/..., which the first regions serve on a host
// of its own (contract section 4).
func (h Hosts) Audit() string {
	if h.API == firstAPI {
		return "https://audit.anaplan.com"
	}
	return h.API
}

// Of returns the base URL of what serves a path.
func (h Hosts) Of(path string) string {
	if IsAudit(path) {
		return h.Audit()
	}
	return h.API
}

// IsAudit reports whether a path, as "/audit/api/1/events", is of the audit API.
func IsAudit(path string) bool { return strings.HasPrefix(path, "/audit/") }

// firstAPI is the API host that eight regions share.
const firstAPI = "https://api.anaplan.com"

// regions lists the names in the order in which Anaplan's allowlist page gives
// them (contract section 4).
var regions = []string{
	"us1", "us2", "us5", "us7", "eu1", "eu2", "eu4", "ap1",
	"us9", "eu3", "eu5", "gb1", "in1", "id1", "me1", "sg1", "ae1",
	"ca1", "au1",
}

// Regions returns the names that Region knows.
func Regions() []string { return slices.Clone(regions) }

// Region returns the hosts of the region of that name, such as "us1" or "eu3".
func Region(name string) (Hosts, error) {
	if !slices.Contains(regions, name) {
		return Hosts{}, fmt.Errorf("%w %q: it is one of %s, or give the two base URLs instead",
			ErrRegion, name, strings.Join(regions, ", "))
	}
	switch name {
	case "us1", "us2", "us5", "us7", "eu1", "eu2", "eu4", "ap1":
		return Hosts{Auth: "https://auth.anaplan.com", API: firstAPI}, nil
	case "ca1":
		return Hosts{Auth: "https://ca1a.auth.anaplan.com", API: "https://ca1a.api.anaplan.com"}, nil
	case "au1":
		// The one region whose API host does not end like the others.
		return Hosts{Auth: "https://au1a.app2.anaplan.com", API: "https://api.au1a.app2.anaplan.com"}, nil
	}
	return Hosts{Auth: "https://" + name + ".auth.anaplan.com", API: "https://" + name + ".api.anaplan.com"}, nil
}

// HostNames returns the names of the hosts of all regions, without their schemes, each once.
func HostNames() (names []string) {
	for _, region := range regions {
		hosts, _ := Region(region) // of the table: no error
		for _, base := range []string{hosts.Auth, hosts.API, hosts.Audit()} {
			if name := strings.TrimPrefix(base, "https://"); !slices.Contains(names, name) {
				names = append(names, name)
			}
		}
	}
	return names
}
