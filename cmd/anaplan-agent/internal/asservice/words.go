package asservice

import (
	"os"
	"regexp"
	"sync"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
)

// Variable is set in the environment of a command that is run as the service.
const Variable = "ANAPLAN_AGENT_AS_SERVICE"

// onDevice are calls of commands that as-service is for, in a hint.
var onDevice = sync.OnceValue(func() *regexp.Regexp {
	return regexp.MustCompile(`\b` + build.Program + ` (enroll|cert|keys|whoami|token|sign|doctor|import|rotate)\b`)
})

// Reworded returns what changes a text so that the commands in it are to be typed as this one was; nil
// where that is as they stand.
func Reworded() func(string) string {
	if os.Getenv(Variable) == "" {
		return nil
	}
	return func(text string) string {
		return onDevice().ReplaceAllString(text, "sudo "+build.Program+" as-service $1")
	}
}
