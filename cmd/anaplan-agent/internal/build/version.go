package build

import (
	_ "embed"
	"runtime/debug"
	"strconv"
	"strings"
	"time"
)

// fromMake is how make names the sources, by the linker's -X: "TAG|SECONDS|HASH", the tag empty where
// there is none. The Go command stamps them only where it may ask git.
var fromMake string

// fromArchive is the same where the sources are an archive of git's: it fills in what stands between
// the dollar signs (gitattributes(5), export-subst), and in a clone nobody does.
//
//go:embed archive.txt
var fromArchive string

// Version returns the module's version, or the revision that it was built from, in the form that the
// Go command has for it. What the Go command has put into the program counts first: "go install"
// does that too.
func Version() string {
	info, ok := debug.ReadBuildInfo()
	if !ok { // a build without modules
		return "unknown"
	}
	if version := info.Main.Version; version != "" && version != unknown {
		return version
	}
	for _, stamp := range []string{fromMake, fromArchive} {
		if version := versionOf(stamp); version != "" {
			return version
		}
	}
	return unknown
}

// unknown is what the Go command has for a build whose sources it does not know.
const unknown = "(devel)"

// versionOf returns the version that a stamp names; "" for none.
func versionOf(stamp string) string {
	const hashLength = 12 // of a pseudo-version, https://go.dev/ref/mod#pseudo-versions
	parts := strings.Split(strings.Trim(strings.TrimSpace(stamp), "$"), "|")
	if len(parts) != 3 {
		return ""
	}
	tag, hash := strings.TrimPrefix(parts[0], "Format:"), parts[2]
	seconds, err := strconv.ParseInt(parts[1], 10, 64)
	switch {
	case err != nil || len(hash) < hashLength:
		return ""
	case tag != "":
		return tag
	}
	_, dirty, isDirty := strings.Cut(hash, "+")
	version := "v0.0.0-" + time.Unix(seconds, 0).UTC().Format("20060102150405") + "-" + hash[:hashLength]
	if isDirty {
		version += "+" + dirty
	}
	return version
}
