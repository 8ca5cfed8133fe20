package metrics

import (
	"fmt"
	"slices"
	"strconv"
)

// Profile is what is told of a profile beside its status.
type Profile struct {
	Keys int // that it has
	Key  int // in use, from 1; 0: none is yet

	// Members are the addresses of the agents that have its key. nil: it is on this machine.
	Members []string
	Member  int // in use, from 1; 0: none has answered yet

	// WarningDays is the threshold, in days before the end of its certificate, that was
	// passed last. 0: none was.
	WarningDays int

	TokenFile      bool // its token is written to a file
	TokenFileFails bool // which is not as the token is
}

// SetProfiles sets what tells of the profiles by their names, at each scrape. It is called
// before anything else.
func (m *Metrics) SetProfiles(profiles func() map[string]Profile) { m.profiles = profiles }

// Failover counts that a profile's signature was made by another key than the one that was
// asked first.
func (m *Metrics) Failover(profile string) { m.failovers.counter(labels("profile", profile)).Inc() }

// writeKeys adds which key is in use, of profiles that have several, and how far
// certificates are from their end.
func writeKeys(out *page, names []string, profiles map[string]Profile) {
	several := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return profiles[name].Keys < 2 })
	if len(several) > 0 {
		out.head(prefix+"key_active", "gauge", "1 for the key that made the profile's last signature, of those that have several.")
	}
	for _, name := range several {
		for key := 1; key <= profiles[name].Keys; key++ {
			fmt.Fprintf(out, "%skey_active%s %d\n", prefix, labels("profile", name, "key", strconv.Itoa(key)), bit(profiles[name].Key == key))
		}
	}
	writeActiveMembers(out, names, profiles)
	writeTokenFiles(out, names, profiles)
	warned := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return profiles[name].WarningDays == 0 })
	if len(warned) > 0 {
		out.head(prefix+"certificate_warning_days", "gauge", "How many days before the certificate's end the last warning was due.")
	}
	for _, name := range warned {
		fmt.Fprintf(out, "%scertificate_warning_days%s %d\n", prefix, labels("profile", name), profiles[name].WarningDays)
	}
}

// writeActiveMembers adds which member makes the calls, of profiles whose key other agents have.
func writeActiveMembers(out *page, names []string, profiles map[string]Profile) {
	remote := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return len(profiles[name].Members) == 0 })
	if len(remote) > 0 {
		out.head(prefix+"fleet_member_active", "gauge", "1 for the member that makes the profile's calls, where other agents have its key.")
	}
	for _, name := range remote {
		for i, member := range profiles[name].Members {
			fmt.Fprintf(out, "%sfleet_member_active%s %d\n", prefix, labels("profile", name, "member", member), bit(profiles[name].Member == i+1))
		}
	}
}

// writeTokenFiles adds whether the files of tokens are as the tokens are.
func writeTokenFiles(out *page, names []string, profiles map[string]Profile) {
	filed := slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !profiles[name].TokenFile })
	if len(filed) > 0 {
		out.head(prefix+"token_file_ok", "gauge", "1 if the profile's token file is as its token is, 0 if it cannot be.")
	}
	for _, name := range filed {
		fmt.Fprintf(out, "%stoken_file_ok%s %d\n", prefix, labels("profile", name), bit(!profiles[name].TokenFileFails))
	}
}
