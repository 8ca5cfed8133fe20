package config

import (
	"fmt"
	"slices"
	"strconv"

	"github.com/pelletier/go-toml/v2/unstable"
)

// ReplaceKey returns the configuration file with another address in the place of one of a
// profile's keys, and nothing else changed: comments, order and blanks stay. Where it
// cannot find the address as it is written, the error says what to write by hand.
func ReplaceKey(name string, data []byte, profile, before, after string) ([]byte, error) {
	at, ok := findKey(data, profile, before)
	if !ok {
		return nil, fmt.Errorf("%s: the key %s of [profile.%s] is not found as it is written there; put this in its place by hand: %s", name, before, profile, strconv.Quote(after))
	}
	changed := slices.Concat(data[:at.Offset], []byte(strconv.Quote(after)), data[at.Offset+at.Length:])
	file, err := Parse(name, changed)
	if err != nil {
		return nil, fmt.Errorf("the file with the new key in it would be wrong: %w", err)
	}
	read, err := file.Profile(profile, nil)
	if err != nil || !slices.ContainsFunc(read.Keys, func(key Address) bool { return key.String() == after }) {
		return nil, fmt.Errorf("%s: the new key would not be that of [profile.%s]; put it there by hand: %s", name, profile, strconv.Quote(after))
	}
	return changed, nil
}

// findKey returns where the text of one of a profile's keys stands, with its quotation marks.
func findKey(data []byte, profile, text string) (unstable.Range, bool) {
	var parser unstable.Parser
	parser.Reset(data)
	var table []string
	for parser.NextExpression() {
		expression := parser.Expression()
		path, _ := pathOf(expression)
		if expression.Kind != unstable.KeyValue {
			table = path
			continue
		}
		path = append(slices.Clip(table), path...)
		if slices.Equal(path, []string{profilesTable, profile, keySetting}) {
			return textIn(expression.Value(), text)
		}
	}
	return unstable.Range{}, false
}

// textIn returns where a text is, of a value that is one or a list of them.
func textIn(value *unstable.Node, text string) (unstable.Range, bool) {
	if value.Kind == unstable.String && sameAddress(string(value.Data), text) {
		return value.Raw, value.Raw.Length > 0
	}
	if value.Kind != unstable.Array {
		return unstable.Range{}, false
	}
	for items := value.Children(); items.Next(); {
		if at, ok := textIn(items.Node(), text); ok {
			return at, true
		}
	}
	return unstable.Range{}, false
}

// sameAddress reports whether two texts are one address, which can be written in several ways.
func sameAddress(a, b string) bool {
	if a == b {
		return true
	}
	first, err := ParseAddress(a)
	if err != nil {
		return false
	}
	second, err := ParseAddress(b)
	return err == nil && first.String() == second.String()
}
