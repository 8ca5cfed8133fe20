package metrics_test

import (
	"bytes"
	"fmt"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/metrics"
)

func Example() {
	m := metrics.New(nil, "v1.0.0", nil)
	m.Event("default", agent.Event{Kind: agent.EventSign, Took: 30 * time.Millisecond})

	var out bytes.Buffer
	m.Write(&out, metrics.Prometheus)
	for line := range strings.Lines(out.String()) {
		if strings.Contains(line, "signatures") {
			fmt.Print(line)
		}
	}
	// Output:
	// # HELP anaplan_agent_signatures_total Signatures made by the device.
	// # TYPE anaplan_agent_signatures_total counter
	// anaplan_agent_signatures_total{profile="default",result="ok"} 1
}
