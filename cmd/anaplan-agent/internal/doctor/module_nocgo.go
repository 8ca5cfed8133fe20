//go:build !cgo

package doctor

import (
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
)

// surveyModule asks a module for its name and what its tokens can do.
func surveyModule(uri.URI, string) (moduleSurvey, error) { return moduleSurvey{}, hardware.ErrNoCgo }
