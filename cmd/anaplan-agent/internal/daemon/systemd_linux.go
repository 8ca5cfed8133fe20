package daemon

// What systemd gives a service and wants to hear from it: the socket that it has opened,
// readiness, and signs of life (sd_listen_fds(3), sd_notify(3), sd_watchdog_enabled(3)).

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"strings"
	"time"

	"github.com/coreos/go-systemd/v22/activation"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/coreos/go-systemd/v22/journal"
	"golang.org/x/sys/unix"
)

// isJournal reports whether standard error goes to journald (systemd.exec(5), JOURNAL_STREAM).
func isJournal() bool {
	is, err := journal.StderrIsJournalStream()
	return is && err == nil
}

// inheritedListener returns the socket that systemd has opened for this process; nil if
// it has not. Programs that are started later do not get to know of it.
func inheritedListener() (net.Listener, error) {
	files := activation.Files(true)
	for _, file := range files {
		defer file.Close() // the listener has a descriptor of its own
	}
	switch len(files) {
	case 0:
		return nil, nil
	case 1:
		return listenerOf(files[0])
	}
	return nil, fmt.Errorf("systemd has passed %d sockets, and the agent serves one; leave one ListenStream= in the socket unit", len(files))
}

// listenerOf returns the listener behind a descriptor, if it is one of a unix stream socket:
// callers are told apart by what the kernel says about them, which it does only for these.
func listenerOf(file *os.File) (net.Listener, error) {
	domain, err := socketOption(file, unix.SO_DOMAIN)
	if err != nil {
		return nil, fmt.Errorf("systemd has passed something that is not a socket: %w", err)
	}
	kind, _ := socketOption(file, unix.SO_TYPE)
	listening, _ := socketOption(file, unix.SO_ACCEPTCONN)
	switch {
	case domain != unix.AF_UNIX:
		return nil, errors.New("the socket that systemd has passed is not a unix socket; write ListenStream=/PATH in the socket unit")
	case kind != unix.SOCK_STREAM:
		return nil, errors.New("the socket that systemd has passed is not a stream socket; write ListenStream= in the socket unit")
	case listening == 0:
		return nil, errors.New("systemd has passed a connection and not the socket; write Accept=no in the socket unit")
	}
	return net.FileListener(file)
}

// socketOption reads an option of a socket that is a number.
func socketOption(file *os.File, option int) (value int, err error) {
	conn, err := file.SyscallConn()
	if err != nil {
		return 0, err
	}
	controlErr := conn.Control(func(fd uintptr) {
		value, err = unix.GetsockoptInt(int(fd), unix.SOL_SOCKET, option)
	})
	return value, errors.Join(controlErr, err)
}

// supervisor reports to systemd; without systemd it does nothing. It ignores errors: nobody would
// see them, and systemd itself ends a service that it does not hear from.
type supervisor struct{}

// ready says that the agent serves, also after reloading; status is for people.
func (supervisor) ready(status string) { notify(daemon.SdNotifyReady, statusLine(status)) }

// status says how it goes, for systemctl status.
func (supervisor) status(text string) { notify(statusLine(text)) }

// reloading says that the configuration is read again; ready ends it.
func (supervisor) reloading() { notify(daemon.SdNotifyReloading) }

// stopping says that the agent is about to end.
func (supervisor) stopping() { notify(daemon.SdNotifyStopping) }

// watch gives signs of life until ctx ends, for as long as the agent is healthy. healthy
// is called twice in the time that systemd waits; if it does not return, that counts as
// well.
func (supervisor) watch(ctx context.Context, healthy func() bool) {
	limit, err := daemon.SdWatchdogEnabled(false)
	if err != nil || limit <= 0 {
		return
	}
	tick := time.NewTicker(max(limit/2, time.Millisecond))
	defer tick.Stop()
	for {
		if healthy() {
			notify(daemon.SdNotifyWatchdog)
		}
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

// statusLine makes one line of a text: the next would be an order to systemd.
func statusLine(text string) string { return "STATUS=" + strings.ReplaceAll(text, "\n", " ") }

// notify sends lines to systemd.
func notify(lines ...string) { daemon.SdNotify(false, strings.Join(lines, "\n")) }
