package local_test

import (
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
)

// TestNobodyIsNotSelf: a caller of whom the kernel says nothing is not taken for this user.
func TestNobodyIsNotSelf(t *testing.T) {
	if local.Self() == "" || local.IsRootOrSelf(local.Peer{UID: local.Nobody}) {
		t.Errorf("nobody is this user, %q", local.Self())
	}
	peer, err := local.PeerOf(nil)
	if err != nil || !local.IsRootOrSelf(peer) || peer.InGroup(0) {
		t.Errorf("got %+v, %v", peer, err)
	}
}
