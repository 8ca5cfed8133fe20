package config

import (
	"bytes"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"sync"
	"unicode/utf8"

	"github.com/pelletier/go-toml/v2"
)

// place is where something stands in the file.
type place struct {
	key    toml.Key
	line   int // from 1; 0: not known
	column int // in bytes, from 1
}

// document is a file's text, to say where in it something is wrong.
type document struct {
	name string
	text []byte
}

// places returns where each setting stands. The decoder tells only of keys that
// its target lacks, so the target lacks all of them. The error is for settings
// that stand where tables belong.
func (d document) places() ([]place, error) {
	// Two levels, profile and name, and nothing that a setting could be put into.
	var target map[string]map[string]struct{}
	decoder := toml.NewDecoder(bytes.NewReader(d.text)).DisallowUnknownFields()
	err := decoder.Decode(&target)
	if missing, ok := errors.AsType[*toml.StrictMissingError](err); ok {
		var places []place
		for i := range missing.Errors {
			places = append(places, placeOf(&missing.Errors[i]))
		}
		return places, nil
	}
	if wrong, ok := errors.AsType[*toml.DecodeError](err); ok {
		return nil, d.fail(d.lineStart(placeOf(wrong)), "settings stand in a table [profile.NAME], and only there; write [profile.default] above them")
	}
	return nil, err
}

// placeOf returns where the decoder found a mistake.
func placeOf(e *toml.DecodeError) place {
	line, column := e.Position()
	return place{key: e.Key(), line: line, column: column}
}

// lineStart returns the place of the first thing on the line: the key, where the
// decoder tells of its value.
func (d document) lineStart(p place) place {
	line := d.lineText(p)
	p.column = 1 + len(line) - len(strings.TrimLeft(line, " \t"))
	return p
}

// find returns the place of a key, or of the first thing in it: the decoder does
// not tell of tables. The zero place, for empty ones and inside inline tables,
// makes errors that name the file only.
func find(places []place, key ...string) place {
	for _, p := range places {
		if len(p.key) >= len(key) && slices.Equal(p.key[:len(key)], key) {
			return p
		}
	}
	return place{}
}

// at words the place: "config.toml:7:1". The column counts characters.
func (d document) at(p place) string {
	if p.line == 0 {
		return d.name
	}
	before := d.lineText(p)[:p.column-1]
	return fmt.Sprintf("%s:%d:%d", d.name, p.line, utf8.RuneCountInString(before)+1)
}

// lineText returns the line of a place, long enough for its column.
func (d document) lineText(p place) string {
	line := strings.Split(string(d.text), "\n")[p.line-1]
	line = strings.TrimRight(line, "\r")
	return line + strings.Repeat(" ", max(0, p.column-1-len(line)))
}

// fail returns an error about a place, with the line and a caret under its key.
// Neither format nor args may hold a value from the file.
func (d document) fail(p place, format string, args ...any) error {
	return errors.New(d.at(p) + ": " + fmt.Sprintf(format, args...) + d.excerpt(p))
}

// keyLine is a line with a key or a table's name. A line that is neither may be
// part of a value.
var keyLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?:[A-Za-z0-9_."'-]+\s*=|\[+[A-Za-z0-9_."'-]+\]+)`)
})

// excerpt returns the line without its value, which may be a PIN, and a caret;
// "" for a line that may be all value.
func (d document) excerpt(p place) string {
	if p.line == 0 {
		return ""
	}
	shown := strings.ReplaceAll(keyLine().FindString(d.lineText(p)), "\t", " ")
	if shown == "" {
		return ""
	}
	caret := min(p.column-1, len(shown)+1) // at most where the value begins
	if strings.HasSuffix(shown, "=") {
		shown += " ..."
	}
	return "\n  " + shown + "\n  " + strings.Repeat(" ", caret) + "^"
}

// syntax returns the error for text that is no TOML. The decoder's words can
// quote a character of a value, so they are left out on the line of a PIN.
func (d document) syntax(err error) error {
	wrong, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	p, words := placeOf(wrong), strings.TrimPrefix(wrong.Error(), "toml: ")
	if strings.Contains(strings.ToLower(d.lineText(p)), pinSetting) {
		words = `this is no TOML; write NAME = "VALUE"`
	}
	return d.fail(p, "%s", words)
}
