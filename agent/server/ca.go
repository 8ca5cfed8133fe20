package server

import (
	"net/http"

	"github.com/anaplan-agent/anaplan-agent/agent"
)

// serveCA answers with the certificates that programs must trust which have the agent as their proxy.
func serveCA(c *call) *agent.Problem {
	if !c.server.config.knows(c.caller) {
		return c.deny("the agent's CA")
	}
	return sendCA(c)
}

// serveNewCA has the agent make another CA in the place of that which there is, and answers with it.
func serveNewCA(c *call) *agent.Problem {
	if !c.caller.admin {
		return c.reserve("use ca renew", "ca renew")
	}
	if c.server.config.Authority == nil {
		return noCA()
	}
	err := c.server.config.Authority.Renew()
	if err != nil {
		err = agent.Problemf(agent.CodeSettings, "%v", err)
	}
	if problem := c.record(ActionRenewCA, 0, err); problem != nil {
		return problem
	}
	return sendCA(c)
}

func sendCA(c *call) *agent.Problem {
	if c.server.config.Authority == nil {
		return noCA()
	}
	bundle, err := c.server.config.Authority.Bundle()
	if err != nil {
		return c.badCA(err)
	}
	c.send(http.StatusOK, typePEM, bundle)
	return nil
}

func noCA() *agent.Problem {
	return agent.Problemf(agent.CodeBadRequest, "this agent has no CA: it is nobody's proxy")
}

// badCA says that there is none to be had. Its cause is for administrators, and for the log.
func (c *call) badCA(err error) *agent.Problem {
	c.server.config.Logger.Error("the agent's CA cannot be used", "error", err)
	if c.caller.admin {
		return agent.Problemf(agent.CodeSettings, "%v", err)
	}
	problem := agent.Problemf(agent.CodeSettings, "the agent's CA cannot be used")
	problem.Hints = []string{"ask " + administrators("or", c.server.ownUser()) + " to call: anaplan-agent ca"}
	return problem
}
