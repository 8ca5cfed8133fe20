package policy

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxPath     = 4096 // bytes, as it came and as it is sent
	maxSegments = 64
)

// Path is a request's path, decided on and sent as one and the same thing. No rule
// allows the zero Path.
type Path struct {
	text     string
	segments []string
	keys     []string // segments as they are compared: ids in lower case
}

// ParsePath reads the escaped path of a request line, without the query. Slashes at the beginning
// count as one, and one at the end is dropped. Errors say which segment is refused, and why.
func ParsePath(escaped string) (Path, error) {
	segments, err := split(OneSlash(escaped))
	if err != nil {
		return Path{}, err
	}
	text := assemble(segments)
	if len(text) > maxPath {
		return Path{}, errTooLong
	}
	return Path{text: text, segments: segments, keys: keysOf(segments)}, nil
}

// OneSlash returns a path with one slash at the beginning where there are several: an address that
// ends in one, as Anaplan Connect's own does, makes //2/0/models. Doubled slashes elsewhere are
// refused.
func OneSlash(path string) string {
	if strings.HasPrefix(path, "//") {
		return "/" + strings.TrimLeft(path, "/")
	}
	return path
}

// String returns the path escaped, as it is sent.
func (p Path) String() string { return p.text }

// prefixes begin the paths that are Anaplan's and not the agent's: the integration API and its older
// version, SCIM, and audit, which most regions serve on the API host (contract section 4).
var prefixes = []string{"/2/", "/1/", "/scim/", "/audit/"}

// Prefixes names, for people, what paths begin with that are Anaplan's.
const Prefixes = "/2/, /1/, /scim/ or /audit/"

// IsAnaplan reports whether a path is Anaplan's: one that an agent forwards, if policies allow it.
func IsAnaplan(path string) bool {
	path = OneSlash(path)
	return slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(path, prefix) })
}

// Item is a segment behind that of a list, where an id belongs.
type Item struct {
	List string // the path of the list: "/2/0/models"
	Text string
	IsID bool // it has the form of an id
}

// Items returns all of a path, the outermost first.
func (p Path) Items() (items []Item) {
	for i := 1; i < len(p.segments); i++ {
		if text := p.segments[i]; isList(p.segments[i-1]) {
			items = append(items, Item{"/" + strings.Join(p.segments[:i], "/"), text, isID(text)})
		}
	}
	return items
}

// assemble escapes and joins segments as net/http does when it sends them, so that a
// path has one spelling, whatever it was read from.
func assemble(segments []string) string {
	whole := url.URL{Path: "/" + strings.Join(segments, "/")}
	return whole.EscapedPath()
}

var errTooLong = fmt.Errorf("the path is longer than %d bytes", maxPath)

// split returns the segments, decoded and checked.
func split(escaped string) ([]string, error) {
	rest, rooted := strings.CutPrefix(escaped, "/")
	switch {
	case !rooted:
		return nil, fmt.Errorf("the path %s does not begin with /; write it as /2/0/..., without scheme and host", excerpt(escaped))
	case len(escaped) > maxPath:
		return nil, errTooLong
	case rest == "":
		return nil, nil
	case strings.Count(strings.TrimSuffix(rest, "/"), "/") >= maxSegments:
		return nil, fmt.Errorf("the path has more than %d segments", maxSegments)
	}
	segments := strings.Split(strings.TrimSuffix(rest, "/"), "/")
	for i, piece := range segments {
		segment, err := decode(piece)
		if err != nil {
			return nil, fmt.Errorf("segment %d of the path, %s, %w", i+1, excerpt(piece), err)
		}
		segments[i] = segment
	}
	return segments, nil
}

// decode decodes one segment and refuses what others might read otherwise. The errors go
// on from the segment's mention.
func decode(piece string) (string, error) {
	segment, err := url.PathUnescape(piece)
	if err != nil {
		return "", errors.New("has a % without two hex digits behind it; the character % is written %25")
	}
	return segment, check(segment)
}

// check refuses a decoded segment which a server, or something before it, could take for
// another text, or for more or fewer segments than one.
func check(segment string) error {
	trimmed := strings.TrimSpace(segment) // as some do
	switch {
	case segment == "":
		return errors.New("is empty; write one slash where there are two")
	case !utf8.ValidString(segment):
		return errors.New("is not valid UTF-8") // overlong forms of . and / among others
	case strings.ContainsFunc(segment, unicode.IsControl):
		return errors.New("holds a control character, which no path may")
	case trimmed == "":
		return errors.New("is blank, which no segment may be")
	case trimmed == "." || trimmed == "..":
		return errors.New("leads elsewhere; write the path that is meant")
	case decodesAgain(segment):
		return errors.New("is encoded twice; encode it once")
	}
	// Java's servers cut a segment at its semicolon, and then see the dots of "..;".
	if i := strings.IndexAny(segment, `/\;?#`); i >= 0 {
		return fmt.Errorf("holds the character %c, which no segment may, encoded or not", segment[i])
	}
	return nil
}

// decodesAgain reports whether a decoded segment has what looks like an escape.
func decodesAgain(segment string) bool {
	for i := range len(segment) - 2 {
		if segment[i] == '%' && isHex(segment[i+1:i+3]) {
			return true
		}
	}
	return false
}

// keysOf returns the segments as they are compared.
func keysOf(segments []string) []string {
	keys := make([]string, len(segments))
	for i, segment := range segments {
		keys[i] = keyOf(segment)
	}
	return keys
}

// keyOf makes ids, which Anaplan takes in either case, equal.
func keyOf(segment string) string {
	if isGUID(segment) {
		return strings.ToLower(segment)
	}
	return segment
}

// isID reports whether text has the form of an id: what cannot have it is a name.
func isID(text string) bool {
	return isGUID(text) || text != "" && strings.Trim(text, "0123456789") == ""
}

// isGUID reports whether text is an id of a workspace, a model or a task.
func isGUID(text string) bool { return len(text) == 32 && isHex(text) }

func isHex(text string) bool {
	for i := range len(text) {
		switch c := text[i]; {
		case '0' <= c && c <= '9', 'a' <= c && c <= 'f', 'A' <= c && c <= 'F':
		default:
			return false
		}
	}
	return true
}

// excerpt quotes foreign text for an error, and no more of it than a person reads.
func excerpt(text string) string {
	const most = 100
	more := ""
	if len(text) > most {
		text, more = text[:most], "..."
	}
	quoted := strconv.Quote(text)
	// Text with quotes is easier to read in others, if nothing in it has to be escaped.
	if strings.ContainsAny(text, `"\`) && strconv.CanBackquote(text) && !strings.ContainsFunc(text, hidden) {
		quoted = "`" + text + "`"
	}
	return quoted + more
}

func hidden(r rune) bool { return !strconv.IsPrint(r) }
