package sink_test

import (
	"fmt"
	"os"
	"path/filepath"

	"github.com/anaplan-agent/anaplan-agent/agent"
	"github.com/anaplan-agent/anaplan-agent/agent/sink"
)

func ExampleFile() {
	directory, err := os.MkdirTemp("", "sink")
	if err != nil {
		panic(err)
	}
	defer os.RemoveAll(directory)

	file := &sink.File{Path: filepath.Join(directory, "token"), UID: -1, GID: -1}
	err = file.Write(agent.Token{Value: agent.NewSecret("value")})
	text, _ := os.ReadFile(file.Path)
	fmt.Printf("%q %v\n", text, err)
	fmt.Println(file.Remove())
	// Output:
	// "value\n" <nil>
	// <nil>
}
