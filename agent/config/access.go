package config

// Who may use a profile, and how its token file looks. Whether users, groups and
// directories exist shows when they are used: they may come later than the agent.

import (
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"strconv"
	"strings"
	"unicode"

	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
)

// readAllow reads the setting allow: texts, each of which may hold several entries
// with commas between them.
func readAllow(to *[]string, from []Value) error {
	if len(from) == 1 && from[0].Text == "" {
		return nil
	}
	for _, value := range from {
		for text := range strings.SplitSeq(value.Text, ",") {
			var entry string
			if err := read(&entry, []Value{{strings.TrimSpace(text), value.From}}, allowed); err != nil {
				return err
			}
			*to = append(*to, entry)
		}
	}
	return nil
}

// allowed reads one entry of allow.
func allowed(text string) (string, error) {
	kind, name, colon := strings.Cut(text, ":")
	switch {
	case text == "":
		return "", errors.New("an entry is empty; write user:NAME or group:NAME")
	case !colon:
		return "", fmt.Errorf("%q does not say whether it is a user or a group; write user:NAME or group:NAME", text)
	case kind != "user" && kind != "group":
		return "", fmt.Errorf("%q is neither user:NAME nor group:NAME", text)
	}
	if err := isAccount(name); err != nil {
		return "", fmt.Errorf("%q: %w", text, err)
	}
	return text, nil
}

// isAccount takes the name or the number of a user or a group. Names are taken widely,
// since directory services have blanks, dots and backslashes in them.
func isAccount(name string) error {
	switch {
	case name == "":
		return errors.New("the name is missing")
	case name != strings.TrimSpace(name) || strings.ContainsAny(name, ":/,*") || name[0] == '-' || strings.ContainsFunc(name, unicode.IsControl):
		return errors.New("this is not the name of a user or a group")
	case strings.Trim(name, "0123456789") != "":
		return nil
	}
	// The largest number stands for none (chown(2)).
	if number, err := strconv.ParseUint(name, 10, 32); err != nil || number == 1<<32-1 {
		return errors.New("the number is too large")
	}
	return nil
}

// absolutePath reads a path that means the same in whichever directory the agent was started. "":
// not set.
func absolutePath(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	switch {
	case strings.ContainsRune(text, 0):
		return "", errors.New("the path holds a character that no path can")
	case !filepath.IsAbs(text):
		return "", fmt.Errorf("%q is not an absolute path; write it in full, for ~ and variables are not replaced", text)
	case strings.HasSuffix(text, "/"):
		return "", fmt.Errorf("%q is a directory; add the name of the file", text)
	}
	return filepath.Clean(text), nil
}

// absoluteDirectory reads the path of a directory as absolutePath does that of a file.
func absoluteDirectory(text string) (string, error) {
	if text == "/" {
		return text, nil
	}
	return absolutePath(strings.TrimRight(text, "/"))
}

// certificateNames reads the setting certificates: texts, each of which may hold several names with
// commas between them.
func certificateNames(to *[]string, from []Value) error {
	if len(from) == 1 && from[0].Text == "" {
		return nil
	}
	for _, value := range from {
		for text := range strings.SplitSeq(value.Text, ",") {
			var name string
			if err := read(&name, []Value{{strings.TrimSpace(text), value.From}}, mutualtls.CheckName); err != nil {
				return err
			}
			*to = append(*to, name)
		}
	}
	return nil
}

// defaultMode is what a file's permissions are unless somebody says otherwise.
const defaultMode = "0600"

// fileMode reads permissions in octal. A token that others can write to is one that
// they can choose.
func fileMode(text string) (fs.FileMode, error) {
	if err := holds(text, defaultMode); err != nil {
		return 0, err
	}
	bits, err := strconv.ParseUint(strings.TrimPrefix(text, "0o"), 8, 16)
	switch {
	case err != nil || bits > 0o777:
		return 0, fmt.Errorf("%q is not a mode; write it in octal, as 0600 or 0640", text)
	case bits&0o111 != 0:
		return 0, fmt.Errorf("%q makes the file executable; write 0600 or 0640", text)
	case bits&0o022 != 0:
		return 0, fmt.Errorf("%q lets others than the owner write the file; write 0600 or 0640", text)
	case bits&0o400 == 0:
		return 0, fmt.Errorf("%q does not let the owner read the file; write 0600 or 0640", text)
	}
	return fs.FileMode(bits), nil
}

// fileOwner reads USER, USER:GROUP or :GROUP. "": it stays as it is.
func fileOwner(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	if err := holds(text, ""); err != nil {
		return "", err
	}
	user, group, colon := strings.Cut(text, ":")
	var err error
	if user != "" {
		err = isAccount(user)
	}
	if colon && err == nil {
		err = isAccount(group)
	}
	if err != nil {
		return "", fmt.Errorf("%q: %w; write USER, USER:GROUP or :GROUP", text, err)
	}
	return text, nil
}
