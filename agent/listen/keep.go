package listen

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/remedy"
)

// keepEvery is how often Keep looks whether the file of a socket is still there.
const keepEvery = time.Second

// Keep looks after the file of a socket until ctx ends. A person may remove it, or a program that
// cleans up old files, and then nobody finds the agent any more.
func Keep(ctx context.Context, socket net.Listener, log *slog.Logger) {
	look := lookAfter(socket)
	if look == nil {
		return
	}
	tick := time.NewTicker(keepEvery)
	defer tick.Stop()
	said := ""
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		anew, err := look()
		switch {
		case err != nil && err.Error() != said:
			said = err.Error()
			log.Error("somebody has removed the socket, so nobody finds the agent", "error", err)
		case anew:
			log.Warn("somebody has removed the socket; it has been made again", "socket", socket.Addr())
		}
		if err == nil {
			said = ""
		}
	}
}

// lookAfter returns what looks after the file of a listener; nil for one that has none. It
// reports whether it has made the file again.
func lookAfter(socket net.Listener) func() (anew bool, err error) {
	if own, ok := socket.(interface{ restore() (bool, error) }); ok {
		return own.restore
	}
	if socket.Addr().Network() != "unix" || !filepath.IsAbs(socket.Addr().String()) {
		return nil
	}
	return func() (bool, error) { return false, lookAt(socket.Addr().String()) }
}

// lookAt reports that a socket is gone which is systemd's or launchd's: they alone can make it
// again, for the next agent gets it from there as well.
func lookAt(path string) error {
	if _, err := os.Lstat(path); !errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	here := remedy.Here()
	return fmt.Errorf("%s: %s has opened it, and has to open it again: %s", path, here.Manager(), here.ReopenSocket())
}
