package config

import "strings"

// Setting is one thing that a person can set: as name in a profile, as flag, or
// as environment variable.
type Setting struct {
	Name    string // in a profile: "auth_url"
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

// Names of settings. A name is the same everywhere: in a profile as it is, as a
// flag with dashes, in the environment in capitals with the prefix.
const (
	keySetting          = "key"
	pinSetting          = "pin"
	certificateSetting  = "certificate"
	touchCommandSetting = "touch_command"
	regionSetting       = "region"
	authURLSetting      = "auth_url"
	apiURLSetting       = "api_url"
	caFileSetting       = "ca_file"
	headerFormSetting   = "header_form"
	formatSetting       = "format"
	timeoutSetting      = "timeout"
)

// settings is the table behind Settings, in the order of --help. A default that
// depends on the machine or on Anaplan (socket, region) is not in it, since this
// package knows neither; the usage says it all the same.
var settings = []Setting{
	{keySetting, "", "address of the private key, as pkcs11:token=NAME;object=NAME?module-name=softhsm2 " +
		"or, on a YubiKey, piv:serial=NUMBER;slot=9c"},
	{pinSetting, "", "where the PIN comes from: prompt, none, pinentry, env:NAME, file:PATH, credential:NAME " +
		"(systemd) or command:PROGRAM; never the PIN itself (default: the address's pin-source, else prompt)"},
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
}

// settingNames lists the names of all settings, for errors that say what there is.
func settingNames() []string {
	var names []string
	for _, s := range settings {
		names = append(names, s.Name)
	}
	return names
}
