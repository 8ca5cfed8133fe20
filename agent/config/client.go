package config

// Programs that use the agent with a policy of their own, and what policies look like.

import (
	"cmp"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/policy"
)

// Client is a program that may do what its policy says, and nothing else. It is told by its secret,
// on the unix socket by its user, or from another machine by its certificate; with none of them, only users that may use the profile anyway can
// act as it.
type Client struct {
	Name    string // letters, digits, '.', '_' and '-', at most 64
	Profile string // for which it acts
	Secret  []byte // its SHA-256; nil: none

	// Users says which users are this client on the unix socket: "user:NAME", "user:1000" or
	// "group:NAME". Whether they exist is not checked here.
	Users []string

	// Certificates names those on other machines that are this client: SPIFFE ids and DNS names.
	Certificates []string

	// Policy are its rules, as agent/policy reads them; at least one. What the profile's
	// policy says holds beside them.
	Policy []string

	// RefuseOtherHosts: where the agent is its proxy, it reaches Anaplan's hosts and no other.
	RefuseOtherHosts bool
}

const (
	outsideClient = "the settings of a client stand in a table [client.NAME], and only there; write for instance [client.nightly] above them"
	samplePolicy  = `policy = ["list", 'run process "Nightly load" in model "Plan"']`
)

// Clients returns the clients, sorted by name. They are the file's own, not to be changed.
func (f *File) Clients() []*Client {
	if f == nil {
		return nil
	}
	return slices.Clone(f.clients)
}

// readClients reads the tables [client.NAME], when the profiles are known. Clients that
// could not be told apart are refused.
func (f *File) readClients(d *document, top map[string]any) error {
	clients, _ := top[clientsTable].(map[string]any)
	holders := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(clients)) {
		client, err := f.readClient(d, name, clients[name])
		if err != nil {
			return err
		}
		secret := string(client.Secret)
		if holders[secret] != "" {
			return d.fail(d.find(clientsTable, name, secretSetting), "client %q has this secret too; each client needs its own", holders[secret])
		}
		if secret != "" {
			holders[secret] = name
		}
		f.clients = append(f.clients, client)
	}
	return nil
}

// readClient reads one table [client.NAME].
func (f *File) readClient(d *document, name string, table any) (*Client, error) {
	at := d.find(clientsTable, name)
	fields, isTable := table.(map[string]any)
	if !isTable {
		return nil, d.fail(at, "%s", outsideClient)
	}
	if err := CheckClientName(name); err != nil {
		return nil, d.fail(at, "%v", err)
	}
	read, err := d.settings(fields, clientsTable, name)
	if err != nil {
		return nil, err
	}
	if len(read[policySetting]) == 0 {
		return nil, d.fail(at, "%s", noRules(clientsTable))
	}
	client, err := read.buildClient(name)
	if err != nil {
		return nil, err
	}
	return client, f.checkProfile(d, client, len(read[clientProfileSetting]) > 0)
}

// buildClient checks the settings, in a fixed order, and makes them a client.
func (v values) buildClient(name string) (*Client, error) {
	merged, err := merge(clientsTable, v, nil)
	if err != nil {
		return nil, err
	}
	c := &Client{Name: name, Profile: merged.text(clientProfileSetting)}
	return c, cmp.Or(
		read(&c.Secret, merged[secretSetting], secretOf(name)),
		readAllow(&c.Users, merged[usersSetting]),
		certificateNames(&c.Certificates, merged[certificatesSetting]),
		readPolicy(&c.Policy, merged[policySetting]),
		read(&c.RefuseOtherHosts, merged[otherHostsSetting], refusesOtherHosts),
	)
}

// checkProfile returns an error if the client's profile is not in the file. Where the file
// has no profiles, flags and environment are the one that there is.
func (f *File) checkProfile(d *document, client *Client, given bool) error {
	if len(f.profiles) == 0 || f.profiles[client.Profile] != nil {
		return nil
	}
	words := f.noProfile(client.Profile).Error()
	if !given {
		words = "the client does not say its profile, and " + words
	}
	return d.fail(d.find(clientsTable, client.Name, clientProfileSetting), "%s", words)
}

// CheckClientName returns an error unless a client's name can stand in headers, metrics and
// logs as it is.
func CheckClientName(name string) error {
	if name == "" || len(name) > 64 || strings.Trim(name, variableBytes+".-") != "" {
		return fmt.Errorf("the name of a client is made of letters, digits, '.', '_' and '-', at most 64 of them; %.80q is not", name)
	}
	return nil
}

// secretOf returns a parser for what stands for the secret of a client. People paste the
// secret itself there, so errors do not show the text.
func secretOf(client string) func(string) ([]byte, error) {
	return func(text string) ([]byte, error) {
		if text == "" {
			return nil, nil
		}
		digits, isHash := strings.CutPrefix(text, "sha256:")
		hash, err := hex.DecodeString(digits)
		if !isHash || err != nil || len(hash) != sha256.Size {
			return nil, fmt.Errorf("this is not sha256: with 64 hexadecimal digits behind it, and a secret itself must not "+
				"stand here; run anaplan-agent client new %s --secret-only, which makes a secret and prints the line to write", client)
		}
		if [sha256.Size]byte(hash) == sha256.Sum256(nil) {
			return nil, fmt.Errorf("this is the hash of nothing, so everybody knows the secret; run anaplan-agent client new %s", client)
		}
		return hash, nil
	}
}

// refusesOtherHosts reads what is done about hosts that are not Anaplan's.
func refusesOtherHosts(text string) (bool, error) {
	switch text {
	case "tunnel":
		return false, nil
	case "refuse":
		return true, nil
	}
	return false, fmt.Errorf("%q is neither tunnel, which is the default, nor refuse", text)
}

// readPolicy reads rules, and lets package policy judge them. "": there is no policy.
func readPolicy(to *[]string, from []Value) error {
	if len(from) == 1 && from[0].Text == "" {
		return nil
	}
	var texts []string
	for _, value := range from {
		texts = append(texts, value.Text)
	}
	rules := rulesIn(texts)
	if len(rules) == 0 {
		return fmt.Errorf("%s: %s", from[0].From, noRules(profilesTable))
	}
	if _, err := policy.Parse(rules); err != nil {
		return fmt.Errorf("%s: %w", from[0].From, err)
	}
	*to = rules
	return nil
}

// rulesIn returns the rules of texts, which have one a line.
func rulesIn(texts []string) []string {
	var rules []string
	for _, text := range texts {
		for line := range strings.Lines(text) {
			if rule := strings.TrimSpace(line); rule != "" {
				rules = append(rules, rule)
			}
		}
	}
	return rules
}

// noRules says what to do about a policy without rules: whether it should allow nothing or
// everything is not guessed.
func noRules(table string) string {
	if table == clientsTable {
		return "a client needs a policy, which says what it may do: " + samplePolicy
	}
	return "there is no rule in it, so nothing would be allowed; leave policy out for no restriction"
}
