// Package asservice runs a command of this program as systemd runs the machine's service: with its
// user, groups, directories, variables and credentials, and with nothing of root's own. What root
// makes is root's, and the service could not read it.
package asservice
