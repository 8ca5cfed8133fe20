package config

// Agents that share one login.

import (
	"cmp"
	"errors"
	"fmt"
	"net"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/memberuri"
)

// Fleet is what makes an agent a member of several that share one login.
type Fleet struct {
	// Address is where the others find this member, as Members has it.
	Address string

	// Members are the addresses of all, HOST:PORT in small letters, in the order in which they lead.
	Members []string

	// Trust names who may be a member, as the certificates do: SPIFFE ids and DNS names.
	Trust []string

	// Lease says where the lease is that the leader holds, as agent/lease reads it. Without text the
	// first of Members leads that can.
	Lease Value

	from string // where the table stands, for errors
}

// Fleet returns the settings of the table [fleet]; nil without one.
func (f *File) Fleet() *Fleet {
	if f == nil {
		return nil
	}
	return f.fleet
}

// readFleet reads the table [fleet].
func (f *File) readFleet(d *document, top map[string]any) error {
	fields, isThere := top[fleetTable].(map[string]any)
	if !isThere {
		return nil
	}
	at := d.find(fleetTable)
	read, err := d.settings(fields, fleetTable)
	if err != nil {
		return err
	}
	for _, setting := range fleetSettings {
		if setting.Name != leaseSetting && (len(read[setting.Name]) == 0 || read[setting.Name][0].Text == "") {
			return d.fail(at, "%s", lacking(setting.Name))
		}
	}
	fleet := &Fleet{from: d.at(at)}
	if lease := read[leaseSetting]; len(lease) > 0 {
		fleet.Lease = lease[0]
	}
	if err := cmp.Or(read.readMembers(fleet), certificateNames(&fleet.Trust, read[trustSetting])); err != nil {
		return err
	}
	f.fleet = fleet
	return nil
}

// lacking says what to write for a setting that a member must have.
func lacking(setting string) string {
	return "a member of a fleet needs " + setting + ": " + map[string]string{
		fleetAddressSetting: `where the others find it, as members has it: address = "agent-1.example:8471"`,
		membersSetting:      `the addresses of all, in the order in which they lead: members = ["agent-1.example:8471", "agent-2.example:8471"]`,
		trustSetting:        `the name in the members' certificates, which says who may be one: trust = "spiffe://DOMAIN/PATH"`,
	}[setting]
}

// readMembers reads the addresses of all members, and which of them is this one's.
func (v values) readMembers(fleet *Fleet) error {
	for _, value := range v[membersSetting] {
		var member string
		if err := read(&member, []Value{value}, memberAddress); err != nil {
			return err
		}
		if slices.Contains(fleet.Members, member) {
			return fmt.Errorf("%s: %s is there twice; name each member once", value.From, member)
		}
		fleet.Members = append(fleet.Members, member)
	}
	address := v[fleetAddressSetting]
	if err := read(&fleet.Address, address, memberAddress); err != nil {
		return err
	}
	if !slices.Contains(fleet.Members, fleet.Address) {
		return fmt.Errorf("%s: %s is not one of members, which are %s: write it there too, in the same way", address[0].From, fleet.Address, strings.Join(fleet.Members, ", "))
	}
	return nil
}

// memberAddress reads where a member is. What may hold a password is not shown.
func memberAddress(text string) (string, error) {
	const sample = "agent-1.example:8471"
	if strings.ContainsAny(text, "/@?#, \t") {
		return "", errors.New("only a host and its port stand here, not a URL or a list in one text; write it as " + sample)
	}
	member, err := memberuri.Parse(memberuri.Scheme + ":https://" + text)
	if err != nil {
		return "", fmt.Errorf("%q is not the address of a member; write it as %s, or [2001:db8::1]:8471", text, sample)
	}
	if ip := net.ParseIP(member.Host); ip != nil && ip.IsUnspecified() {
		return "", fmt.Errorf("%q is not a machine's address; write where others find this one, as %s", text, sample)
	}
	return member.Address(), nil
}

// Check returns an error if an agent with these settings and profiles cannot be a member; nil is none.
func (l *Fleet) Check(agent *Agent, profiles []*Profile) error {
	if l == nil {
		return nil
	}
	if agent.ListenTLS == "" {
		return fmt.Errorf("%s: the other members call this one: under [agent], add listen_tls = \"0.0.0.0:PORT\" and tls = \"DIRECTORY\"", l.from)
	}
	for _, profile := range profiles {
		switch {
		case profile.Members() != nil:
			return fmt.Errorf("%s: a member has a key of its own, and that of the profile %q is another agent's: leave [fleet] out, and this agent is an edge", l.from, profile.Name)
		case profile.TokenFile != "":
			return fmt.Errorf("%s: only the member that leads has Anaplan's token, so the profile %q cannot have a token_file: leave it out, and send the calls through the agent", l.from, profile.Name)
		}
	}
	return nil
}
