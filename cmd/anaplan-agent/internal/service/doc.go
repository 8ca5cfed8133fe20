// Package service prints, installs and removes the unit files for systemd and launchd. doctor
// examines them.
package service
