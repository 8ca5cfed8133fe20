// Package agentclient holds a command's conversation with the running agent: whether there is one,
// whether this user may use it, and what it answers. It also makes calls of Anaplan's API through
// the agent, or alone where none runs.
//
// The commands, policycheck, rotate, tasks and doctor use it. It talks to an agent by
// agent/local alone; calls without one it makes itself, by agent/proxy and under agent/policy.
package agentclient
