package config

import (
	"errors"
	"fmt"
	"strings"
)

// isSocket refuses what is not a named pipe of this machine, which the agent has there in the place of
// a socket.
func isSocket(path string) error {
	const pipes = `\\.\pipe\`
	if len(path) > len(pipes) && strings.EqualFold(path[:len(pipes)], pipes) {
		return nil
	}
	return fmt.Errorf(`%q is not a named pipe, on which the agent listens on Windows: write '%sNAME', in single quotes`, path, pipes)
}

// errNoModes is said of what Windows cannot keep.
var errNoModes = errors.New(`Windows has neither such permissions nor such owners: leave it out, which keeps the file its user's alone, and let others ask the agent: ` +
	`share_socket = "yes" under [agent], and allow = 'user:DOMAIN\name' in the profile`)

// holds refuses what is said of a file's permissions and owner, if it is not what they are anyway.
func holds(text, usual string) error {
	if text == usual {
		return nil
	}
	return errNoModes
}
