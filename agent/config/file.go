package config

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/nearest"
	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
	"github.com/pelletier/go-toml/v2"
)

// The tables of a file.
const (
	profilesTable = "profile" // of tables, one a profile
	agentTable    = "agent"
	clientsTable  = "client" // of tables, one a client
	fleetTable    = "fleet"
)

// tables are all of them.
var tables = []string{profilesTable, agentTable, clientsTable, fleetTable}

// Value is the text of a setting and where it comes from.
type Value struct {
	Text string
	From string // for errors: "--key", "ANAPLAN_AGENT_KEY", "config.toml:7:1: key"
}

// File is a configuration file that has been checked. nil: there is none.
type File struct {
	agent    values
	profiles map[string]values
	clients  []*Client // sorted by name
	fleet    *Fleet    // nil: none
}

// values are the settings of one table, as text with its origin: a value is
// checked again each time, so that the file's and the command line's go through
// the same checks. Only lists have more than one text.
type values map[string][]Value

// Parse reads a configuration file, called name in errors, and checks the
// settings of every table in it. Of several mistakes it tells the first, by
// name of profile and setting.
//
// A file holds tables [profile.NAME], tables [client.NAME], the tables [agent] and [fleet], and
// nothing else. key, allow, users, certificates, policy, members and trust are a text or a list of texts,
// settings of yes and no a text or a boolean, numbers a text or a number, every other setting is a
// text.
func Parse(name string, data []byte) (*File, error) {
	text, err := textfile.Decode(data)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	d := newDocument(name, text)
	// Into a map, not a struct, so that a value of the wrong type is refused by the name of its
	// setting, and in words that do not show it.
	var top map[string]any
	if err := toml.Unmarshal(d.text, &top); err != nil {
		return nil, d.syntax(err)
	}
	d.index()
	if err := d.checkTables(top); err != nil {
		return nil, err
	}
	file := &File{profiles: map[string]values{}}
	if err := file.readAgent(d, top); err != nil {
		return nil, err
	}
	if err := file.readProfiles(d, top); err != nil {
		return nil, err
	}
	if err := file.readClients(d, top); err != nil {
		return nil, err
	}
	return file, file.readFleet(d, top)
}

// checkTables refuses other tables, and settings that stand where tables belong.
func (d *document) checkTables(top map[string]any) error {
	for _, table := range slices.Sorted(maps.Keys(top)) {
		at := d.find(table)
		_, isTable := top[table].(map[string]any)
		switch {
		case (table == agentTable || table == fleetTable) && !isTable:
			return d.fail(at, "%s is a table; write [%[1]s], and its settings below it", table)
		case isTable && slices.Contains(tables, table):
		case isTable:
			return d.fail(at, "there is no table %q; %s", table, insteadTable(table))
		default:
			return d.fail(at, "%s", outside(table))
		}
	}
	return nil
}

// insteadTable says what to write for an unknown table.
func insteadTable(name string) string {
	if meant := nearest.Word(strings.ToLower(name), tables); meant != "" {
		return fmt.Sprintf("did you mean %s?", heading(meant))
	}
	return "settings stand in tables [profile.NAME], those of the whole agent in [agent], those of its clients in [client.NAME], and those of a member in [fleet]"
}

// heading returns the line that begins a table.
func heading(table string) string {
	if table == agentTable || table == fleetTable {
		return "[" + table + "]"
	}
	return "[" + table + ".NAME]"
}

// outside says where a setting belongs that stands in no table.
func outside(setting string) string {
	switch {
	case has(agentSettings, setting):
		return fmt.Sprintf("%s is a setting of the whole agent; write [agent] above it", setting)
	case has(fleetSettings, setting):
		return fmt.Sprintf("%s is a setting of a member of a fleet; write [fleet] above it", setting)
	case slices.Contains([]string{clientsTable, secretSetting, usersSetting}, setting): // the others are ambiguous
		return outsideClient
	}
	return "settings stand in a table [profile.NAME], and only there; write [profile.default] above them"
}

// readAgent reads the table [agent]. The values must be good by themselves, before
// flags change any; so must those of profiles.
func (f *File) readAgent(d *document, top map[string]any) error {
	fields, _ := top[agentTable].(map[string]any)
	read, err := d.settings(fields, agentTable)
	if err != nil {
		return err
	}
	f.agent = read
	_, err = f.Agent(nil)
	return err
}

// readProfiles reads the tables [profile.NAME]. Profiles that would write over each
// other's tokens are refused.
func (f *File) readProfiles(d *document, top map[string]any) error {
	profiles, _ := top[profilesTable].(map[string]any)
	writers := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(profiles)) {
		profile, err := f.readProfile(d, name, profiles[name])
		if err != nil {
			return err
		}
		file := profile.TokenFile
		if writers[file] != "" {
			from := f.profiles[name][tokenFileSetting][0].From
			return fmt.Errorf("%s: profile %q writes this file too; each profile needs its own", from, writers[file])
		}
		if file != "" {
			writers[file] = name
		}
	}
	return nil
}

// readProfile reads one table [profile.NAME].
func (f *File) readProfile(d *document, name string, table any) (*Profile, error) {
	fields, isTable := table.(map[string]any)
	if !isTable {
		return nil, d.fail(d.find(profilesTable, name), "%s", outside(name))
	}
	read, err := d.settings(fields, profilesTable, name)
	if err != nil {
		return nil, err
	}
	f.profiles[name] = read
	return f.Profile(name, nil)
}

// settings reads the settings of the table at path.
func (d *document) settings(fields map[string]any, path ...string) (values, error) {
	read := values{}
	for _, setting := range slices.Sorted(maps.Keys(fields)) {
		at := d.find(append(slices.Clip(path), setting)...)
		if !has(settingsOf(path[0]), setting) {
			return nil, d.fail(at, "%s", stray(setting, fields[setting], path))
		}
		texts, ok := textsOf(setting, fields[setting])
		switch {
		case !ok || len(texts) != 1 && !isList(setting):
			return nil, d.fail(at, "%s", shape(setting))
		case setting == policySetting && len(rulesIn(texts)) == 0:
			return nil, d.fail(at, "%s", noRules(path[0]))
		case setting == certificatesSetting && slices.Contains(texts, ""):
			return nil, d.fail(at, "an entry is empty, and names nobody; %s", shape(setting))
		}
		for _, text := range texts {
			read[setting] = append(read[setting], Value{Text: text, From: d.at(at) + ": " + setting})
		}
	}
	return read, nil
}

// textsOf returns the text or the texts of a TOML value, and whether it is made
// of text. Numbers are not taken for text: pin = 0123 is not what it seems.
func textsOf(setting string, value any) (texts []string, ok bool) {
	switch value := value.(type) {
	case string:
		return []string{value}, true
	case bool:
		return []string{map[bool]string{true: "yes", false: "no"}[value]}, isSwitch(setting)
	case int64:
		return []string{strconv.FormatInt(value, 10)}, isNumber(setting)
	case []any:
		for _, item := range value {
			text, ok := item.(string)
			if !ok {
				return nil, false
			}
			texts = append(texts, text)
		}
		return texts, true
	}
	return nil, false
}

// shape says how a setting is written.
func shape(setting string) string {
	switch {
	case setting == keySetting:
		return `key is an address in quotes, or a list of them: key = ["pkcs11:...", "piv:..."]`
	case setting == allowSetting || setting == usersSetting:
		return fmt.Sprintf(`%s is a text in quotes, or a list of them: %s = ["user:NAME", "group:NAME"]`, setting, setting)
	case setting == certificatesSetting:
		return `certificates is a name in quotes, or a list of them: certificates = ["spiffe://DOMAIN/PATH", "etl-1.example"]`
	case setting == membersSetting:
		return `members is a list of addresses in quotes: members = ["agent-1.example:8471", "agent-2.example:8471"]`
	case setting == trustSetting:
		return `trust is a name in quotes, or a list of them: trust = "spiffe://DOMAIN/PATH"`
	case setting == policySetting:
		return "policy is a rule in quotes, or a list of them: " + samplePolicy
	case isNumber(setting):
		return fmt.Sprintf("%s is a whole number: %s = 600", setting, setting)
	case isSwitch(setting):
		return fmt.Sprintf(`%s is yes or no: %s = "yes"`, setting, setting)
	}
	return fmt.Sprintf("%s is one text in quotes: %s = \"...\"", setting, setting)
}

// stray says that there is no such setting in the table at path. A table in it is most often a name
// with a dot, which TOML takes for two.
func stray(setting string, value any, path []string) string {
	if _, isTable := value.(map[string]any); isTable && len(path) > 1 {
		return fmt.Sprintf("%s is not a setting; a name with dots stands in quotes: [%s.%q]", setting, path[0], path[1]+"."+setting)
	}
	return unknown(setting, path[0])
}

// unknown says that there is no such setting in a table, and what to write. Flag and environment
// spellings count as near.
func unknown(name, table string) string {
	if places := placesOf(name); places != "" {
		return fmt.Sprintf("%s does not stand here, but in %s", name, places)
	}
	known := namesOf(settingsOf(table))
	spelt := strings.ReplaceAll(strings.ToLower(name), "-", "_")
	instead := "there are " + strings.Join(known, ", ")
	if meant := nearest.Word(spelt, known); meant != "" {
		instead = fmt.Sprintf("did you mean %s?", meant)
	} else if meant := nearest.Word(spelt, namesOf(slices.Concat(settings, agentSettings, clientSettings, fleetSettings))); meant != "" {
		instead = fmt.Sprintf("did you mean %s, in %s?", meant, placesOf(meant))
	}
	return fmt.Sprintf("there is no setting %q; %s", name, instead)
}

// placesOf says in which tables a setting stands; "" if in none.
func placesOf(setting string) string {
	var places []string
	for _, table := range tables {
		article := "a"
		if heading(table) == "["+table+"]" {
			article = "the"
		}
		if has(settingsOf(table), setting) {
			places = append(places, article+" table "+heading(table))
		}
	}
	return strings.Join(places, " or ")
}

// Profiles returns the names of the file's profiles, sorted.
func (f *File) Profiles() []string {
	if f == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(f.profiles))
}
