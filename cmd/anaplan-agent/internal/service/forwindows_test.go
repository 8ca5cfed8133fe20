//go:build unix

package service

import (
	"encoding/xml"
	"os"
	"os/user"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// task is what counts of a task, by Microsoft's schema ("Task Scheduler Schema").
type task struct {
	XMLName xml.Name                                     `xml:"http://schemas.microsoft.com/windows/2004/02/mit/task Task"`
	User    string                                       `xml:"Triggers>LogonTrigger>UserId"`
	As      struct{ UserId, LogonType, RunLevel string } `xml:"Principals>Principal"`

	Settings struct {
		DisallowStartIfOnBatteries, StopIfGoingOnBatteries bool
		ExecutionTimeLimit, MultipleInstancesPolicy        string
		RestartOnFailure                                   struct {
			Interval string
			Count    int
		}
	}
	Exec struct{ Command, Arguments string } `xml:"Actions>Exec"`
}

// TestTask: the task starts for this user alone, without rights that he does not have, and is not ended.
func TestTask(t *testing.T) {
	t.Setenv("HOME", "/home/a & b")
	t.Setenv("XDG_STATE_HOME", "")
	const program = `C:\Program Files\a & b\anaplan-agent.exe`
	s, said := newTestService(t, "windows", Flags{Program: program})
	if len(s.Files) != 1 || !IsSealed(s.Files[0].text) || !s.Files[0].wide {
		t.Fatalf("files %+v", s.Files)
	}
	var got task
	if err := xml.Unmarshal([]byte(s.Files[0].text), &got); err != nil {
		t.Fatal(err)
	}
	me, err := user.Current()
	if err != nil {
		t.Fatal(err)
	}
	want := task{XMLName: got.XMLName, User: me.Uid}
	want.As.UserId, want.As.LogonType, want.As.RunLevel = me.Uid, "InteractiveToken", "LeastPrivilege"
	want.Settings.ExecutionTimeLimit, want.Settings.MultipleInstancesPolicy = "PT0S", "IgnoreNew"
	want.Settings.RestartOnFailure.Interval, want.Settings.RestartOnFailure.Count = "PT1M", 5
	want.Exec.Command, want.Exec.Arguments = program, `serve --no-window --log-file "/home/a & b/.local/state/agent.log"`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
	if want := `schtasks.exe /create /f /tn anaplan-agent /xml "/home/a & b/.local/state/anaplan-agent.xml"`; s.Manager.registers != want {
		t.Errorf("registered by %s, want %s", s.Manager.registers, want)
	}
	if said.Len() > 0 {
		t.Errorf("it says %s", said)
	}
}

// TestTaskFile: schtasks takes a file for UTF-16 by its first two bytes only, and what was written is
// read again.
func TestTaskFile(t *testing.T) {
	t.Setenv("HOME", "/home/Jos\u00e9 \U0001F600")
	t.Setenv("XDG_STATE_HOME", "")
	s, said := newTestService(t, "windows", Flags{Program: "/bin/sh", root: t.TempDir()})
	if err := s.install(); err != nil {
		t.Fatal(err)
	}
	data, err := os.ReadFile(s.At(s.Files[0]))
	if err != nil || len(data) < 2 || data[0] != 0xff || data[1] != 0xfe {
		t.Fatalf("%v: % x...", err, data[:min(len(data), 8)])
	}
	if found, text, err := s.Read(s.Files[0]); !found || text != s.Files[0].text || err != nil {
		t.Errorf("read again: %v, %v\n%s", found, err, text)
	}
	if err := s.install(); err != nil || !strings.Contains(said.String(), "is as it should be") {
		t.Errorf("again: %v\n%s", err, said)
	}
	for _, text := range []string{"", "a", "plain"} {
		if got := narrowed([]byte(text)); got != text {
			t.Errorf("%q becomes %q", text, got)
		}
	}
}

// TestRegistrationCommands: what print shows is what install does, in the words of sc.exe.
func TestRegistrationCommands(t *testing.T) {
	s, _ := newTestService(t, "windows", Flags{System: true, Program: `C:\Program Files\anaplan-agent\anaplan-agent.exe`})
	got, err := s.show(nil)
	if err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		`sc.exe create anaplan-agent start= delayed-auto obj= "NT SERVICE\anaplan-agent" `,
		`binPath= "\"C:\Program Files\anaplan-agent\anaplan-agent.exe\" serve --service"`,
		"reset= 300 actions= restart/5000/restart/5000/restart/5000/restart/5000//0\n",
		"sc.exe failureflag anaplan-agent 1\n", "sc.exe privs anaplan-agent SeChangeNotifyPrivilege\n", "sc.exe preshutdown anaplan-agent 60000\n",
		`reg.exe add HKLM\SYSTEM\CurrentControlSet\Services\EventLog\Application\anaplan-agent /v EventMessageFile`,
	} {
		if !strings.Contains(got, want) {
			t.Errorf("no %s in\n%s", want, got)
		}
	}
	if _, err := s.show([]string{"anaplan-agent.service"}); err == nil {
		t.Error("there is a file")
	}
	s = &Service{Flags: Flags{System: true, root: "/image", Program: "/bin/sh"}}
	if err := s.makeFiles("windows"); err == nil || !strings.Contains(err.Error(), "service print shows the commands") {
		t.Errorf("--root: %v", err)
	}
}

// TestRegistrationChecksum: any change by hand changes it.
func TestRegistrationChecksum(t *testing.T) {
	r := newRegistration("/bin/sh")
	sum := r.checksum()
	if r.checksum() != sum || !IsSealed(sum) {
		t.Errorf("the same twice: %s, %s", sum, r.checksum())
	}
	for _, change := range []func(*registration){
		func(r *registration) { r.account = `DOMAIN\gmsa$` },
		func(r *registration) { r.automatic = false },
		func(r *registration) { r.restartDelay = time.Minute },
		func(r *registration) { r.privileges = "" },
	} {
		changed := newRegistration("/bin/sh")
		change(changed)
		if changed.checksum() == sum {
			t.Errorf("%+v has the same", changed)
		}
	}
}

// TestServiceSID: by the one service account that has the same SID on every Windows.
func TestServiceSID(t *testing.T) {
	const want = "S-1-5-80-956008885-3418522649-1831038044-1853292631-2271478464"
	if got := serviceSID("TrustedInstaller"); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	for _, f := range machineFolders(`C:\ProgramData\anaplan-agent`) {
		if !strings.HasPrefix(f.access, "O:BAD:P(A;OICI;FA;;;SY)(A;OICI;FA;;;BA)(A;OICI;0x1") || strings.Contains(f.access, "WD") {
			t.Errorf("%s: %s", f.path, f.access)
		}
	}
}
