package config

import (
	"bytes"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/pelletier/go-toml/v2"
)

// profilesTable is the one table that a file has.
const profilesTable = "profile"

// Value is the text of a setting and where it comes from.
type Value struct {
	Text string
	From string // for errors: "--key", "ANAPLAN_AGENT_KEY", "config.toml:7:1: key"
}

// File is a configuration file that has been checked. A nil File is none.
type File struct {
	profiles map[string]values
}

// values are the settings of one profile, as text with its origin: a value is
// checked again each time, so that the file's and the command line's go through
// the same checks. Only key has more than one text.
type values map[string][]Value

// Parse reads a configuration file, called name in errors, and checks the
// settings of every profile in it. Of several mistakes it tells the first, by
// name of profile and setting.
//
// A file holds tables [profile.NAME] and nothing else. key is a text or a list of
// texts, every other setting a text.
func Parse(name string, data []byte) (*File, error) {
	const byteOrderMark = "\xef\xbb\xbf" // some editors on Windows write one
	d := document{name: name, text: bytes.TrimPrefix(data, []byte(byteOrderMark))}
	// Into a map and no struct, so that a value of the wrong type is refused by the name
	// of its setting, and in words that do not show it.
	var top map[string]any
	if err := toml.Unmarshal(d.text, &top); err != nil {
		return nil, d.syntax(err)
	}
	places, err := d.places()
	if err != nil {
		return nil, err
	}
	for _, table := range slices.Sorted(maps.Keys(top)) {
		if table != profilesTable {
			return nil, d.fail(find(places, table), "there is no table %q; settings stand in tables [profile.NAME]", table)
		}
	}
	file := &File{profiles: map[string]values{}}
	// places has refused a profile that is no table.
	profiles, _ := top[profilesTable].(map[string]any)
	for _, profile := range slices.Sorted(maps.Keys(profiles)) {
		read, err := d.profile(places, profile, profiles[profile])
		if err != nil {
			return nil, err
		}
		file.profiles[profile] = read
		// The values must be good by themselves, before flags change any.
		if _, err := file.Profile(profile, nil); err != nil {
			return nil, err
		}
	}
	return file, nil
}

// profile reads the settings of one profile.
func (d document) profile(places []place, name string, table any) (values, error) {
	read := values{}
	fields, _ := table.(map[string]any)
	for _, setting := range slices.Sorted(maps.Keys(fields)) {
		at := find(places, profilesTable, name, setting)
		if !slices.Contains(settingNames(), setting) {
			return nil, d.fail(at, "there is no setting %q; %s", setting, instead(setting))
		}
		texts, ok := textsOf(fields[setting])
		if !ok || len(texts) != 1 && setting != keySetting {
			return nil, d.fail(at, "%s", shape(setting))
		}
		for _, text := range texts {
			read[setting] = append(read[setting], Value{Text: text, From: d.at(at) + ": " + setting})
		}
	}
	return read, nil
}

// textsOf returns the text or the texts of a TOML value, and whether it is made
// of text. Numbers are not taken for text: pin = 0123 is not what it seems.
func textsOf(value any) (texts []string, ok bool) {
	switch value := value.(type) {
	case string:
		return []string{value}, true
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

// shape words how a setting is written.
func shape(setting string) string {
	if setting == keySetting {
		return `key is an address in quotes, or a list of them: key = ["pkcs11:...", "piv:..."]`
	}
	return fmt.Sprintf("%s is one text in quotes: %s = \"...\"", setting, setting)
}

// instead words what to write for an unknown setting. Flag and environment
// spellings count as near.
func instead(name string) string {
	if meant := nearest(strings.ReplaceAll(strings.ToLower(name), "-", "_"), settingNames()); meant != "" {
		return fmt.Sprintf("did you mean %s?", meant)
	}
	return "there are " + strings.Join(settingNames(), ", ")
}

// Profiles returns the names of the file's profiles, sorted.
func (f *File) Profiles() []string {
	if f == nil {
		return nil
	}
	return slices.Sorted(maps.Keys(f.profiles))
}
