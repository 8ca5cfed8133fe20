package audit_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
)

func Example() {
	directory, err := os.MkdirTemp("", "audit")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)
	path := filepath.Join(directory, "audit.log")

	log, err := audit.Open(path, audit.Options{})
	if err != nil {
		panic(err)
	}
	log.Append(audit.Entry{Action: audit.Login, Profile: "default", Generation: 1})
	log.Append(audit.Entry{
		Action: audit.Token, Profile: "default", Generation: 1,
		Caller: &audit.Caller{UID: 1000, PID: 4711, Executable: "/usr/bin/python3"},
	})
	log.Close()

	file, err := os.Open(path)
	if err != nil {
		panic(err)
	}
	defer file.Close()
	report, err := audit.Verify(file)
	fmt.Println(report.Lines, "lines,", err)
	// Output: 2 lines, <nil>
}
