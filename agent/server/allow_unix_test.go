//go:build unix

package server_test

import (
	"os/user"
	"strings"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/server"
)

func TestParseAllow(t *testing.T) {
	self, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	group, err := user.LookupGroupId(self.Gid)
	if err != nil {
		t.Fatal(err)
	}
	allow, err := server.ParseAllow([]string{"user:" + self.Username, "group:" + group.Name, "user:1000", "group:2000"})
	if err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		peer local.Peer
		want bool
	}{
		{local.Peer{UID: 1000, GID: 9}, true},
		{local.Peer{UID: 9, GID: 2000}, true},
		{local.Peer{UID: 9, GID: 9, Groups: []int{8, 2000}}, true},
		{local.Peer{UID: 2000, GID: 1000, Groups: []int{1000}}, false},
		{local.Peer{UID: -1, GID: -1}, false},
	} {
		if got := allow(test.peer); got != test.want {
			t.Errorf("%+v: %v", test.peer, got)
		}
	}
	none, err := server.ParseAllow(nil)
	if err != nil || none(local.Peer{}) {
		t.Errorf("an empty list lets in root, or fails: %v", err)
	}
}

func TestParseAllowNames(t *testing.T) {
	for text, want := range map[string]string{
		"user:no-such-user": `no user "no-such-user"`, "group:no-such-group": `no group "no-such-group"`,
		"root": "neither", "": "neither", "user:": "neither", "users:x": "neither", ":x": "neither",
		"user:-1": "no user", "user:4294967296": "no user",
	} {
		if _, err := server.ParseAllow([]string{"user:0", text}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
}
