// Package login makes one login, in this process or, for the agent, in a process of its own (its
// order and its answer), exchanges it for a token and shows that.
//
// The commands that log in, the hidden command signer, agentclient, daemon, doctor, enroll, guide and
// rotate use it.
package login
