package main

import (
	"encoding/json"
	"errors"
	"fmt"
)

// errStdout says that the result went nowhere.
var errStdout = errors.New("writing the result to standard output")

// checkStdout fails where nobody would get the result, before it costs a login.
func checkStdout() error {
	if stdoutClosed() {
		return fmt.Errorf("%w: it is closed", errStdout)
	}
	return nil
}

// printResult writes the result of a command.
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

// printJSON writes the result of a command as indented JSON.
func printJSON(value any) error {
	data, err := json.MarshalIndent(value, "", "  ")
	if err != nil {
		return err
	}
	return printResult(printable(string(data)) + "\n")
}
