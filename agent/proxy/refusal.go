package proxy

import (
	"context"
	"encoding/json"
	"errors"
	"mime"
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
)

// isRefused reports whether a 401 is about the token: what the auth host says of it is final. Where
// that says nothing, the form of the answer decides, for anything in between can send a 401, and
// each token that is replaced costs a signature, or a person's touch.
func (t *Transport) isRefused(ctx context.Context, lease agent.Lease, header http.Header, body []byte) bool {
	if t.Confirm != nil {
		err := t.Confirm(ctx, lease)
		if err == nil || errors.Is(err, anaplan.ErrTokenRefused) {
			return err != nil
		}
	}
	return isOwn(header, body)
}

// isOwn reports whether a 401 has the form of Anaplan's refusals: a status of the integration API
// (contract section 6), or the auth host's code, FAILURE_... (section 2.2).
func isOwn(header http.Header, body []byte) bool {
	media, _, _ := mime.ParseMediaType(header.Get("Content-Type"))
	var said struct{ Status json.RawMessage }
	if media == "text/html" || media == "application/xhtml+xml" || json.Unmarshal(body, &said) != nil {
		return false
	}
	var status struct{ Code int }
	var code string
	return json.Unmarshal(said.Status, &status) == nil && status.Code == http.StatusUnauthorized ||
		json.Unmarshal(said.Status, &code) == nil && strings.HasPrefix(code, "FAILURE_")
}
