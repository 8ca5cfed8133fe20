package anaplan_test

import (
	"errors"
	"maps"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/google/go-cmp/cmp"
)

func TestNewChecksTheConfig(t *testing.T) {
	tests := []struct {
		name   string
		config anaplan.Config
		err    error
	}{
		{"https", anaplan.Config{AuthURL: "https://auth.anaplan.com"}, nil},
		{"https with a port and a path", anaplan.Config{AuthURL: "https://proxy.example:8443/anaplan/"}, nil},
		{"http to loopback", anaplan.Config{AuthURL: "http://127.0.0.1:8080"}, nil},
		{"http to loopback, IPv6", anaplan.Config{AuthURL: "http://[::1]:8080"}, nil},
		{"http to localhost", anaplan.Config{AuthURL: "http://localhost:8080"}, nil},
		{"http to localhost, shouted", anaplan.Config{AuthURL: "http://LOCALHOST:8080"}, nil},
		{"http to elsewhere", anaplan.Config{AuthURL: "http://auth.anaplan.com"}, anaplan.ErrURL},
		{"http to what begins like loopback", anaplan.Config{AuthURL: "http://127.0.0.1.example.com"}, anaplan.ErrURL},
		{"no scheme", anaplan.Config{AuthURL: "auth.anaplan.com"}, anaplan.ErrURL},
		{"another scheme", anaplan.Config{AuthURL: "ftp://127.0.0.1"}, anaplan.ErrURL},
		{"nothing", anaplan.Config{}, anaplan.ErrURL},
		{"no host", anaplan.Config{AuthURL: "https://"}, anaplan.ErrURL},
		{"rubbish", anaplan.Config{AuthURL: "https://[::1"}, anaplan.ErrURL},
		{"query", anaplan.Config{AuthURL: "https://auth.anaplan.com?a=b"}, anaplan.ErrURL},
		{"fragment", anaplan.Config{AuthURL: "https://auth.anaplan.com#a"}, anaplan.ErrURL},
		{"password", anaplan.Config{AuthURL: "https://user:hunter2@auth.anaplan.com"}, anaplan.ErrURL},
		{"header form", anaplan.Config{AuthURL: "https://auth.anaplan.com", HeaderForm: "raw"}, anaplan.ErrHeaderForm},
		{"user agent", anaplan.Config{AuthURL: "https://auth.anaplan.com", UserAgent: "a\r\nB: c"}, anaplan.ErrUserAgent},
		{"user agent of spaces", anaplan.Config{AuthURL: "https://auth.anaplan.com", UserAgent: "  "}, anaplan.ErrUserAgent},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client, err := anaplan.New(test.config)
			if !errors.Is(err, test.err) || (client == nil) != (test.err != nil) {
				t.Errorf("error %v, want %v", err, test.err)
			}
			if err != nil && strings.Contains(err.Error(), "hunter2") {
				t.Errorf("the error shows the password: %v", err)
			}
		})
	}
}

func TestRegion(t *testing.T) {
	// Contract section 4, written out a second time.
	global := anaplan.Hosts{Auth: "https://auth.anaplan.com", API: "https://api.anaplan.com"}
	want := map[string]anaplan.Hosts{
		"us1": global, "us2": global, "us5": global, "us7": global, "eu1": global, "eu2": global, "eu4": global, "ap1": global,
		"us9": {Auth: "https://us9.auth.anaplan.com", API: "https://us9.api.anaplan.com"},
		"eu3": {Auth: "https://eu3.auth.anaplan.com", API: "https://eu3.api.anaplan.com"},
		"eu5": {Auth: "https://eu5.auth.anaplan.com", API: "https://eu5.api.anaplan.com"},
		"gb1": {Auth: "https://gb1.auth.anaplan.com", API: "https://gb1.api.anaplan.com"},
		"in1": {Auth: "https://in1.auth.anaplan.com", API: "https://in1.api.anaplan.com"},
		"id1": {Auth: "https://id1.auth.anaplan.com", API: "https://id1.api.anaplan.com"},
		"me1": {Auth: "https://me1.auth.anaplan.com", API: "https://me1.api.anaplan.com"},
		"sg1": {Auth: "https://sg1.auth.anaplan.com", API: "https://sg1.api.anaplan.com"},
		"ae1": {Auth: "https://ae1.auth.anaplan.com", API: "https://ae1.api.anaplan.com"},
		"ca1": {Auth: "https://ca1a.auth.anaplan.com", API: "https://ca1a.api.anaplan.com"},
		"au1": {Auth: "https://au1a.app2.anaplan.com", API: "https://api.au1a.app2.anaplan.com"},
	}
	got := map[string]anaplan.Hosts{}
	audit := map[string]string{}
	for _, name := range anaplan.Regions() {
		hosts, err := anaplan.Region(name)
		if err != nil {
			t.Error(err)
		}
		got[name] = hosts
		if hosts.Audit() != hosts.API {
			audit[hosts.Audit()] += " " + name
		}
	}
	if want := map[string]string{"https://audit.anaplan.com": " us1 us2 us5 us7 eu1 eu2 eu4 ap1"}; !maps.Equal(audit, want) {
		t.Errorf("audit hosts of their own: %v", audit)
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("regions (-want +got):\n%s", diff)
	}
}

// A call goes to the host that serves its path.
func TestHostsOfPaths(t *testing.T) {
	for region, audit := range map[string]string{"us1": "https://audit.anaplan.com", "eu3": "https://eu3.api.anaplan.com"} {
		hosts, err := anaplan.Region(region)
		if err != nil {
			t.Fatal(err)
		}
		for path, want := range map[string]string{"/audit/api/1/events": audit, "/2/0/models": hosts.API, "/auditor": hosts.API, "": hosts.API} {
			if got := hosts.Of(path); got != want || anaplan.IsAudit(path) != (path == "/audit/api/1/events") {
				t.Errorf("%s of %s: %s, want %s", path, region, got, want)
			}
		}
	}
}

func TestUnknownRegion(t *testing.T) {
	for _, name := range []string{"", "us3", "US1", "us1 "} {
		_, err := anaplan.Region(name)
		if !errors.Is(err, anaplan.ErrRegion) || !strings.Contains(err.Error(), "us1, us2") || !strings.Contains(err.Error(), "au1") {
			t.Errorf("Region(%q): %v, want an ErrRegion that lists the regions", name, err)
		}
	}
}

func TestRegionsIsACopy(t *testing.T) {
	anaplan.Regions()[0] = "xx"
	if got := anaplan.Regions()[0]; got != "us1" {
		t.Errorf("a caller changed the table: %q", got)
	}
}
