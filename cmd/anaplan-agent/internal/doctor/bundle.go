package doctor

// The archive for support: what somebody elsewhere needs to know, without secrets. A setting is in
// it only if it is known to contain no secret.

import (
	"archive/tar"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"runtime"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/atomicfile"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/upstream"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/hsm/modules"
)

// createBundle begins the archive, which must not be there yet, for this user alone; nil
// for "".
func createBundle(ctx context.Context, path string) (*atomicfile.File, error) {
	if path == "" {
		return nil, nil
	}
	file, err := atomicfile.Create(ctx, path, atomicfile.Options{New: true})
	if err != nil {
		return nil, fmt.Errorf("--bundle: %w", err)
	}
	return file, nil
}

// writeBundle writes the archive, all of it or none.
func writeBundle(bundle *atomicfile.File, files []bundleFile, secrets []string) error {
	err := archive(bundle, files, secrets)
	if err != nil {
		err = errors.Join(err, bundle.Discard())
	} else {
		err = bundle.Commit()
	}
	if err != nil {
		return fmt.Errorf("--bundle: %w", err)
	}
	return nil
}

// bundleFile is a file of the archive, in JSON.
type bundleFile struct {
	name  string
	value any
}

// archive writes the archive, without the secrets.
func archive(to io.Writer, files []bundleFile, secrets []string) error {
	zip := gzip.NewWriter(to)
	tape := tar.NewWriter(zip)
	for _, file := range files {
		data, err := json.MarshalIndent(file.value, "", "  ")
		if err != nil {
			return err
		}
		text := string(data) + "\n"
		for _, secret := range secrets { // wherever it came from
			text = strings.ReplaceAll(text, secret, "(left out)")
		}
		header := &tar.Header{Name: "anaplan-agent-report/" + file.name, Mode: 0o600, Size: int64(len(text)), ModTime: time.Now()}
		if err := tape.WriteHeader(header); err != nil {
			return err
		}
		if _, err := io.WriteString(tape, text); err != nil {
			return err
		}
	}
	return errors.Join(tape.Close(), zip.Close())
}

// bundleFiles returns what is in the archive.
func bundleFiles(r *Report, path string, found setUp, status *local.Status) []bundleFile {
	files := []bundleFile{
		{"findings.json", r.shareable()},
		{"platform.json", platform()},
		{"configuration.json", redact(path, found)},
		{"modules.json", modules.Known()},
	}
	if status != nil {
		files = append(files, bundleFile{"status.json", status})
	}
	return files
}

// shareable returns the findings without private texts.
func (r *Report) shareable() []finding.Finding {
	shared := slices.Clone(r.findings)
	for i := range shared {
		for _, text := range r.private {
			shared[i].What = strings.ReplaceAll(shared[i].What, text, "(a rule, left out)")
		}
	}
	return shared
}

// platform says what this program is and where it runs. Of variables only the names are
// there: any may hold a secret.
func platform() map[string]any {
	return map[string]any{
		"version": build.Version(), "go": runtime.Version(), "os": runtime.GOOS, "architecture": runtime.GOARCH,
		"processors": runtime.NumCPU(), "pkcs11": build.PKCS11Support, "piv": build.PIVSupport, "system": systemName(),
		"user": os.Geteuid(), "time": time.Now().UTC().Format(time.RFC3339),
		"variables": environmentNames(), "terminal": device.HasTerminal(),
	}
}

// systemName is what a Linux calls itself (os-release(5)); "" where it does not.
func systemName() string {
	if runtime.GOOS != "linux" {
		return ""
	}
	text, err := os.ReadFile("/etc/os-release")
	if err != nil {
		return ""
	}
	for line := range strings.Lines(string(text)) {
		if name, ok := strings.CutPrefix(strings.TrimSpace(line), "PRETTY_NAME="); ok {
			return strings.Trim(name, `"`)
		}
	}
	return ""
}

// redactedSettings is a configuration without what is secret in it.
type redactedSettings struct {
	File    string            `json:"file,omitempty"`
	Profile *redactedProfile  `json:"profile,omitempty"`
	Agent   *redactedAgent    `json:"agent,omitempty"`
	Clients []redactedClient  `json:"clients"`
	Proxies map[string]string `json:"proxies"`
}

// The parts of it. Policies name what a tenant has, so only their length is told.
type (
	redactedProfile struct {
		Name              string   `json:"name"`
		Keys              []string `json:"keys"`
		PIN               string   `json:"pin,omitempty"`
		Certificate       string   `json:"certificate,omitempty"`
		TouchCommand      string   `json:"touch_command,omitempty"`  // the program only
		ExpiryCommand     string   `json:"expiry_command,omitempty"` // likewise
		Region            string   `json:"region,omitempty"`
		AuthURL           string   `json:"auth_url,omitempty"`
		APIURL            string   `json:"api_url,omitempty"`
		CAFile            string   `json:"ca_file,omitempty"`
		HeaderForm        string   `json:"header_form"`
		Format            string   `json:"format"`
		Timeout           string   `json:"timeout"`
		Idle              string   `json:"idle"`
		Allow             []string `json:"allow,omitempty"`
		PolicyRules       int      `json:"policy_rules"`
		RequestsPerMinute int      `json:"requests_per_minute"`
		TokenFile         string   `json:"token_file,omitempty"`
		TokenFileMode     string   `json:"token_file_mode,omitempty"`
		TokenFileOwner    string   `json:"token_file_owner,omitempty"`
	}
	redactedAgent struct {
		Socket      string `json:"socket,omitempty"`
		Listen      string `json:"listen,omitempty"`
		AuditFile   string `json:"audit_file,omitempty"`
		LogLevel    string `json:"log_level"`
		LogoutAtEnd bool   `json:"logout_at_end"`
		ShareSocket bool   `json:"share_socket"`
	}
	redactedClient struct {
		Name        string   `json:"name"`
		Profile     string   `json:"profile"`
		HasSecret   bool     `json:"has_secret"`
		Users       []string `json:"users,omitempty"`
		PolicyRules int      `json:"policy_rules"`
	}
)

// redact returns the configuration at a path; nothing of one that cannot be read, for it could
// contain anything.
func redact(path string, found setUp) redactedSettings {
	r := redactedSettings{File: path, Clients: []redactedClient{}, Proxies: map[string]string{}}
	if found.profile != nil {
		r.Profile = redactProfile(found.profile)
	}
	if a := found.agent; a != nil {
		r.Agent = &redactedAgent{a.Socket, a.Listen, a.AuditFile, a.LogLevel.String(), a.LogoutAtEnd, a.ShareSocket}
	}
	for _, c := range found.clients {
		r.Clients = append(r.Clients, redactedClient{c.Name, c.Profile, c.Secret != nil, c.Users, len(c.Policy)})
	}
	for _, name := range ProxyVariables {
		if value := os.Getenv(name); value != "" {
			r.Proxies[name] = redactProxy(value)
		}
	}
	return r
}

// redactProfile returns the settings of a profile that are not secret.
func redactProfile(p *config.Profile) *redactedProfile {
	r := &redactedProfile{
		Name: p.Name, Keys: texts(p.Keys, config.Address.String), Certificate: p.Certificate,
		Region: p.Region, AuthURL: p.AuthURL, APIURL: p.APIURL, CAFile: p.CAFile,
		HeaderForm: p.HeaderForm, Format: p.Format, Timeout: p.Timeout.String(), Idle: p.Idle.String(), Allow: p.Allow,
		PolicyRules: len(p.Policy), RequestsPerMinute: p.RequestsPerMinute,
		TokenFile: p.TokenFile, TokenFileMode: fmt.Sprintf("%04o", p.TokenFileMode), TokenFileOwner: p.TokenFileOwner,
	}
	if p.PIN.Kind != "" {
		r.PIN = pin.Place(p.PIN)
	}
	if len(p.TouchCommand) > 0 {
		r.TouchCommand = p.TouchCommand[0]
	}
	if len(p.ExpiryCommand) > 0 {
		r.ExpiryCommand = p.ExpiryCommand[0]
	}
	return r
}

// redactProxy returns where a proxy is, without who may use it.
func redactProxy(text string) string {
	proxy := upstream.ParseProxy(text)
	if proxy == nil {
		return "(malformed)"
	}
	shown := url.URL{Scheme: proxy.Scheme, Host: proxy.Host}
	if proxy.User != nil {
		return shown.String() + " (with a user name)"
	}
	return shown.String()
}
