package doctor

// The settings: whether they can be read, who else can change them, and whether what they
// name is there.

import (
	"errors"
	"io/fs"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/policy"
	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/agentclient"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/settings"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// checkConfig reads the settings as every command does.
func (x *examination) checkConfig() {
	x.checkVariables()
	path := x.settings.ConfigPath()
	file, err := x.settings.ReadConfig()
	if errors.Is(err, owned.ErrExposed) {
		x.failed("config.permissions", err)
		return
	}
	if err != nil {
		x.addSettings("config.file", err)
		return
	}
	x.clients = file.Clients()
	if path != "" {
		defer x.checkConfigFile(path, len(x.clients) > 0)
	}
	if x.agent, err = x.settings.AgentIn(file); err != nil {
		x.agent = nil
		x.addSettings("config.file", err)
		return
	}
	profile, err := x.settings.ProfileIn(file, x.settings.ProfileName())
	if err != nil {
		x.addSettings("config.profile", err)
		return
	}
	switch {
	case path == "":
		x.info("config.file", "", "there is no configuration file; flags and environment are the profile %q", profile.Name)
	default:
		x.ok("config.file", "%s can be read; this is about its profile %q (it has %s)", path, profile.Name, quotedList(file.Profiles()))
	}
	x.profile = profile
	x.checkProfile()
}

// quotedList lists names; "none" without any.
func quotedList(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, ", ")
}

// addSettings adds an error of the settings. What it says of a policy's rule does not leave this
// machine.
func (x *examination) addSettings(check string, err error) {
	if rule, ok := errors.AsType[*policy.RuleError](err); ok {
		x.private = append(x.private, x.clean(rule.Error()))
	}
	x.add(x.settingsFinding(check, err))
}

// settingsFinding returns an error of the settings as a finding. Its text says what to
// write where there is one thing to write.
func (r *Report) settingsFinding(check string, err error) finding.Finding {
	f := r.findingOf(check, err)
	f.What = strings.TrimPrefix(f.What, settings.ErrSettings.Error()+": ")
	f.Do = "correct it in the place named; to list all settings: " + build.Program + " COMMAND --help"
	return f
}

// checkConfigFile looks at who can read the file. That nobody else can change it is known, since it
// has been read.
func (x *examination) checkConfigFile(path string, hasSecrets bool) {
	info, err := os.Stat(path)
	if err != nil {
		return // ReadConfig has read it meanwhile; it is about to be replaced
	}
	switch {
	case hasSecrets && paths.OthersMayRead(info):
		x.warn("config.permissions", "chmod 600 "+shell.Quote(path), "%s holds the hashes of clients' secrets, and others can read it", path)
	default:
		x.ok("config.permissions", "nobody else can change %s", path)
	}
}

// checkVariables looks for variables that look like settings but are not: nothing else reports a
// typo in one.
func (x *examination) checkVariables() {
	known := []string{"ANAPLAN_AGENT_CONFIG", "ANAPLAN_AGENT_PROFILE", agentclient.ClientVariable, "ANAPLAN_AGENT_REQUIRE"} // the last is the tests' own
	for _, setting := range slices.Concat(config.Settings(), config.AgentSettings()) {
		known = append(known, setting.Env())
	}
	for _, name := range environmentNames() {
		if strings.HasPrefix(name, "ANAPLAN_AGENT_") && !slices.Contains(known, name) {
			x.warn("config.environment", "unset "+name+"; settings are listed by: "+build.Program+" serve --help", "the variable %s is set, but there is no such setting", name)
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
func (x *examination) checkProfile() {
	p := x.profile
	switch len(p.Keys) {
	case 0:
		x.failed("config.key", settings.NoAddress(p))
	default:
		var keys []string
		for _, key := range p.Keys {
			keys = append(keys, key.String())
		}
		x.ok("config.key", "%s: %s", console.Counted(len(keys), "key"), strings.Join(keys, ", then "))
	}
	if p.Format == "v1" {
		x.warn("config.format", `leave format out, or say format = "v2"`, "logins use format v1: a leaked one works for as long as the certificate, and Anaplan has announced to stop accepting them")
	}
	x.checkHosts()
	x.checkCAFile()
	x.checkCertificateFile()
	x.checkProgram("touch_command", p.TouchCommand)
	x.checkProgram("expiry_command", p.ExpiryCommand)
}

// checkProgram looks whether a program of the settings is there.
func (x *examination) checkProgram(setting string, words []string) {
	if len(words) == 0 {
		return
	}
	path, err := subprocess.FindProgram(words[0])
	if err != nil {
		x.fail("config."+setting, "install it, or write its full path", "%s: %v", setting, err)
		return
	}
	if err := owned.Check(path); err != nil {
		x.failed("config."+setting, err)
	}
}

// checkHosts looks at which Anaplan is meant.
func (x *examination) checkHosts() {
	hosts, err := settings.HostsOf(x.profile)
	if err != nil {
		x.add(x.settingsFinding("config.region", err))
		return
	}
	x.hosts = hosts
	auth, api := regionsWith(func(h anaplan.Hosts) bool { return h.Auth == hosts.Auth }), regionsWith(func(h anaplan.Hosts) bool { return h.API == hosts.API })
	switch common := intersection(auth, api); {
	case len(auth) > 0 && len(api) > 0 && len(common) == 0:
		x.fail("config.region", "say region = \"NAME\" in place of auth_url and api_url: it sets both",
			"auth_url is of %s and api_url of %s; a token is good in its own region only", strings.Join(auth, ", "), strings.Join(api, ", "))
	case x.profile.Region == "" && x.profile.AuthURL == "" && x.profile.APIURL == "":
		x.info("config.region", "if your tenant is elsewhere, say so: region = \"NAME\", one of "+strings.Join(anaplan.Regions(), ", "),
			"no region configured, so it is %s: %s", settings.DefaultRegion, hosts.Auth)
	case len(common) == 0:
		x.info("config.region", "", "logins go to %s, calls to %s; these do not belong to a region", hosts.Auth, hosts.API)
	default:
		x.ok("config.region", "logins go to %s, calls to %s (%s)", hosts.Auth, hosts.API, strings.Join(common, ", "))
	}
}

// regionsWith returns the regions whose hosts fit.
func regionsWith(fit func(anaplan.Hosts) bool) (names []string) {
	for _, name := range anaplan.Regions() {
		if hosts, err := anaplan.Region(name); err == nil && fit(hosts) {
			names = append(names, name)
		}
	}
	return names
}

// intersection returns what both lists have.
func intersection(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}

// checkCAFile looks at further roots.
func (x *examination) checkCAFile() {
	if x.profile.CAFile == "" {
		return
	}
	if _, err := settings.ReadRoots(x.profile.CAFile); err != nil {
		x.failed("config.ca_file", err)
		return
	}
	x.ok("config.ca_file", "the CAs in %s are trusted too", x.profile.CAFile)
}

// checkCertificateFile looks at the file of the key's certificate, where there is one.
func (x *examination) checkCertificateFile() {
	path := x.profile.Certificate
	if path == "" {
		return
	}
	certs, err := device.ReadCertificates(path)
	switch {
	case errors.Is(err, fs.ErrNotExist):
		x.fail("config.certificate", "correct the path, or leave certificate out where the device holds it", "there is no file %s", path)
	case err != nil:
		x.failed("config.certificate", err)
	case len(certs) > 1:
		x.fail("config.certificate", "put the key's own certificate into a file of its own; "+build.Program+" cert --certificate FILE shows what one holds",
			"%s holds %s, and which is the key's cannot be told", path, console.Counted(len(certs), "certificate"))
	default:
		x.ok("config.certificate", "%s holds the certificate %s", path, device.Describe(certs[0]))
	}
}
