// Package intercepted has what a program needs so that the agent makes its calls of Anaplan while
// the program knows nothing of an agent: a proxy of the run's own on the loopback interface, which
// leads to the agent, and files with the certificates that the program is to trust, among them the
// agent's CA. Programs are told of both by the environment variables that they read anyway.
//
// The command exec --intercept uses it. It does not start the program, and it speaks to the agent
// only as a proxy does: what a call may do is decided there.
package intercepted
