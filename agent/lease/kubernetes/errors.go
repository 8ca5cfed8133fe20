package kubernetes

import (
	"cmp"
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
	"github.com/anaplan-agent/anaplan-agent/agent/printable"
)

// longestWait is for how long Kubernetes may ask to be left alone.
const longestWait = 30 * time.Second

// statusError is an answer that is not a Lease (metav1.Status).
type statusError struct {
	code    int
	reason  string // as NotFound
	kind    string // of the thing, as leases
	message string
	remedy  string
	wait    time.Duration
}

func (e *statusError) Error() string {
	return fmt.Sprintf("Kubernetes: %s (%d); %s", e.message, e.code, e.remedy)
}

// isNoLease reports whether there is no such Lease, in a namespace that may be there.
func (e *statusError) isNoLease() bool {
	return e.code == http.StatusNotFound && e.reason == "NotFound" && e.kind == "leases"
}

// isChanged reports whether the Lease is not as it was read.
func (e *statusError) isChanged() bool {
	return e.isNoLease() || e.code == http.StatusConflict || e.code == http.StatusGone
}

// newStatusError reads an answer.
func newStatusError(config Config, method string, response *http.Response, body []byte) *statusError {
	var status struct {
		Message string `json:"message"`
		Reason  string `json:"reason"`
		Details struct {
			Kind              string `json:"kind"`
			RetryAfterSeconds int    `json:"retryAfterSeconds"`
		} `json:"details"`
	}
	if json.Unmarshal(body, &status) != nil {
		status.Message = "" // of something in between
	}
	e := &statusError{code: response.StatusCode, reason: status.Reason, kind: status.Details.Kind}
	e.message = printable.Cut(printable.Line(cmp.Or(status.Message, http.StatusText(e.code), "an answer without words")), 300)
	e.remedy = remedy(config, method, e.code)
	if e.code == http.StatusTooManyRequests || e.code == http.StatusServiceUnavailable {
		seconds, _ := strconv.Atoi(response.Header.Get("Retry-After"))
		e.wait = min(time.Duration(max(seconds, status.Details.RetryAfterSeconds, 0))*time.Second, longestWait)
	}
	return e
}

// verbs are what Kubernetes calls the methods, for its RBAC.
var verbs = map[string]string{http.MethodGet: "get", http.MethodPost: "create", http.MethodPatch: "patch"}

// remedy is what to do about a status code.
func remedy(config Config, method string, code int) string {
	switch {
	case code == http.StatusUnauthorized:
		return "the token of the pod's service account is not taken: its account or pod may be deleted; have the pod made anew"
	case code == http.StatusForbidden:
		return fmt.Sprintf("give the pod's service account a Role in the namespace %s with the verbs get, create and patch of leases in coordination.k8s.io (docs/fleet.md has it); %s is missing", config.Namespace, verbs[method])
	case code == http.StatusNotFound:
		return fmt.Sprintf("create the namespace %s, or name the right one in lease", config.Namespace)
	case code == http.StatusGone, code == http.StatusConflict:
		return "another has written it meanwhile; it is read again"
	case code == http.StatusTooManyRequests:
		return "the API has too much to do, and is asked again when it says"
	case code == http.StatusUnprocessableEntity, code == http.StatusBadRequest:
		return fmt.Sprintf("the Lease %s may be another program's: name one in lease that is not used", config.Name)
	case code >= 500:
		return "the API or its etcd fails; it is asked again"
	}
	return "see what answers at " + config.API
}

// explain puts the failure of a connection into words.
func explain(ctx context.Context, config Config, err error) error {
	_, isTLS := errors.AsType[*tls.CertificateVerificationError](err)
	remedy := "see whether a NetworkPolicy allows it"
	switch {
	case isTLS:
		remedy = "ca.crt of the pod's service account is not the CA of what answers there"
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded), ctx.Err() != nil:
		remedy = "it has not answered in time: see whether the API server is overloaded, or a NetworkPolicy is in between"
	case neterror.IsRefused(err):
		remedy = "the API server is not running; it is asked again"
	case neterror.IsBroken(err):
		remedy = "it has ended the connection; it is asked again"
	}
	return fmt.Errorf("the API of Kubernetes cannot be reached at %s: %s; %s", config.API, printable.Cut(printable.Line(err.Error()), 300), remedy)
}
