package main

// Standard output, which carries the result and nothing else. A result that nobody
// got is an error, since a token that was lost in a closed pipe stays valid.

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errStdout says that the result went nowhere.
var errStdout = errors.New("writing the result to standard output")

// checkStdout fails where nobody would get the result, before it costs a login. What
// shows only when writing (a full disk, a reader that has gone) is printResult's.
func checkStdout() error {
	if stdoutClosed() {
		return fmt.Errorf("%w: it is closed", errStdout)
	}
	return nil
}

// printResult writes the result of a command in one piece, and reports what a file
// system tells only at the end (close(2)). errStdout if it went nowhere.
func printResult(text string) error {
	stdout, err := duplicateStdout()
	if err == nil {
		_, err = stdout.WriteString(text)
		err = errors.Join(err, stdout.Close())
	}
	if err != nil {
		return fmt.Errorf("%w: %w", errStdout, err)
	}
	return nil
}

// printJSON writes the result of a command as indented JSON. encoding/json lets C1
// controls through, which printable takes out without changing what is said.
func printJSON(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return printResult(printable(string(data)) + "\n")
}
