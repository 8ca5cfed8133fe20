// Package daemon runs the agent process: it keeps the tokens of profiles alive, holds the PINs
// that people typed, serves clients, writes the audit log, and reports to systemd and to
// monitoring.
//
// The command serve uses it, and doctor. Signing happens in processes of their own, which login describes.
package daemon
