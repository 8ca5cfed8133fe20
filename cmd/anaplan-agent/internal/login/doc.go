// Package login makes one login, in this process or, for the agent, in a process of its own (its
// order and its answer), exchanges it for a token and shows that.
//
// token, sign, whoami, logout, exec, daemon, doctor, enroll and rotate use it.
package login
