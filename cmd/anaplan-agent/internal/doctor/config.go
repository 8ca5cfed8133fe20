package doctor

// The settings: whether they can be read, who else can change them, and whether what they
// name is there.

import (
	"cmp"
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/asservice"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// setUp is what the settings say. What is nil or zero cannot be read.
type setUp struct {
	agent   *config.Agent
	profile *config.Profile
	clients []*config.Client
	fleet   *config.Fleet // nil: the agent is not a member of one
	hosts   anaplan.Hosts // of the profile
	path    string        // of the configuration file; "": there is none
	noKey   bool          // the profile's key or the file of its certificate is wrong
}

// configuration is the settings as every command reads them.
type configuration struct {
	*Report
	settings *settings.Settings
	found    setUp
}

// check reads the settings, and returns what they say.
func (c *configuration) check() setUp {
	c.checkVariables()
	c.found.path = c.settings.ConfigPath()
	file, err := c.settings.ReadConfig()
	switch {
	case errors.Is(err, owned.ErrExposed):
		c.failed("config.permissions", err)
	case err != nil:
		c.wrong("config.file", err)
	default:
		c.found.clients = file.Clients()
		c.checkTables(file)
		c.checkFile(c.settings.ConfigPath())
	}
	return c.found
}

// checkTables reads what the file says of the agent and of the profile.
func (c *configuration) checkTables(file *config.File) {
	agent, err := c.settings.AgentIn(file)
	if err != nil {
		c.wrong("config.file", err)
		return
	}
	c.found.agent = agent
	profile, err := c.settings.ProfileIn(file, c.settings.ProfileName())
	if err != nil {
		c.wrong("config.profile", err)
		return
	}
	if path := c.settings.ConfigPath(); path == "" {
		c.info("config.file", "", "there is no configuration file; flags and environment are the profile %q", profile.Name)
	} else {
		c.ok("config.file", "%s can be read; this is about its profile %q (it has %s)", path, profile.Name, cmp.Or(strings.Join(file.Profiles(), ", "), "none"))
	}
	c.found.profile = profile
	if err := file.Fleet().Check(agent, []*config.Profile{profile}); err != nil {
		c.wrong("config.file", err)
	} else {
		c.found.fleet = file.Fleet()
	}
	c.checkProfile(profile)
	c.found.noKey = c.hasErrors("config.key", "config.certificate")
}

// wrong adds an error of the settings. Its text says what to write where there is one thing to
// write. What it says of a policy's rule does not leave this machine.
func (c *configuration) wrong(check string, err error) {
	if rule, ok := errors.AsType[*policy.RuleError](err); ok {
		c.private = append(c.private, c.clean(rule.Error()))
	}
	f := c.findingOf(check, err)
	f.What = strings.TrimPrefix(f.What, settings.ErrSettings.Error()+": ")
	f.Do = "correct it in the place named; to list all settings: " + build.Program + " COMMAND --help"
	c.add(f)
}

// checkFile looks at who can read the file. That nobody else can change it is known, since it has
// been read.
func (c *configuration) checkFile(path string) {
	info, err := os.Stat(path)
	switch {
	case err != nil: // there is none, or it is about to be replaced
	case slices.ContainsFunc(c.found.clients, hasSecret) && paths.OthersMayRead(path, info):
		c.warn("config.permissions", remedy.Here().KeepPrivate(path), "%s holds the hashes of clients' secrets, and others can read it", path)
	default:
		c.ok("config.permissions", "nobody else can change %s", path)
	}
}

// hasSecret reports whether a client shows a secret; others are known by their user or certificate.
func hasSecret(client *config.Client) bool { return client.Secret != nil }

// checkVariables looks for variables that look like settings but are not: nothing else reports a
// typo in one.
func (c *configuration) checkVariables() {
	known := []string{"ANAPLAN_AGENT_CONFIG", "ANAPLAN_AGENT_PROFILE", agentclient.ClientVariable, asservice.Variable, "ANAPLAN_AGENT_REQUIRE"} // the last is the tests' own
	for _, setting := range slices.Concat(config.Settings(), config.AgentSettings()) {
		known = append(known, setting.Env())
	}
	for _, name := range environmentNames() {
		if strings.HasPrefix(name, "ANAPLAN_AGENT_") && !slices.Contains(known, name) {
			c.warn("config.environment", remedy.Here().Unset(name)+"; settings are listed by: "+build.Program+" serve --help", "the variable %s is set, but there is no such setting", name)
		}
	}
}

// environmentNames returns the names of the variables that are set, sorted.
func environmentNames() []string {
	var names []string
	for _, entry := range os.Environ() {
		name, _, _ := strings.Cut(entry, "=")
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// checkProfile looks at what can be judged of a profile without anything being opened.
func (c *configuration) checkProfile(p *config.Profile) {
	if len(p.Keys) == 0 {
		c.failed("config.key", settings.NoAddress(p))
	} else {
		c.ok("config.key", "%s: %s", console.Counted(len(p.Keys), "key"), strings.Join(texts(p.Keys, config.Address.String), ", then "))
	}
	if p.Format == "v1" {
		c.warn("config.format", `leave format out, or say format = "v2"`, "logins use format v1: a leaked one works for as long as the certificate, and Anaplan has announced to stop accepting them")
	}
	c.checkHosts(p)
	c.checkCAFile(p.CAFile)
	c.checkCertificateFile(p.Certificate)
	for _, setting := range []struct {
		name  string
		words []string
	}{{"touch_command", p.TouchCommand}, {"expiry_command", p.ExpiryCommand}} {
		if len(setting.words) > 0 {
			c.checkProgram("config."+setting.name, "install it, or write its full path", setting.name, setting.words[0])
		}
	}
}

// checkHosts looks at which Anaplan is meant.
func (c *configuration) checkHosts(p *config.Profile) {
	hosts, err := settings.HostsOf(p)
	if err != nil {
		c.wrong("config.region", err)
		return
	}
	c.found.hosts = hosts
	if p.Members() != nil {
		return // its members know which Anaplan is meant
	}
	var auth, api, both []string // the regions that have them
	for _, name := range anaplan.Regions() {
		region, _ := anaplan.Region(name)
		if region.Auth == hosts.Auth {
			auth = append(auth, name)
		}
		if region.API == hosts.API {
			api = append(api, name)
		}
		if region == hosts {
			both = append(both, name)
		}
	}
	switch {
	case len(auth) > 0 && len(api) > 0 && len(both) == 0:
		c.fail("config.region", "say region = \"NAME\" in place of auth_url and api_url: it sets both",
			"auth_url is of %s and api_url of %s; a token is good in its own region only", strings.Join(auth, ", "), strings.Join(api, ", "))
	case p.Region == "" && p.AuthURL == "" && p.APIURL == "":
		c.info("config.region", "if your tenant is elsewhere, say so: region = \"NAME\", one of "+strings.Join(anaplan.Regions(), ", "),
			"no region configured, so it is %s: %s", settings.DefaultRegion, hosts.Auth)
	case len(both) == 0:
		c.info("config.region", "", "logins go to %s, calls to %s; these do not belong to a region", hosts.Auth, hosts.API)
	default:
		c.ok("config.region", "logins go to %s, calls to %s (%s)", hosts.Auth, hosts.API, strings.Join(both, ", "))
	}
}

// checkCAFile looks at further roots.
func (c *configuration) checkCAFile(path string) {
	if path == "" {
		return
	}
	if _, err := settings.ReadRoots(path); err != nil {
		c.failed("config.ca_file", err)
		return
	}
	c.ok("config.ca_file", "the CAs in %s are trusted too", path)
}

// checkCertificateFile looks at the file of the key's certificate, where there is one.
func (c *configuration) checkCertificateFile(path string) {
	if path == "" {
		return
	}
	certs, err := device.ReadCertificates(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		c.fail("config.certificate", "correct the path, or leave certificate out where the device holds it", "there is no file %s", path)
	case err != nil:
		c.failed("config.certificate", err)
	case len(certs) > 1:
		c.fail("config.certificate", "put the key's own certificate into a file of its own; "+build.Program+" cert --certificate FILE shows what one holds",
			"%s holds %s, and which is the key's cannot be told", path, console.Counted(len(certs), "certificate"))
	default:
		c.ok("config.certificate", "%s holds the certificate %s", path, device.Describe(certs[0]))
	}
}
