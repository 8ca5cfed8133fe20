package build

import (
	"runtime"
	"strings"
)

// About is what a program learns of a build; docs/schema/version.json describes its JSON.
type About struct {
	Version string `json:"version"`
	Go      string `json:"go"`
	OS      string `json:"os"`
	Arch    string `json:"arch"`
	PKCS11  bool   `json:"pkcs11"` // keys in PKCS#11 tokens can be used
	PIV     bool   `json:"piv"`    // keys on PIV cards can be used
}

// Info returns what this build is.
func Info() About {
	return About{Version(), runtime.Version(), runtime.GOOS, runtime.GOARCH, isYes(PKCS11Support), isYes(PIVSupport)}
}

func isYes(support string) bool { return strings.HasPrefix(support, "yes") }
