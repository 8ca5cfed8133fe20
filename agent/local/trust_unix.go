//go:build unix

package local

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// check refuses an agent that is not the one which is meant. Root's and the own user's are, and one
// whose socket lies where only root can have put it, as that of a system service with a user of its
// own.
//
// Any other user's is meant where the way to the socket says so: each directory belongs to root, to
// this user or to the user who runs the agent, nobody else can write to one, and none of the latter's
// lies where everybody can make one. Then root or this user has given that user the place, and
// nobody but these three can have put the socket there. It is not sent a PIN all the same, and root
// does not ask it: what an agent answers decides what root's commands do.
func (c *Client) check(conn net.Conn, withPIN bool) error {
	peer, err := PeerOf(conn)
	if err != nil {
		return err
	}
	directory := filepath.Dir(c.socket)
	switch {
	case IsRootOrSelf(peer) || onlyRoot(directory):
		return nil
	case withPIN:
		return fmt.Errorf("it is run by user %s, who is neither root nor you (user %s), so it is not given a PIN: sudo -u %[1]s anaplan-agent unlock", NameOf(peer.User()), NameOf(Self()))
	case Self() == root && !owned.IsOutside(peer.UID):
		return fmt.Errorf("it is run by user %s, and not by root, so root does not ask it: sudo -u %[1]s anaplan-agent COMMAND", NameOf(peer.User()))
	}
	if err := owned.CheckPlace(directory, peer.UID); err != nil {
		return fmt.Errorf("it is run by user %s, and whether that is who you mean is not certain: %w%s", NameOf(peer.User()), err, inContainer(err, peer))
	}
	return nil
}

// inContainer says what helps where containers explain the error; "" where they do not.
func inContainer(err error, peer Peer) string {
	exposed, ok := errors.AsType[*owned.Error](err)
	switch {
	case ok && exposed.Mode.IsDir() && exposed.Mode.Perm() == 0o777 && exposed.Mode&fs.ModeSticky == 0:
		return "; an emptyDir of Kubernetes has that mode: run both containers as one user (runAsUser), or have an init container give the directory to the agent's user (chown) and keep others from writing to it (chmod 755)"
	case owned.IsAmbiguous(peer.UID):
		return "; in this user namespace all users from outside seem to be that user, too: run both as one user of the namespace"
	}
	return ""
}
