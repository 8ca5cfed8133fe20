package server

import (
	"net/http"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/agent/phantom"
)

// What Anaplan's auth host has under /token/, with its JSON and its statuses (contract
// sections 2 and 3), and with phantom tokens.

// authenticate hands out a phantom token. Anaplan's own is made first, so that whatever
// prevents that is told here, where clients expect it.
func authenticate(c *call) *agent.Problem {
	who, problem := principalOf(c)
	if problem != nil {
		return problem
	}
	if _, isToken := tokenIn(c.r.Header.Get("Authorization")); isToken && c.via == nil {
		return agent.Problemf(agent.CodeBadRequest, "logging in with a token is not possible; send Basic with a client's name and secret")
	}
	if wait, ok := c.server.logins.take(who.name, c.began); !ok {
		problem := agent.Problemf(agent.CodeTooMany, "%s logs in too often", who.shown())
		problem.Hints, problem.Wait = []string{oneTokenHint}, wait
		return problem
	}
	if err := c.logIn(who); err != nil {
		return c.problem(err)
	}
	holder := phantom.Holder{Client: who.name, Profile: who.profileName, User: who.user, Parent: c.parent}
	switch {
	case c.caller.mutual:
		holder.User = certificateKind + c.certificateOf(who.name)
	case !c.caller.network:
		holder.User = c.caller.peer.User()
	}
	token, err := c.server.config.Phantoms.Issue(holder)
	if err != nil {
		problem := agent.Problemf(agent.CodeTooMany, "%v", err)
		problem.Hints = []string{oneTokenHint}
		return problem
	}
	// A login can take as long as a person: by now the secret may be another one.
	if _, problem := principalOf(c); problem != nil {
		c.server.config.Phantoms.Revoke(token.Value.Reveal())
		return problem
	}
	return sendPhantom(c, http.StatusCreated, "Login successful", token)
}

// logIn sees to it that a principal's calls can be made, by the profile that has taken the place of its
// own if need be.
func (c *call) logIn(who *principal) error {
	_, err := who.profile.Keeper.Token(c.r.Context(), c.wants())
	if next := c.profiles()[who.profileName]; err != nil && next != nil && next.Keeper != who.profile.Keeper && c.r.Context().Err() == nil {
		_, err = next.Keeper.Token(c.r.Context(), c.wants())
	}
	return err
}

const oneTokenHint = "use one token for the 35 minutes that it lives, and end it with POST /token/logout"

// refresh gives a phantom token another life, without Anaplan: the agent looks after that.
func refresh(c *call) *agent.Problem {
	return withPhantom(c, http.StatusBadRequest, func(_ phantom.Token, value string) *agent.Problem {
		token, err := c.server.config.Phantoms.Refresh(value)
		if err != nil {
			return badPhantom(c, err)
		}
		return sendPhantom(c, http.StatusOK, "Token refreshed", token)
	})
}

// User is the user that Anaplan says a profile is (contract section 3).
type User struct {
	ID           string // the e-mail address
	GUID         string
	CustomerGUID string
}

// validate says when the phantom token ends, and what user Anaplan says it stands for.
func validate(c *call) *agent.Problem {
	return withPhantom(c, http.StatusBadRequest, func(token phantom.Token, _ string) *agent.Problem {
		who, problem := holderPrincipal(c, token.Holder)
		if problem != nil {
			return problem
		}
		body := tokenBody(c, "Token validated", local.TokenInfo{ID: token.ID, ExpiresAt: token.ExpiresAt.UnixMilli()})
		if who.profile.Identify != nil {
			user, err := who.profile.Identify(c.r.Context())
			if err != nil {
				return c.problem(err)
			}
			body.User = &local.TokenUser{GUID: user.GUID, ID: user.ID, CustomerGUID: user.CustomerGUID}
		}
		c.sendJSON(http.StatusOK, body)
		return nil
	})
}

// revoke ends the phantom token. Anaplan's stays, for others use it.
func revoke(c *call) *agent.Problem {
	return withPhantom(c, http.StatusUnauthorized, func(token phantom.Token, value string) *agent.Problem {
		if err := c.server.config.Phantoms.Revoke(value); err != nil {
			return badPhantom(c, err)
		}
		c.write(Record{Action: ActionPhantom, Client: token.Client, Profile: token.Profile, Call: described(c), Done: true}, nil)
		c.send(http.StatusNoContent, nil, nil)
		return nil
	})
}

// withPhantom does something with the phantom token that the caller shows. malformed is
// Anaplan's status for a header that has none.
func withPhantom(c *call, malformed int, do func(token phantom.Token, value string) *agent.Problem) *agent.Problem {
	header := c.r.Header["Authorization"]
	value, ok := "", false
	if len(header) == 1 {
		value, ok = strings.CutPrefix(header[0], "AnaplanAuthToken ")
	}
	if !ok || value == "" {
		c.status = malformed
		return agent.Problemf(agent.CodeBadRequest, "there must be one Authorization header, with AnaplanAuthToken and a token")
	}
	token, problem := findPhantom(c, value)
	if problem != nil {
		return problem
	}
	return do(token, value)
}

// sendPhantom writes down that a phantom token is handed out, and does it.
func sendPhantom(c *call, status int, message string, token phantom.Token) *agent.Problem {
	if problem := c.write(Record{Action: ActionPhantom, Client: token.Client, Profile: token.Profile, Call: described(c)}, nil); problem != nil {
		if status == http.StatusCreated { // one that is renewed was written down before
			c.server.config.Phantoms.Revoke(token.Value.Reveal())
		}
		return problem
	}
	c.sendJSON(status, tokenBody(c, message, local.TokenInfo{
		ID: token.ID, Value: token.Value.Reveal(), ExpiresAt: token.ExpiresAt.UnixMilli(), RefreshID: token.RefreshID,
	}))
	return nil
}

// described is what was done with a phantom token.
func described(c *call) Call { return Call{Method: c.r.Method, Path: c.route} }

func tokenBody(c *call, message string, info local.TokenInfo) local.TokenBody {
	base := "http://" + c.r.Host
	switch {
	case c.via != nil:
		base = "https://" + c.via.host
	case c.caller.mutual:
		base = "https://" + c.r.Host
	}
	return local.TokenBody{
		Meta:   local.TokenMeta{ValidationURL: base + "/token/validate"},
		Status: "SUCCESS", Message: message, Token: info,
	}
}
