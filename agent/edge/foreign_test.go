package edge

import (
	"encoding/json"
	"net/http"
	"testing"
	"time"
)

// TestAnotherProgramAtAMembersPort: another program that answers at a member's port, in JSON or not, is passed over.
func TestAnotherProgramAtAMembersPort(t *testing.T) {
	f := newFleet(t)
	for _, said := range []string{"{}", `{"status": "UP"}`, "<html>"} {
		foreign, _ := f.answers(text(said))
		good, _ := f.answers(func(w http.ResponseWriter, _ *http.Request) {
			json.NewEncoder(w).Encode(tokenUntil(time.Now().Add(time.Hour)))
		})
		members := f.edge(foreign, good)
		if token, err := members.Authenticate(t.Context(), nil); err != nil || token.Value.IsZero() {
			t.Errorf("%s: %v", said, err)
		}
		if using := members.using(t.Context()).Address(); using != good.Address() {
			t.Errorf("%s: %s is in use, not %s", said, using, good.Address())
		}
	}
}
