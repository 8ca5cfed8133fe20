// Package doctor finds out why a set-up does not work. It examines configuration, device, PIN,
// certificate, network, Anaplan and the running agent, and reports each finding with a remedy.
//
// The command doctor uses it. A process of its own looks at a device, because a module may crash.
package doctor
