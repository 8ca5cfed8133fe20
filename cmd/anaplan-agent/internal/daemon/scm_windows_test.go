package daemon

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/windows/svc"
	"golang.org/x/sys/windows/svc/mgr"
)

// The test binary is a service, too: its last arguments are this word and a file for its notes.
const beService = "be-a-service"

// TestBeService is the service of TestServiceControlManager, and nothing by itself.
func TestBeService(t *testing.T) {
	if len(os.Args) < 3 || os.Args[len(os.Args)-2] != beService {
		return
	}
	notes, err := os.OpenFile(os.Args[len(os.Args)-1], os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer notes.Close()
	serve := func(ctx context.Context, host Host) error {
		host.Ready()
		for {
			select {
			case <-host.Hangups:
				notes.WriteString("reload ")
			case <-ctx.Done():
				notes.WriteString("end")
				return nil
			}
		}
	}
	if err := svc.Run("anaplan-agent-test", &service{serve: serve, events: &eventList{}}); err != nil {
		t.Fatal(err)
	}
}

// TestServiceControlManager: the system's own starts the agent, has it read its configuration again
// and ends it.
func TestServiceControlManager(t *testing.T) {
	notes := filepath.Join(os.TempDir(), "service-notes")
	os.Remove(notes)
	defer os.Remove(notes)
	service := newTestService(t, notes)
	if err := service.Start(); err != nil {
		t.Fatal(err)
	}
	awaitState(t, service, svc.Running)
	if _, err := service.Control(ServiceReload); err != nil {
		t.Error(err)
	}
	for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if text, _ := os.ReadFile(notes); strings.Contains(string(text), "reload") {
			break
		}
	}
	if _, err := service.Control(svc.Stop); err != nil {
		t.Error(err)
	}
	if status := awaitState(t, service, svc.Stopped); status.Win32ExitCode != 0 {
		t.Errorf("it has ended with %d", status.Win32ExitCode)
	}
	if text, err := os.ReadFile(notes); string(text) != "reload end" {
		t.Errorf("it has noted %q, %v", text, err)
	}
}

// newTestService registers this test binary, until the test ends.
func newTestService(t *testing.T, notes string) *mgr.Service {
	t.Helper()
	manager, err := mgr.Connect()
	if err != nil {
		t.Fatalf("%v (the test takes an administrator)", err)
	}
	t.Cleanup(func() { manager.Disconnect() })
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	service, err := manager.CreateService("anaplan-agent-test", self, mgr.Config{}, "-test.run=^TestBeService$", beService, notes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		service.Delete()
		service.Close()
	})
	return service
}

// awaitState waits until a service is in a state.
func awaitState(t *testing.T, service *mgr.Service, want svc.State) (status svc.Status) {
	t.Helper()
	var err error
	for deadline := time.Now().Add(30 * time.Second); time.Now().Before(deadline); time.Sleep(20 * time.Millisecond) {
		if status, err = service.Query(); err != nil || status.State == want {
			break
		}
	}
	if err != nil || status.State != want {
		t.Fatalf("it is in state %d, not %d: %v", status.State, want, err)
	}
	return status
}
