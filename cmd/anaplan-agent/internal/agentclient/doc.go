// Package agentclient holds a command's conversation with the running agent: whether there is one,
// whether this user may use it, and what it answers. It also makes calls of Anaplan's API through
// the agent, or alone where none runs.
//
// The commands, policycheck, rotate, tasks and doctor use it. It knows agent/local and nothing of
// the agent's inside.
package agentclient
