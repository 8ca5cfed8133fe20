package fleet

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net"
	"net/http"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/mutualtls"
	"github.com/anaplan-agent/anaplan-agent/agent/neterror"
)

// ProbePath is where members ask each other how they do.
const ProbePath = "/v1/member"

// Probe asks a member how it does. The error says in words why there is no answer.
type Probe func(ctx context.Context, address string) (local.Member, error)

// answerBytes is more than any answer has.
const answerBytes = 64 << 10

// NewProbe returns a Probe over mutual TLS, of those whose certificates have one of the names.
func NewProbe(identity *mutualtls.Identity, trust []string) Probe {
	way := &http.Transport{
		MaxIdleConnsPerHost: 1, IdleConnTimeout: time.Minute,
		DialTLSContext: func(ctx context.Context, _, address string) (net.Conn, error) {
			return identity.Dial(ctx, address, hostOf(address), trust...)
		},
	}
	return func(ctx context.Context, address string) (local.Member, error) {
		member, err := ask(ctx, way, address)
		if err != nil { // also a pooled connection to a member that is frozen
			way.CloseIdleConnections()
		}
		return member, err
	}
}

func ask(ctx context.Context, way http.RoundTripper, address string) (member local.Member, err error) {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, "https://"+address+ProbePath, nil)
	if err != nil {
		return member, err
	}
	Origin{}.Write(req.Header)
	response, err := way.RoundTrip(req)
	if neterror.IsRefused(err) {
		return member, errRefused
	}
	if err != nil {
		return member, errors.New(mutualtls.Reason(err, probeTime))
	}
	defer response.Body.Close()
	text, err := io.ReadAll(io.LimitReader(response.Body, answerBytes))
	switch {
	case err != nil:
		return member, errors.New(mutualtls.Reason(err, probeTime))
	case response.StatusCode != http.StatusOK:
		return member, local.ParseProblem(response.StatusCode, text)
	case json.Unmarshal(text, &member) != nil || member.Version == "":
		return member, errors.New("it does not answer as a member does")
	}
	return member, nil
}

// hostOf returns an address without its port.
func hostOf(address string) string {
	host, _, err := net.SplitHostPort(address)
	if err != nil {
		return address
	}
	return host
}
