//go:build !windows

package server

// rootName is the name of the user that may do everything on a machine.
const rootName = "root"
