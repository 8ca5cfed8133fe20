package asservice

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// What a command shares with the service, by the type that systemd gives each on D-Bus.
var (
	textSettings = []string{"User", "Group"}
	wordSettings = []string{
		"SupplementaryGroups", "PassEnvironment", "UnsetEnvironment", "ImportCredential",
		"StateDirectory", "CacheDirectory", "LogsDirectory", "RuntimeDirectory", "ConfigurationDirectory",
	}
	modeSettings       = []string{"StateDirectoryMode", "CacheDirectoryMode", "LogsDirectoryMode", "RuntimeDirectoryMode", "ConfigurationDirectoryMode"}
	credentialSettings = []string{"LoadCredential", "LoadCredentialEncrypted", "SetCredential", "SetCredentialEncrypted"}
)

// What a command cannot share with the service. With the first it would be another one: another user, or
// another machine's files; of the others it is told.
var (
	refusedSettings = []string{"DynamicUser", "RootDirectory", "RootImage"}
	missingSettings = []string{"BindPaths", "BindReadOnlyPaths", "TemporaryFileSystem", "NetworkNamespacePath", "PrivateNetwork", "PAMName", "ExtensionImages", "ExtensionDirectories"}
)

// refused returns why a command cannot be run as this service is. One that names no user is not taken for
// root's: its user may be made for it alone, or its file be empty.
func (u *Unit) refused() error {
	for _, setting := range refusedSettings {
		if u.is(setting) {
			return fmt.Errorf("%s has %s=, which a command that is not started by it cannot have", u.Name, setting)
		}
	}
	if u.User() == "" {
		return fmt.Errorf("%s names no user: write User=NAME below [Service] into a drop-in (systemctl edit %s)", u.Name, u.Name)
	}
	return nil
}

// missing returns the service's settings that a command goes without.
func (u *Unit) missing() []string {
	return slices.DeleteFunc(slices.Clone(missingSettings), func(setting string) bool { return !u.is(setting) })
}

// arguments returns what has systemd-run start something with the user, groups, variables, directories
// and credentials of the service.
func (u *Unit) arguments() (args []string) {
	set := func(setting, value string) { args = append(args, "--property="+setting+"="+value) }
	for _, setting := range textSettings {
		if value := u.text(setting); value != "" {
			set(setting, value)
		}
	}
	for _, setting := range wordSettings {
		for _, word := range u.words(setting) {
			set(setting, strconv.Quote(word))
		}
	}
	for _, setting := range modeSettings {
		if u.is(setting) {
			var mode uint32
			u.get(setting, &mode)
			set(setting, strconv.FormatUint(uint64(mode), 8))
		}
	}
	set("RuntimeDirectoryPreserve", "yes") // it is the service's, which may be running
	for _, entry := range u.words("Environment") {
		args = append(args, "--setenv="+entry)
	}
	u.eachPair("EnvironmentFiles", func(path string, optional json.RawMessage) {
		if string(optional) == "true" {
			path = "-" + path
		}
		set("EnvironmentFile", path)
	})
	for _, setting := range credentialSettings {
		u.eachPair(setting, func(name string, value json.RawMessage) { set(setting, name+":"+credentialText(value)) })
	}
	return args
}

// eachPair calls do for each entry of a property that is a list of pairs.
func (u *Unit) eachPair(setting string, do func(first string, second json.RawMessage)) {
	var pairs [][2]json.RawMessage
	u.get(setting, &pairs)
	for _, pair := range pairs {
		var first string
		if json.Unmarshal(pair[0], &first) == nil {
			do(first, pair[1])
		}
	}
}

// credentialText returns where a credential comes from, or what it is: systemd lets everybody on the machine
// read what SetCredential= has, so it is not a secret.
func credentialText(value json.RawMessage) string {
	var path string
	if json.Unmarshal(value, &path) == nil {
		return path
	}
	var data []uint16 // of bytes, which JSON has as numbers
	json.Unmarshal(value, &data)
	var text strings.Builder
	for _, b := range data {
		fmt.Fprintf(&text, `\x%02x`, b)
	}
	return text.String()
}
