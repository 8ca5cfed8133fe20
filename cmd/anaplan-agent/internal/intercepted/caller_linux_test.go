package intercepted

import (
	"os"
	"os/exec"
	"strings"
	"syscall"
	"testing"

	"github.com/anaplan-agent/anaplan-agent/agent/local"
	"github.com/anaplan-agent/anaplan-agent/hsm/hsmtest"
)

// Another user of the machine is not let through, whatever it sends.
func TestOtherUser(t *testing.T) {
	if os.Geteuid() != 0 {
		hsmtest.Missing(t, "root", "the right to start processes of other users")
	}
	s := newStandIn(t)
	run, _ := s.run(t)
	if run.proxy.password != "" {
		t.Fatal("this kernel does not tell who calls")
	}
	const nobody = 65534
	child := exec.Command("curl", "-sS", "-o", "/dev/null", "--proxytunnel", "--proxy", "http://"+run.proxy.address, "http://api.anaplan.com:443/")
	child.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: nobody, Gid: nobody}}
	child.Env = []string{"PATH=" + os.Getenv("PATH")}
	output, err := child.CombinedOutput()
	if err == nil || !strings.Contains(string(output), "407") {
		t.Errorf("curl: %v: %s", err, output)
	}
	if got := s.requests(); got != "" {
		t.Errorf("the agent was asked %s", got)
	}
}

func TestIsOurs(t *testing.T) {
	for user, want := range map[int]bool{os.Geteuid(): true, 0: true, local.Nobody: false, os.Geteuid() + 1: false} {
		if got := isOurs(user); got != want {
			t.Errorf("user %d: %v", user, got)
		}
	}
}
