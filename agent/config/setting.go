package config

import (
	"slices"
	"strings"
)

// Setting is one thing that a person can set: as name in the file, as flag, or
// as environment variable.
type Setting struct {
	Name    string // in the file: "auth_url"
	Default string // "" if there is none
	Usage   string // a line for --help
}

// Flag returns the name of the flag, without dashes: "auth-url".
func (s Setting) Flag() string { return strings.ReplaceAll(s.Name, "_", "-") }

// Env returns the name of the environment variable: "ANAPLAN_AGENT_AUTH_URL".
func (s Setting) Env() string { return "ANAPLAN_AGENT_" + strings.ToUpper(s.Name) }

// Settings returns the settings of a profile. Which profile and which file are
// not among them: they are not a profile's to say.
func Settings() []Setting {
	return append([]Setting(nil), settings...)
}

// AgentSettings returns the settings of the agent as a process, those of the table
// [agent]. No name is in both tables, since flags and variables have no table; those of
// clients have neither flag nor variable, and are not listed.
func AgentSettings() []Setting {
	return append([]Setting(nil), agentSettings...)
}

// Names of settings. A name is the same everywhere: in a profile as it is, as a
// flag with dashes, in the environment in capitals with the prefix.
const (
	keySetting          = "key"
	pinSetting          = "pin"
	pinPadSetting       = "pin_pad"
	certificateSetting  = "certificate"
	touchCommandSetting = "touch_command"
	regionSetting       = "region"
	authURLSetting      = "auth_url"
	apiURLSetting       = "api_url"
	caFileSetting       = "ca_file"
	headerFormSetting   = "header_form"
	formatSetting       = "format"
	timeoutSetting      = "timeout"

	allowSetting          = "allow"
	policySetting         = "policy" // of a profile or a client
	tenantSetting         = "tenant"
	perMinuteSetting      = "requests_per_minute"
	tokenFileSetting      = "token_file"
	tokenFileModeSetting  = "token_file_mode"
	tokenFileOwnerSetting = "token_file_owner"
	idleSetting           = "idle"
	expiryCommandSetting  = "expiry_command"

	socketSetting      = "socket"
	listenSetting      = "listen"
	listenTLSSetting   = "listen_tls"
	tlsSetting         = "tls"
	metricsSetting     = "metrics"
	auditFileSetting   = "audit_file"
	logLevelSetting    = "log_level"
	logFormatSetting   = "log_format"
	logFileSetting     = "log_file"
	logoutAtEndSetting = "logout_at_end"
	shareSocketSetting = "share_socket"

	clientProfileSetting = "profile"
	secretSetting        = "secret"
	usersSetting         = "users"
	certificatesSetting  = "certificates"
	otherHostsSetting    = "other_hosts"

	fleetAddressSetting = "address"
	membersSetting      = "members"
	trustSetting        = "trust"
	leaseSetting        = "lease"
)

// settings is the table behind Settings, in the order of --help. A default that
// depends on the machine or on Anaplan (socket, region) is not in it, since this
// package knows neither; the usage says it all the same.
var settings = []Setting{
	{keySetting, "", "address of the private key, as pkcs11:token=NAME;object=NAME?module-name=softhsm2 " +
		"or, on a YubiKey, piv:serial=NUMBER;slot=9c"},
	{pinSetting, "", "where the PIN comes from: prompt, none, pinentry, env:NAME, file:PATH, credential:NAME " +
		"(systemd), dpapi:PATH or wincred:NAME (Windows), keychain:SERVICE (macOS) or command:PROGRAM; never the PIN itself (default: the address's pin-source, else prompt)"},
	{pinPadSetting, "yes", "whether a PIN pad is believed in that a token says it has: yes, or no to send the PIN of pin all the same (default yes)"},
	{certificateSetting, "", "file with the key's certificate, PEM or DER (default: the one on the device)"},
	{touchCommandSetting, "", "program to start while a YubiKey waits for a touch, as 'notify-send anaplan-agent'; " +
		"what to do comes as its last argument (default: none)"},
	{regionSetting, "", "Anaplan region, as us1 or eu3; instead of auth_url and api_url (default us1)"},
	{authURLSetting, "", "base URL of Anaplan's login service, as https://auth.anaplan.com (default: the region's)"},
	{apiURLSetting, "", "base URL of Anaplan's API, as https://api.anaplan.com (default: the region's)"},
	{caFileSetting, "", "PEM file with further certificate authorities to trust for these URLs (default: the system's only)"},
	{headerFormSetting, "pem", "how the certificate is sent: pem or der (default pem)"},
	{formatSetting, "v2", "layout of the signed login: v2, or v1 for servers that do not know v2; a v1 login that " +
		"leaks works as long as the certificate (default v2)"},
	{timeoutSetting, "60s", "time for one login, the typing of a PIN not counted, as 90s or 2m (default 60s)"},
	{allowSetting, "", "who may use the profile through the agent, beside the agent's own user and root: user:NAME, " +
		"user:1000, group:NAME, with commas between them; on Windows NAME is DOMAIN\\name (default: nobody)"},
	{policySetting, "", "what callers may do through the agent, a rule a line, as " +
		"'run process \"Nightly load\" in model \"Plan\"' (default: everything)"},
	{tenantSetting, "", "a name for the Anaplan tenant, whose profiles share its requests a minute (default: one for " +
		"all profiles of an API host)"},
	{perMinuteSetting, "600", "how many requests a minute the agent passes on to the tenant (default 600)"},
	{tokenFileSetting, "", "file to keep the live token in, for programs that can only read a file; an absolute path (default: none)"},
	{tokenFileModeSetting, defaultMode, "permissions of that file, in octal, as 0640 (default 0600)"},
	{tokenFileOwnerSetting, "", "owner of that file: USER, USER:GROUP or :GROUP (default: the agent's own)"},
	{idleSetting, "12h", "how long the agent keeps a token alive that nobody asks for, as 90m or 12h (default 12h)"},
	{expiryCommandSetting, "", "program that the agent starts 60, 30, 14, 7 and 1 days before the certificate ends, as " +
		"'notify-send anaplan-agent'; what to say comes as its last argument (default: none)"},
}

// agentSettings is the table behind AgentSettings.
var agentSettings = []Setting{
	{socketSetting, "", "the agent's socket: an absolute path, on Windows a named pipe as \\\\.\\pipe\\NAME; none to do without the agent " +
		"(default: $XDG_RUNTIME_DIR/anaplan-agent/agent.sock, of a service /run/anaplan-agent/agent.sock; on Windows a pipe of the user's own)"},
	{listenSetting, "", "address of this machine where clients find the agent that know no unix sockets, as " +
		"127.0.0.1:8470 (default: none)"},
	{listenTLSSetting, "", "address where clients on other machines find the agent, each with a certificate of its own, as 0.0.0.0:8471; " +
		"needs tls (default: none)"},
	{tlsSetting, "", "directory with this machine's certificate for other agents: tls.crt, tls.key, and ca.crt with the CAs of the others; " +
		"an absolute path (default: none)"},
	{metricsSetting, "", "address where Prometheus and others that watch find /metrics, /healthz and /readyz, and nothing else, as " +
		"127.0.0.1:9464, or 0.0.0.0:9464 for other machines (default: none, they are on the socket)"},
	{auditFileSetting, "", "file to write down in who did what with which result; an absolute path (default: none)"},
	{logLevelSetting, "info", "what to log: debug, info, warn or error, and what is worse (default info)"},
	{logFormatSetting, "text", "how to log: text, or json, an object a line (default text)"},
	{logFileSetting, "", "file to log to as well, for where standard error goes nowhere; an absolute path (default: none)"},
	{logoutAtEndSetting, "no", "whether tokens are ended at Anaplan when the agent ends: yes or no (default no)"},
	{shareSocketSetting, "no", "whether other users may reach the socket, so that the profiles' allow decides: yes or no (default no)"},
}

// clientSettings are those of a client.
var clientSettings = []Setting{
	{Name: clientProfileSetting, Default: DefaultProfile},
	{Name: secretSetting},
	{Name: usersSetting},
	{Name: certificatesSetting},
	{Name: policySetting},
	{Name: otherHostsSetting, Default: "tunnel"},
}

// fleetSettings are those of a member of a fleet. They have neither flag nor variable.
var fleetSettings = []Setting{{Name: fleetAddressSetting}, {Name: membersSetting}, {Name: trustSetting}, {Name: leaseSetting}}

// settingsOf returns the settings that stand in a table.
func settingsOf(table string) []Setting {
	switch table {
	case agentTable:
		return agentSettings
	case clientsTable:
		return clientSettings
	case fleetTable:
		return fleetSettings
	}
	return settings
}

// isList reports whether a setting may have several texts in the file.
func isList(name string) bool {
	return slices.Contains([]string{keySetting, allowSetting, policySetting, usersSetting, certificatesSetting, membersSetting, trustSetting}, name)
}

// isSwitch reports whether a setting is yes or no.
func isSwitch(name string) bool {
	return slices.Contains([]string{logoutAtEndSetting, shareSocketSetting, pinPadSetting}, name)
}

// isNumber reports whether a setting is a whole number.
func isNumber(name string) bool { return name == perMinuteSetting }

// has reports whether a setting of that name is in the table.
func has(table []Setting, name string) bool {
	return slices.ContainsFunc(table, func(s Setting) bool { return s.Name == name })
}

// namesOf lists the names of a table, for errors that say what there is.
func namesOf(table []Setting) []string {
	var names []string
	for _, s := range table {
		names = append(names, s.Name)
	}
	return names
}
