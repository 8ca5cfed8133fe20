package anaplantest

import (
	"fmt"
	"net/http"
	"strings"
)

// apiStatus is how the integration host words every answer (contract section 6).
type apiStatus struct {
	Code    int    `json:"code"`
	Message string `json:"message"`
}

// apiFailure is a failure of the integration host.
func apiFailure(status int, reason string) answer {
	body := map[string]apiStatus{"status": {status, http.StatusText(status)}}
	return answer{status: status, body: body, reason: reason}
}

// notFound answers what no route takes.
func notFound(r *http.Request) answer {
	return apiFailure(http.StatusNotFound, "there is nothing of that method and path")
}

// apiEndpoint answers an integration request of a known user.
type apiEndpoint func(r *http.Request, user string) answer

// api lets an endpoint see only requests with a live token, within the tenant's
// rate.
func (s *Service) api(next apiEndpoint) endpoint {
	return func(r *http.Request) answer {
		token, ok := bearer(r)
		if !ok {
			return apiFailure(http.StatusUnauthorized, "there is no AnaplanAuthToken header")
		}
		n, why := s.sessions.find(token, s.Now())
		if why != "" {
			return apiFailure(http.StatusUnauthorized, why)
		}
		// After the token is known to be live: the allowance is the tenant's, and
		// requests of strangers do not use it up.
		if wait := s.bucket.take(s.Now(), s.options.Burst, s.options.Refill); wait > 0 {
			s.tally.throttle()
			a := apiFailure(http.StatusTooManyRequests, "the tenant's requests are used up")
			// Seconds; what a date is like, a scripted fault shows.
			a.retryAfter = fmt.Sprint(wait)
			return a
		}
		return next(r, n.user)
	}
}

// object is a JSON object.
type object map[string]any

// apiSuccess answers with one thing, such as "user", in Anaplan's envelope. schema
// is the path of its schema below /2/0.
func apiSuccess(r *http.Request, schema, name string, value any) answer {
	return answer{status: http.StatusOK, body: object{
		"meta":   object{"schema": baseURL(r) + "/2/0/" + schema},
		"status": apiStatus{http.StatusOK, "Success"},
		name:     value,
	}}
}

// usersMe is GET /2/0/users/me.
func (s *Service) usersMe(r *http.Request, user string) answer {
	// Names are made up from the address, all that a certificate is sure to tell.
	local, _, _ := strings.Cut(user, "@")
	return apiSuccess(r, "objects/user", "user", object{
		"id":            guidOf(user),
		"active":        true,
		"email":         user,
		"emailOptIn":    false,
		"firstName":     "Integration",
		"lastName":      local,
		"lastLoginDate": s.Now().UTC().Format("2006-01-02T15:04:05.000-0700"),
		"customerId":    guidOf("customer"),
	})
}
