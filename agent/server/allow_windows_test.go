package server_test

import (
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

// Groups of every Windows, whose names are in its language.
const (
	everyone       = "S-1-1-0"
	administrators = "S-1-5-32-544"
	users          = "S-1-5-32-545"
)

func TestParseAllow(t *testing.T) {
	const other = "S-1-5-21-1-2-3-1001"
	self := local.Self()
	for rule, want := range map[string]struct{ self, inAdministrators, other bool }{
		"user:" + local.NameOf(self):            {self: true},
		"user:" + self:                          {self: true},
		"user:" + strings.ToLower(other):        {other: true},
		"group:" + local.NameOf(administrators): {inAdministrators: true},
		"group:" + administrators:               {inAdministrators: true},
		"group:" + local.NameOf(everyone):       {true, true, true},
		"group:" + other:                        {},
	} {
		allow, err := server.ParseAllow([]string{rule})
		if err != nil {
			t.Errorf("%s: %v", rule, err)
			continue
		}
		for what, test := range map[string]struct {
			peer local.Peer
			want bool
		}{
			"self":               {local.Peer{UID: local.Nobody, SID: self, SIDs: []string{everyone}}, want.self},
			"an administrator":   {local.Peer{UID: local.Nobody, SID: "S-1-5-21-1-2-3-1002", SIDs: []string{everyone, administrators}}, want.inAdministrators},
			"another":            {local.Peer{UID: local.Nobody, SID: other, SIDs: []string{everyone, users}}, want.other},
			"nobody":             {local.Peer{UID: local.Nobody, GID: local.Nobody}, false},
			"a number of Unix's": {local.Peer{}, false},
		} {
			if got := allow(test.peer); got != test.want {
				t.Errorf("%s, %s: %v", rule, what, got)
			}
		}
	}
}

func TestParseAllowNames(t *testing.T) {
	for text, want := range map[string]string{
		"user:no-such-user": `no user "no-such-user"`, `group:VM\no-such-group`: "no group", "root": "neither", "user:": "neither",
		"user:1000": `"user:DOMAIN\\name"`, "group:0": `"group:DOMAIN\\name"`,
		"user:" + local.NameOf(administrators): `"group:NAME"`, "group:" + local.NameOf(local.Self()): `"user:NAME"`,
	} {
		if _, err := server.ParseAllow([]string{text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}

// TestWindowsAdministrators: who may do everything is the agent's own user, the system, and an administrator
// whose process has these rights.
func TestWindowsAdministrators(t *testing.T) {
	for _, test := range []struct {
		peer local.Peer
		want bool
	}{
		{local.Peer{UID: local.Nobody, SID: local.Self()}, true},
		{local.Peer{UID: local.Nobody, SID: "S-1-5-18"}, true},
		{local.Peer{UID: local.Nobody, SID: "S-1-5-21-1-2-3-1001", SIDs: []string{users, administrators}}, true},
		{local.Peer{UID: local.Nobody, SID: "S-1-5-21-1-2-3-1001", SIDs: []string{users}}, false},
		{local.Peer{UID: local.Nobody}, false},
		{local.Peer{}, false},
	} {
		if got := local.IsRootOrSelf(test.peer); got != test.want {
			t.Errorf("%+v: %v", test.peer, got)
		}
	}
}
