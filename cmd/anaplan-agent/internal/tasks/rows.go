package tasks

import (
	"github.com/anaplan-agent/anaplan-agent/agent/integration"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// Rows are what to do about calls of Anaplan's integration API. Its own words, which the
// errors quote, say what is wrong.
func Rows() explain.Table {
	return append(explain.Table{
		{As: explain.Type[*integration.APIError], Exit: explain.Failed, With: explain.With(blamePage)},
		{As: explain.Type[*integration.UnclearStartError], Exit: explain.Failed},
		{As: explain.Type[*integration.AmbiguousError], Exit: explain.Failed},
		{As: explain.Type[*integration.NotFoundError], Exit: explain.Failed},
	}, explain.Plain(integration.ErrResponse, integration.ErrNoContent, integration.ErrLargeRead)...)
}

// blamePage says whom to ask where a web page has answered.
func blamePage(e *integration.APIError, row *explain.Row) {
	if e.Page {
		row.Hints = explain.Hints("ask whether this machine's address is allowed: by your firewall or proxy, and in the tenant's IP allowlist")
	}
}
