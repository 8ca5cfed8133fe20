package daemon

// The way to Anaplan's API for calls that the agent makes for others: one set of
// connections for all profiles of a host, and one allowance for all of a tenant.

import (
	"context"
	"fmt"
	"net/http"
	"net/url"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/edge"
	"github.com/anaplan-agent/anaplan-agent/agent/fair"
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/proxy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
)

// upstream has what profiles share. It is changed as a whole, when a configuration is
// taken over: one with a mistake in it must leave nothing behind.
type upstream struct {
	inTurn bool // other members of a fleet have the allowances before and after this one

	mu   sync.Mutex
	held shared // in use
	next shared // of the configuration that is being read
}

// shared is what the profiles of one configuration share.
type shared struct {
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

// begin makes what the profiles of a configuration shall share. What they share already
// they keep: what has been used of an allowance stays used.
func (u *upstream) begin(profiles []*config.Profile) error {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.next = shared{map[baseKey]*http.Transport{}, map[string]*tenant{}}
	for _, profile := range profiles {
		hosts, err := settings.HostsOf(profile)
		if err != nil {
			return err
		}
		if err := u.next.addBase(u.held, profile, hosts.API); err != nil {
			return err
		}
		u.addTenant(profile, hosts.API)
	}
	return nil
}

// keep takes over what was begun. Connections of what is gone end by themselves.
func (u *upstream) keep() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.held = u.next
}

func baseKeyOf(profile *config.Profile, apiURL string) baseKey {
	return baseKey{apiURL, profile.CAFile, paths.Stamp(profile.CAFile)}
}

// addBase adds the connections to a profile's API host.
func (s *shared) addBase(before shared, profile *config.Profile, apiURL string) error {
	key := baseKeyOf(profile, apiURL)
	if s.bases[key] != nil {
		return nil
	}
	if base := before.bases[key]; base != nil {
		s.bases[key] = base
		return nil
	}
	roots, err := settings.ReadRoots(profile.CAFile)
	if err != nil {
		return err
	}
	s.bases[key] = proxy.NewBase(roots)
	return nil
}

// addTenant adds the allowance of a profile's tenant.
func (u *upstream) addTenant(profile *config.Profile, apiURL string) {
	name, perMinute := tenantName(profile, apiURL), profile.RequestsPerMinute
	if u.next.tenants[name] != nil {
		return
	}
	if known := u.held.tenants[name]; known != nil && known.perMinute == perMinute {
		u.next.tenants[name] = known
		return
	}
	allowed := fair.Config{PerMinute: perMinute}
	if u.inTurn {
		allowed = fair.InTurn(perMinute)
	}
	u.next.tenants[name] = &tenant{fair.New(allowed), perMinute}
}

// tenantName names the tenant of a profile. Unless the settings name one, all profiles of a host
// count as one tenant's: too few calls a minute are slow, too many are refused.
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
func (u *upstream) allowances() map[string]metrics.Allowance {
	u.mu.Lock()
	defer u.mu.Unlock()
	all := make(map[string]metrics.Allowance, len(u.held.tenants))
	for name, tenant := range u.held.tenants {
		all[name] = metrics.Allowance(tenant.limiter.Stats())
	}
	return all
}

// checkTenants returns an error if profiles share a tenant and do not agree on its allowance.
func checkTenants(profiles []*config.Profile) error {
	first := map[string]*config.Profile{}
	for _, profile := range profiles {
		hosts, err := settings.HostsOf(profile)
		if err != nil {
			return err
		}
		name := tenantName(profile, hosts.API)
		other := first[name]
		if other == nil {
			first[name] = profile
		} else if other.RequestsPerMinute != profile.RequestsPerMinute {
			return fmt.Errorf("%w: profiles %q and %q share the allowance of %s, but say requests_per_minute = %d and %d: say the same, or another tenant for one of them",
				settings.ErrSettings, other.Name, profile.Name, name, other.RequestsPerMinute, profile.RequestsPerMinute)
		}
	}
	return nil
}

// forwarding is how a profile's calls are made.
type forwarding struct {
	api     *proxy.Proxy
	names   policy.Names
	limiter *fair.Limiter
}

// spend empties all allowances, for what others may have taken out of them.
func (u *upstream) spend() {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, tenant := range u.held.tenants {
		tenant.limiter.Spend()
	}
}

// of returns how calls are made with a Keeper's tokens, for a profile of what was begun. client is
// that of the auth host; ready is that of a proxy.Transport. lead is the way of a member of a fleet, which
// may lead to another member or to what makes the calls here; nil: they are all made here.
func (u *upstream) of(profile *config.Profile, keeper *agent.Keeper, client loginService, ready func() error, lead func(own http.RoundTripper) http.RoundTripper) (forwarding, error) {
	hosts, err := settings.HostsOf(profile)
	if err != nil {
		return forwarding{}, err
	}
	u.mu.Lock()
	base, tenant := u.next.bases[baseKeyOf(profile, hosts.API)], u.next.tenants[tenantName(profile, hosts.API)]
	u.mu.Unlock()
	if base == nil || tenant == nil {
		return forwarding{}, fmt.Errorf("%w: ca_file changes while the configuration is read", settings.ErrSettings)
	}
	var sends http.RoundTripper = base
	if members, ok := client.(*edge.Members); ok {
		sends = members
	}
	way := proxy.Transport{Source: keeper, Base: sends, Limiter: tenant.limiter, Client: build.Program, Confirm: login.NewConfirmer(client).Confirm, Ready: ready}
	if lead != nil {
		own := way
		own.Elsewhere = true
		way = proxy.Transport{Source: noToken{}, Base: lead(&own), Ready: ready}
	}
	api, err := proxy.New(proxy.Config{
		API: hosts.API, Audit: hosts.Audit(), Transport: way.Base, Source: way.Source, Limiter: way.Limiter, Confirm: way.Confirm, Ready: ready, UserAgent: build.Program + "/" + build.Version(),
	})
	if err != nil {
		return forwarding{}, fmt.Errorf("%w: %w", settings.ErrSettings, err)
	}
	names := settings.NewAPIClient(hosts.API, &way)
	names.Retry.Attempts = 2 // a caller waits, and can try again
	return forwarding{api, integration.NewCatalog(names), tenant.limiter}, nil
}

// noToken stands where the token is put in further on, if at all.
type noToken struct{}

// Token implements proxy.Source.
func (noToken) Token(context.Context, agent.NotifyFunc) (agent.Lease, error) {
	return agent.Lease{Token: agent.Token{Value: agent.NewSecret("none")}, Generation: 1}, nil
}

// Replace implements proxy.Source: there is no other.
func (t noToken) Replace(ctx context.Context, _ uint64, notify agent.NotifyFunc) (agent.Lease, error) {
	return t.Token(ctx, notify)
}
