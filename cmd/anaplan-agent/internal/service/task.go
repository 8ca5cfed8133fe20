package service

// The service of one user of Windows: a task that the Task Scheduler starts when the user logs on. It
// takes no administrator, and asks for no password.

import (
	"encoding/binary"
	"fmt"
	"html"
	"os/exec"
	"os/user"
	"path/filepath"
	"strings"
	"unicode/utf16"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/paths"
)

// makeTask makes the Task Scheduler's file.
func (s *Service) makeTask() error {
	me, err := user.Current()
	if err != nil {
		return fmt.Errorf("whose task it is: %w", err)
	}
	state := paths.State()
	if state == "" {
		return fmt.Errorf("where to put the file: there is no folder %%LOCALAPPDATA%%")
	}
	folder := filepath.Dir(state)
	path := filepath.Join(folder, build.Program+".xml")
	s.Manager = taskManager(path)
	s.file(path, userTask, "@USER@", html.EscapeString(me.Uid), "@PROGRAM@", html.EscapeString(s.Program),
		"@LOG@", html.EscapeString(filepath.Join(folder, "agent.log")))
	s.Files[0].wide = true
	return nil
}

// taskManager is the Task Scheduler, with the file in which the task is.
func taskManager(path string) Manager {
	create := []string{"schtasks.exe", "/create", "/f", "/tn", build.Program, "/xml", path}
	return Manager{
		name:      "the Task Scheduler",
		Runs:      func() bool { _, err := exec.LookPath("schtasks.exe"); return err == nil },
		installed: [][]string{create},
		removing:  [][]string{{"schtasks.exe", "/delete", "/f", "/tn", build.Program}},
		next: []string{
			"schtasks.exe /run /tn " + build.Program + "  # from now on it starts when you log on",
			build.Program + " stop  # ends it; the task's own End would end it without its last words",
		},
		update:    build.Program + " stop",
		left:      "if it runs: " + build.Program + " stop",
		registers: commandLine(create),
	}
}

// commandLine returns words as a person types them on Windows.
func commandLine(words []string) string {
	quoted := make([]string, len(words))
	for i, word := range words {
		if quoted[i] = word; strings.Contains(word, " ") {
			quoted[i] = `"` + word + `"`
		}
	}
	return strings.Join(quoted, " ")
}

// byteOrderMark begins a text in UTF-16, which schtasks takes for one only by this.
const byteOrderMark = 0xfeff

// widened returns a text in UTF-16.
func widened(text string) []byte {
	data := binary.LittleEndian.AppendUint16(nil, byteOrderMark)
	for _, unit := range utf16.Encode([]rune(strings.ReplaceAll(text, "\n", "\r\n"))) {
		data = binary.LittleEndian.AppendUint16(data, unit)
	}
	return data
}

// narrowed undoes widened. What is not in UTF-16 stays.
func narrowed(data []byte) string {
	if len(data)%2 != 0 || len(data) == 0 || binary.LittleEndian.Uint16(data) != byteOrderMark {
		return string(data)
	}
	var units []uint16
	for rest := data[2:]; len(rest) > 0; rest = rest[2:] {
		units = append(units, binary.LittleEndian.Uint16(rest))
	}
	return strings.ReplaceAll(string(utf16.Decode(units)), "\r\n", "\n")
}
