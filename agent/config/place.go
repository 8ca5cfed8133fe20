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
	"github.com/pelletier/go-toml/v2/unstable"
)

// place is where something stands in the file.
type place struct {
	line   int // from 1; 0: not known
	column int // in bytes, from 1
}

// document is a file's text, to say where in it something is wrong. Lines and keys
// are looked up once: a file may have a thousand profiles.
type document struct {
	name   string
	text   []byte
	starts []int // offsets of the lines
	keys   keys
}

// newDocument finds the lines of a text; its keys are found by index.
func newDocument(name string, text []byte) *document {
	d := &document{name: name, text: text, starts: []int{0}}
	for i, c := range text {
		if c == '\n' {
			d.starts = append(d.starts, i+1)
		}
	}
	return d
}

// keys are the keys of a file as a tree, each with the place of the first thing that
// belongs to it.
type keys struct {
	at place
	in map[string]*keys
}

// depth is how far down keys are told apart: table, profile, setting. What is deeper
// is an error at one of these.
const depth = 3

// index finds where the keys stand, which the decoder does not tell. The text must be
// TOML; keys inside of inline tables are not looked for.
func (d *document) index() {
	var parser unstable.Parser
	parser.Reset(d.text)
	var table []string
	for parser.NextExpression() {
		path, offset := pathOf(parser.Expression())
		if parser.Expression().Kind == unstable.KeyValue {
			path = append(slices.Clip(table), path...)
		} else {
			table = path
		}
		d.keys.note(path, d.place(offset))
	}
}

// pathOf returns the first parts of a line's key or a table's name, and where it begins.
func pathOf(expression *unstable.Node) (path []string, offset int) {
	key := expression.Key()
	for len(path) < depth && key.Next() {
		if len(path) == 0 {
			offset = int(key.Node().Raw.Offset)
		}
		path = append(path, string(key.Node().Data))
	}
	return path, offset
}

// note adds a key.
func (k *keys) note(path []string, at place) {
	for _, part := range path[:min(len(path), depth)] {
		if k.in == nil {
			k.in = map[string]*keys{}
		}
		if k.in[part] == nil {
			k.in[part] = &keys{at: at}
		}
		k = k.in[part]
	}
}

// find returns the place of a key; of what holds it, if it stands inside of an inline
// table.
func (d *document) find(path ...string) place {
	k := &d.keys
	for _, part := range path {
		if k.in[part] == nil {
			break
		}
		k = k.in[part]
	}
	return k.at
}

// place returns the line and the column of an offset.
func (d *document) place(offset int) place {
	line, isStart := slices.BinarySearch(d.starts, offset)
	if isStart {
		line++
	}
	return place{line: line, column: 1 + offset - d.starts[line-1]}
}

// at writes the place: "config.toml:7:1". The column counts characters.
func (d *document) at(p place) string {
	if p.line == 0 {
		return d.name
	}
	before := d.lineText(p)[:p.column-1]
	return fmt.Sprintf("%s:%d:%d", d.name, p.line, utf8.RuneCountInString(before)+1)
}

// lineText returns the line of a place, long enough for its column.
func (d *document) lineText(p place) string {
	line, _, _ := bytes.Cut(d.text[d.starts[p.line-1]:], []byte("\n"))
	text := strings.TrimRight(string(line), "\r")
	return text + strings.Repeat(" ", max(0, p.column-1-len(text)))
}

// fail returns an error about a place, with the line and a caret under its key.
// Neither format nor args may hold a value from the file.
func (d *document) fail(p place, format string, args ...any) error {
	return errors.New(d.at(p) + ": " + fmt.Sprintf(format, args...) + d.excerpt(p))
}

// keyLine is a line with a key or a table's name. A line that is neither may be
// part of a value.
var keyLine = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`^\s*(?:[A-Za-z0-9_."'-]+\s*=|\[+[A-Za-z0-9_."'-]+\]+)`)
})

// excerpt returns the line without its value, which may be a PIN, and a caret;
// "" for a line that may be all value.
func (d *document) excerpt(p place) string {
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

// syntax returns the error for text that is not TOML. The decoder's words can
// quote a character of a value, so they are left out on the line of a PIN or a secret.
func (d *document) syntax(err error) error {
	wrong, ok := errors.AsType[*toml.DecodeError](err)
	if !ok {
		return fmt.Errorf("%s: %w", d.name, err)
	}
	var p place
	p.line, p.column = wrong.Position()
	words := strings.TrimPrefix(wrong.Error(), "toml: ")
	if strings.Contains(words, "escape") { // as in "C:\users"
		words += `: in double quotes \ has a meaning of its own; write the value in single quotes, or a path with /`
	}
	line := strings.ToLower(d.lineText(p))
	if strings.Contains(line, pinSetting) || strings.Contains(line, secretSetting) {
		words = `this is not TOML; write NAME = "VALUE"`
	}
	return d.fail(p, "%s", words)
}
