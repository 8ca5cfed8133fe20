package config

import (
	"bytes"
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

// ReplaceCertificate returns the configuration file with another certificate's file in a profile, and
// nothing else changed; "" is none, for a certificate on the device. A line that is new comes before
// that of the key. Where it does not find its way, the error says what to write by hand.
func ReplaceCertificate(name string, data []byte, profile, path string) ([]byte, error) {
	changed, ok := withCertificate(data, profile, path)
	if ok {
		file, err := Parse(name, changed)
		if err != nil {
			return nil, fmt.Errorf("the file with the new certificate in it would be wrong: %w", err)
		}
		read, err := file.Profile(profile, nil)
		ok = err == nil && read.Certificate == path
	}
	switch {
	case ok:
		return changed, nil
	case path == "":
		return nil, fmt.Errorf("%s: the certificate of [profile.%s] is not found as it is written there; take it out by hand", name, profile)
	}
	return nil, fmt.Errorf("%s: [profile.%s] cannot be changed as it is written there; put this into it by hand: certificate = %s", name, profile, strconv.Quote(path))
}

// withCertificate is the change.
func withCertificate(data []byte, profile, path string) ([]byte, bool) {
	name, value, there := findSetting(data, profile, certificateSetting)
	switch {
	case there && path != "":
		return slices.Concat(data[:value.Offset], []byte(strconv.Quote(path)), data[value.Offset+value.Length:]), value.Length > 0
	case there:
		begin, end := lineAt(data, int(name.Offset))
		return slices.Concat(data[:begin], data[end:]), true
	case path == "":
		return data, true
	}
	name, _, there = findSetting(data, profile, keySetting)
	begin, end := lineAt(data, int(name.Offset))
	line := fmt.Appendf(slices.Clone(data[begin:name.Offset]), "%s = %s", certificateSetting, strconv.Quote(path))
	return slices.Concat(data[:begin], line, lineEnd(data[begin:end]), data[begin:]), there
}

// lineAt returns where the line of a byte begins, and where the next one does.
func lineAt(data []byte, at int) (begin, end int) {
	begin = bytes.LastIndexByte(data[:at], '\n') + 1
	if length := bytes.IndexByte(data[at:], '\n'); length >= 0 {
		return begin, at + length + 1
	}
	return begin, len(data)
}

// lineEnd returns what lines end with, as a line does.
func lineEnd(line []byte) []byte {
	if bytes.HasSuffix(line, []byte("\r\n")) {
		return []byte("\r\n")
	}
	return []byte("\n")
}

// findKey returns where the text of one of a profile's keys stands, with its quotation marks.
func findKey(data []byte, profile, text string) (at unstable.Range, found bool) {
	visitSetting(data, profile, keySetting, func(expression *unstable.Node) { at, found = textIn(expression.Value(), text) })
	return at, found
}

// findSetting returns where the name of a profile's setting stands, the last part of it, and where its
// value does, which is a text.
func findSetting(data []byte, profile, setting string) (name, value unstable.Range, found bool) {
	visitSetting(data, profile, setting, func(expression *unstable.Node) {
		for parts := expression.Key(); parts.Next(); {
			name = parts.Node().Raw
		}
		value, found = expression.Value().Raw, true
	})
	return name, value, found
}

// visitSetting calls the function for a profile's setting, as it stands by itself in the file.
func visitSetting(data []byte, profile, setting string, visit func(*unstable.Node)) {
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
		if slices.Equal(path, []string{profilesTable, profile, setting}) {
			visit(expression)
			return
		}
	}
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
