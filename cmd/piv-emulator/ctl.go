//go:build linux

package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
)

// sendOrder has an emulator carry an order out, and prints what it says.
func sendOrder(socket string, words []string, stdout io.Writer) error {
	// The line is taken apart at its spaces.
	for _, word := range words {
		if len(strings.Fields(word)) != 1 {
			return emulator.Misuse(program+" --help", "%q is not a word of an order", word)
		}
	}
	conn, err := net.Dial("unix", socket)
	if err != nil {
		return emulator.Advise(fmt.Errorf("reaching the emulator: %w", err), "is the emulator running that "+controlVariable+" names?")
	}
	defer conn.Close()
	if _, err := fmt.Fprintln(conn, strings.Join(words, " ")); err != nil {
		return fmt.Errorf("sending the order: %w", err)
	}
	answer, err := io.ReadAll(conn)
	if err != nil {
		return fmt.Errorf("waiting for the order to be done: %w", err)
	}
	// The emulator ends the connection behind its answer, which is whole then.
	verdict, text, _ := strings.Cut(string(answer), "\n")
	switch verdict {
	case "ok":
		return emulator.Print(stdout, text)
	case "error":
		return errors.New(strings.TrimSuffix(text, "\n"))
	}
	return errors.New("the emulator ended before the order was done")
}
