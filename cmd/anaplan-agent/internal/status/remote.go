package status

import (
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// mostShownCallers is how many callers on other machines are shown; --json has all of the last hour.
const mostShownCallers = 10

// remoteText returns the lines about other machines: the port for them, the certificate that they see,
// and who of them has called.
func remoteText(status local.Status, now time.Time) string {
	tls := status.TLS
	if tls == nil {
		return ""
	}
	var text strings.Builder
	if tls.Address != "" {
		fmt.Fprintf(&text, "listening on %s for other machines, by mutual TLS\n", console.OneLine(tls.Address))
	}
	if len(tls.Names) > 0 {
		fmt.Fprintf(&text, "known to other machines as %s, until %s\n", console.OneLine(strings.Join(tls.Names, ", ")), console.Time(tls.NotAfter))
	}
	if tls.Problem != "" {
		fmt.Fprintf(&text, "%s\n  hint: put it right in the directory that tls names; the files are read again by themselves\n", console.Indented(tls.Problem))
	}
	for i, caller := range tls.Callers[:min(len(tls.Callers), mostShownCallers)] {
		if i == 0 {
			text.WriteString("callers on other machines, in the last hour:\n")
		}
		who := "not a client"
		if len(caller.Clients) > 0 {
			who = "as " + strings.Join(caller.Clients, ", ")
		}
		fmt.Fprintf(&text, "  %s at %s, %s, %s\n", console.OneLine(caller.Certificate), console.OneLine(caller.Address), console.OneLine(who), behind(caller.At, now))
	}
	if more := len(tls.Callers) - mostShownCallers; more > 0 {
		fmt.Fprintf(&text, "  and %d more: %s status --json\n", more, build.Program)
	}
	return text.String()
}
