package config

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// DefaultProfile is the profile that needs no file.
const DefaultProfile = "default"

// Address is where a key is: a uri.URI, of a key in a PKCS#11 token, a pivuri.URI, of a key on a PIV
// card, or a memberuri.URI, of one that another agent has, and nothing else.
type Address interface {
	// String returns the address, ready for ParseAddress.
	String() string

	// Scheme returns what stands before the colon: uri.Scheme, pivuri.Scheme or memberuri.Scheme.
	Scheme() string

	// Get returns the value of an attribute, such as "serial", and whether the address has it.
	Get(name string) (value string, named bool)
}

// Profile is one set of settings, checked. Empty texts are settings that were
// not given and have no default here.
type Profile struct {
	Name string

	// Others are the profiles of the configuration file where it has none of this name.
	Others []string

	// Keys are addresses of keys, in the order in which to try them.
	Keys []Address

	// PIN is where the PIN comes from. Zero: from where an address says
	// (pin-source), else from a prompt.
	PIN PINSource

	// NoPINPad: the PIN comes from PIN also where the device says that it has a PIN pad.
	NoPINPad bool

	Certificate string // file

	// TouchCommand is the program to start, and what to call it with, while a card waits
	// for a touch. nil: none.
	TouchCommand []string

	Region  string // a name, not checked here; "" if there are URLs or nothing was said
	AuthURL string // without a slash at the end
	APIURL  string // without a slash at the end
	CAFile  string

	HeaderForm string // "pem" or "der"
	Format     string // "v1" or "v2"

	Timeout time.Duration // above zero

	// What follows is for the agent; a login without it does not use these.

	// Allow says who may use the profile, beside the agent's own user and root: "user:NAME",
	// "user:1000" or "group:NAME". Whether they exist is not checked here.
	Allow []string

	// Policy are the rules, as agent/policy reads them, for all that is done through the
	// agent with the profile. nil: no restriction.
	Policy []string

	// Tenant names the tenant whose allowance the profile's requests use; "": that of its API
	// host.
	Tenant            string
	RequestsPerMinute int // above zero

	TokenFile      string      // absolute; "": none
	TokenFileMode  fs.FileMode // not writable by others, not executable
	TokenFileOwner string      // "user", "user:group" or ":group"; "": as the file comes

	Idle time.Duration // above zero

	// ExpiryCommand is the program to start, and what to call it with, when the certificate
	// is about to end. nil: none.
	ExpiryCommand []string
}

// Profile returns the settings of the profile of that name. over holds, by name
// of the setting, what flags and environment say; it takes precedence over the
// file, and the file over the defaults. An empty text in it stands for the default, so a flag
// can take back what the file says.
//
// A key in over is one address: addresses may hold commas, so a list is for the
// file only.
func (f *File) Profile(name string, over map[string]Value) (*Profile, error) {
	var own values
	if f != nil {
		own = f.profiles[name]
	}
	if own == nil && name != DefaultProfile {
		return nil, f.noProfile(name)
	}
	merged, err := merge(profilesTable, own, over)
	if err != nil {
		return nil, err
	}
	profile, err := merged.build(name)
	if own == nil && err == nil {
		profile.Others = f.Profiles()
	}
	return profile, err
}

// merge returns a value for each setting of a table.
func merge(table string, own values, over map[string]Value) (values, error) {
	known := settingsOf(table)
	merged := values{}
	for _, s := range known {
		merged[s.Name] = []Value{{Text: s.Default, From: s.Name}}
	}
	maps.Copy(merged, own)
	for setting, value := range over {
		if !has(known, setting) {
			return nil, fmt.Errorf("%s: %s", value.From, unknown(setting, table))
		}
		merged[setting] = []Value{value}
	}
	for _, s := range known {
		if v := merged[s.Name]; len(v) == 1 && v[0].Text == "" {
			merged[s.Name] = []Value{{Text: s.Default, From: v[0].From}}
		}
	}
	return merged, nil
}

// noProfile returns the error for a profile that is not there.
func (f *File) noProfile(name string) error {
	names := f.Profiles()
	if len(names) == 0 {
		return fmt.Errorf("there is no profile %q: there is no configuration file, or none in it; leave the profile out", name)
	}
	return fmt.Errorf("there is no profile %q; there are %s", name, strings.Join(names, ", "))
}

// build checks the settings and makes them a profile. They are checked in a
// fixed order, so that of two mistakes the same one is always told.
func (v values) build(name string) (*Profile, error) {
	p := &Profile{
		Name:        name,
		Certificate: v.text(certificateSetting),
		Region:      v.text(regionSetting),
		CAFile:      v.text(caFileSetting),
	}
	checks := []error{
		read(&p.PIN, v[pinSetting], ParsePINSource),
		read(&p.NoPINPad, v[pinPadSetting], noOrYes),
		read(&p.TouchCommand, v[touchCommandSetting], Words),
		read(&p.AuthURL, v[authURLSetting], baseURL),
		read(&p.APIURL, v[apiURLSetting], baseURL),
		read(&p.HeaderForm, v[headerFormSetting], oneOf("pem", "der")),
		read(&p.Format, v[formatSetting], oneOf("v1", "v2")),
		read(&p.Timeout, v[timeoutSetting], duration),
		v.chooseHosts(),
		readAllow(&p.Allow, v[allowSetting]),
		readPolicy(&p.Policy, v[policySetting]),
		read(&p.Tenant, v[tenantSetting], tenantName),
		read(&p.RequestsPerMinute, v[perMinuteSetting], wholeNumber(mostPerMinute)),
		read(&p.TokenFile, v[tokenFileSetting], absolutePath),
		read(&p.TokenFileMode, v[tokenFileModeSetting], fileMode),
		read(&p.TokenFileOwner, v[tokenFileOwnerSetting], fileOwner),
		read(&p.Idle, v[idleSetting], duration),
		read(&p.ExpiryCommand, v[expiryCommandSetting], Words),
	}
	for _, key := range v[keySetting] {
		var address Address
		// No key at all is not a mistake here: commands that need one say so.
		if key.Text == "" && len(v[keySetting]) == 1 {
			break
		}
		checks = append(checks, read(&address, []Value{key}, ParseAddress))
		p.Keys = append(p.Keys, address)
	}
	if err := cmp.Or(checks...); err != nil {
		return nil, err
	}
	return p, v.checkEdge(p)
}

// mostPerMinute is more than any tenant has, so that a number that is too long is found.
const mostPerMinute = 100_000_000

// text returns a setting that needs no check.
func (v values) text(setting string) string { return v[setting][0].Text }

// read sets *to to the parsed value, whose origin it puts before an error: what
// parse says need not name the setting.
func read[T any](to *T, from []Value, parse func(string) (T, error)) error {
	parsed, err := parse(from[0].Text)
	if err != nil {
		return fmt.Errorf("%s: %w", from[0].From, err)
	}
	*to = parsed
	return nil
}

// chooseHosts returns an error if the hosts are given in both ways. Neither wins
// silently: a login sent to the wrong region is refused there for reasons that
// are hard to find.
func (v values) chooseHosts() error {
	region := v[regionSetting][0]
	for _, name := range []string{authURLSetting, apiURLSetting} {
		if given := v[name][0]; region.Text != "" && given.Text != "" {
			return fmt.Errorf("%s and %s are both given; choose one, a region or URLs", region.From, given.From)
		}
	}
	return nil
}

// ParseAddress reads the address of a key. Errors of the address say where it is wrong
// and never show a PIN in it. A pin-source is judged here already, since one that is
// the PIN itself would be seen wherever the address is.
func ParseAddress(text string) (Address, error) {
	switch {
	case pivuri.Is(text):
		return pivuri.Parse(text)
	case memberuri.Is(text):
		return memberuri.Parse(text)
	}
	address, err := uri.Parse(text)
	if source, ok := address.Get("pin-source"); ok && err == nil {
		_, err = ParsePINURI(source)
	}
	if err != nil && !strings.HasPrefix(strings.ToLower(text), uri.Scheme+":") {
		err = fmt.Errorf("%w, or piv:serial=NUMBER;slot=9c for a key on a YubiKey, or agent:https://HOST:8471 for one that another agent has", err)
	}
	return address, err
}

// oneOf returns a parser that takes only these values.
func oneOf(values ...string) func(string) (string, error) {
	return func(text string) (string, error) {
		if slices.Contains(values, text) {
			return text, nil
		}
		return "", fmt.Errorf("%q is not one of %s", text, strings.Join(values, ", "))
	}
}

// wholeNumber returns a parser that takes a number from 1 to most.
func wholeNumber(most uint64) func(string) (int, error) {
	return func(text string) (int, error) {
		number, err := strconv.ParseUint(text, 10, 31)
		if err != nil || number < 1 || number > most {
			return 0, fmt.Errorf("%q is not a whole number from 1 to %d", text, most)
		}
		return int(number), nil
	}
}

// tenantName reads a name that goes into metrics. What cannot be seen would make two
// tenants of one.
func tenantName(text string) (string, error) {
	if text != strings.TrimSpace(text) || strings.ContainsFunc(text, unicode.IsControl) {
		return "", fmt.Errorf("%q is not a name for a tenant; write it in one line and without blanks around it", text)
	}
	return text, nil
}

// duration reads a time above zero. A bare number is refused: it could be
// seconds or milliseconds.
func duration(text string) (time.Duration, error) {
	d, err := time.ParseDuration(text)
	if err != nil {
		return 0, fmt.Errorf("%q is not a duration; write a number with its unit, as 90s or 2m", text)
	}
	if d <= 0 {
		return 0, fmt.Errorf("%q is not above zero; write for instance 60s", text)
	}
	return d, nil
}

// baseURL reads the URL of a host. Its errors do not show the text, which may
// hold a password.
func baseURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	switch {
	case err != nil || u.Host == "" || u.Scheme != "https" && u.Scheme != "http":
		return "", errors.New("this is not the URL of a host; write it as https://auth.anaplan.com")
	case u.User != nil:
		return "", errors.New("the URL must not hold a user name or a password")
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(text, "#") || strings.Trim(u.Path, "/") != "":
		return "", errors.New("the URL must end after the host, as https://auth.anaplan.com does; leave out path, query and fragment")
	case u.Hostname() == "" || !isPort(u.Port()):
		return "", errors.New("the URL has no host or a bad port; write it as https://auth.anaplan.com or https://HOST:8443")
	case u.Scheme == "http" && !upstream.IsLoopback(u.Hostname()):
		return "", errors.New("http sends logins and tokens unencrypted, so it is for this machine only (localhost, 127.0.0.1, ::1); use https")
	}
	// Put together again, so that a slash at the end or capitals in the scheme are gone
	// and paths can be appended.
	return u.Scheme + "://" + u.Host, nil
}

// isPort reports whether a port is one, or not given. net/url lets any digits
// pass.
func isPort(port string) bool {
	number, err := strconv.ParseUint(port, 10, 16)
	return port == "" || err == nil && number > 0
}
