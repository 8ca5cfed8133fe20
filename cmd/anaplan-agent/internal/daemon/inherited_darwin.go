package daemon

import (
	"errors"
	"fmt"
	"net"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/launchd"
)

// inheritedListener returns the socket that launchd has opened for this process; nil if it has not.
func inheritedListener() (net.Listener, error) {
	files, err := launchd.Sockets(launchd.Listener)
	for _, file := range files {
		defer file.Close() // the listener has a descriptor of its own
	}
	switch {
	case err != nil || len(files) == 0:
		return nil, err
	case len(files) > 1:
		return nil, fmt.Errorf("launchd has passed %d sockets, and the agent serves one; leave one SockPathName under %s in its file", len(files), launchd.Listener)
	}
	listener, err := net.FileListener(files[0])
	if err == nil && listener.Addr().Network() != "unix" {
		listener.Close()
		return nil, errors.New("the socket that launchd has passed is not a unix socket; write SockPathName in its file")
	}
	return listener, err
}
