//go:build cgo

package main

import (
	"net"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/shell"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/doctor"
)

// listen listens where the machine's agent would.
func (m *machine) listen(name string) *net.UnixListener {
	m.t.Helper()
	path := filepath.Join(m.home, "run", build.Program, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		m.t.Fatal(err)
	}
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Net: "unix", Name: path})
	if err != nil {
		m.t.Fatal(err)
	}
	m.t.Cleanup(func() { listener.Close() })
	return listener
}

// closeAbruptly leaves the socket behind, as a process does that is killed.
func closeAbruptly(listener *net.UnixListener) {
	listener.SetUnlinkOnClose(false)
	listener.Close()
}

// installUnit installs the service of the user's own, and a systemctl that says of it what
// is given, as if systemd ran.
func (m *machine) installUnit(says string) {
	m.t.Helper()
	self, err := os.Executable()
	if err != nil {
		m.t.Fatal(err)
	}
	m.file(".config/systemd/user/"+doctor.UnitName, "[Service]\nExecStart="+self+" serve\n")
	m.file("run/systemd/private", "")
	said := m.file("said", says+"\n")
	systemctl := m.file("bin/systemctl", "#!/bin/sh\ncase \"$*\" in *is-active*) exit 3;; esac\ncat "+shell.Quote(said)+"\n")
	if err := os.Chmod(systemctl, 0o700); err != nil {
		m.t.Fatal(err)
	}
	m.env["PATH"] = filepath.Dir(systemctl) + ":" + os.Getenv("PATH")
}
