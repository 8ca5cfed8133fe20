package agentclient

import (
	"os"
	"os/exec"
	"testing"
	"time"
)

// TestMain is a process that ends soon, too.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && os.Args[1] == "soon" {
		time.Sleep(300 * time.Millisecond)
		return
	}
	os.Exit(m.Run())
}

func TestAwaitEnd(t *testing.T) {
	if awaitEnd(os.Getpid(), 50*time.Millisecond) {
		t.Error("this process has ended")
	}
	soon := exec.Command(os.Args[0], "soon")
	if err := soon.Start(); err != nil {
		t.Fatal(err)
	}
	go soon.Wait()
	if start := time.Now(); !awaitEnd(soon.Process.Pid, time.Minute) || time.Since(start) > 30*time.Second {
		t.Errorf("it is not seen to end, in %v", time.Since(start))
	}
}
