package main

// The way to Anaplan's API for calls that the agent makes for others: one set of
// connections for all profiles of a host, and one allowance for all of a tenant.

import (
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
)

// upstreams has what profiles share.
type upstreams struct {
	mu      sync.Mutex
	bases   map[baseKey]*http.Transport
	tenants map[string]*tenant
}

// baseKey is what tells connections apart. A file of roots that has changed is another one.
type baseKey struct{ apiURL, caFile, caStamp string }

// tenant is an allowance of calls (contract section 6).
type tenant struct {
	limiter   *fair.Limiter
	perMinute int
}

// base returns the connections to a profile's API host.
func (u *upstreams) base(profile *config.Profile, apiURL string) (*http.Transport, error) {
	u.mu.Lock()
	defer u.mu.Unlock()
	key := baseKey{apiURL, profile.CAFile, fileStamp(profile.CAFile)}
	if base, ok := u.bases[key]; ok {
		return base, nil
	}
	roots, err := readRoots(profile.CAFile)
	if err != nil {
		return nil, err
	}
	if u.bases == nil {
		u.bases = map[baseKey]*http.Transport{}
	}
	u.bases[key] = proxy.NewBase(roots)
	return u.bases[key], nil
}

// limiter returns the allowance of a profile's tenant, which outlives a reload: what has
// been used of it stays used.
func (u *upstreams) limiter(profile *config.Profile, apiURL string) *fair.Limiter {
	u.mu.Lock()
	defer u.mu.Unlock()
	name := tenantName(profile, apiURL)
	known := u.tenants[name]
	if known == nil || known.perMinute != profile.RequestsPerMinute {
		known = &tenant{fair.New(fair.Config{PerMinute: profile.RequestsPerMinute}), profile.RequestsPerMinute}
		if u.tenants == nil {
			u.tenants = map[string]*tenant{}
		}
		u.tenants[name] = known
	}
	return known.limiter
}

// tenantName names the tenant of a profile. Where nobody has said which it is, all profiles
// of a host are taken for one tenant's: too few calls a minute are slow, too many refused.
func tenantName(profile *config.Profile, apiURL string) string {
	if profile.Tenant != "" {
		return profile.Tenant
	}
	host, err := url.Parse(apiURL)
	if err != nil {
		return apiURL
	}
	return host.Host
}

// allowances returns how the tenants' allowances are, for the metrics.
func (u *upstreams) allowances() map[string]metrics.Allowance {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make(map[string]metrics.Allowance, len(u.tenants))
	for name, tenant := range u.tenants {
		all[name] = metrics.Allowance(tenant.limiter.Stats())
	}
	return all
}

// checkTenants returns an error if profiles share a tenant and do not agree on its allowance.
func checkTenants(profiles []*config.Profile) error {
	first := map[string]*config.Profile{}
	for _, profile := range profiles {
		hosts, err := hostsOf(profile)
		if err != nil {
			return err
		}
		name := tenantName(profile, hosts.API)
		other := first[name]
		if other == nil {
			first[name] = profile
		} else if other.RequestsPerMinute != profile.RequestsPerMinute {
			return fmt.Errorf("%w: profiles %q and %q share the allowance of %s, but say requests_per_minute = %d and %d: say the same, or another tenant for one of them",
				errSettings, other.Name, profile.Name, name, other.RequestsPerMinute, profile.RequestsPerMinute)
		}
	}
	return nil
}

// forwarding is how a profile's calls are made.
type forwarding struct {
	api   *proxy.Proxy
	names policy.Names
}

// of returns how calls are made with a Keeper's tokens.
func (u *upstreams) of(profile *config.Profile, keeper *agent.Keeper) (forwarding, error) {
	hosts, err := hostsOf(profile)
	if err != nil {
		return forwarding{}, err
	}
	base, err := u.base(profile, hosts.API)
	if err != nil {
		return forwarding{}, err
	}
	limiter := u.limiter(profile, hosts.API)
	api, err := proxy.New(proxy.Config{
		API: hosts.API, Transport: base, Source: keeper, Limiter: limiter, UserAgent: program + "/" + version(),
	})
	if err != nil {
		return forwarding{}, fmt.Errorf("%w: %w", errSettings, err)
	}
	way := &proxy.Transport{Source: keeper, Base: base, Limiter: limiter, Client: program}
	return forwarding{api, integration.NewCatalog(newAPIClient(hosts.API, way))}, nil
}
