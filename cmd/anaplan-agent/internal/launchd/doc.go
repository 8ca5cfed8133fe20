// Package launchd gets the sockets that macOS's launchd has opened for this process.
//
// On other systems it has no more than the name.
package launchd

// Listener is the name of the agent's socket among the Sockets of launchd's file.
const Listener = "Listener"
