package guide

// Telling and asking on the terminal.

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
)

// conversation is with the person at the terminal.
type conversation struct {
	ctx      context.Context
	say      *console.Messenger
	terminal *console.Terminal
	told     string // of what tellOnce has told last
}

// tell prints a line, or several, on the terminal. What tokens and CAs have put into the
// arguments cannot steer it.
func (c *conversation) tell(format string, args ...any) {
	fmt.Fprintln(c.terminal.Out, console.Printable(fmt.Sprintf(format, args...)))
}

// tellOnce tells what a person knows when a question comes again.
func (c *conversation) tellOnce(format string, args ...any) {
	if text := fmt.Sprintf(format, args...); text != c.told {
		c.told = text
		c.tell("%s", text)
	}
}

// fail tells what went wrong and what to do, where the walk goes on all the same.
func (c *conversation) fail(err error) {
	e := c.say.Errors().Explain(err)
	c.tell("That did not work: %s", console.Indented(e.Text))
	for _, hint := range e.Hints {
		c.tell("  - %s", hint)
	}
}

// ask asks for a line. Nothing typed is the default, if there is one. q and the end of the input
// (Ctrl-D) mean to stop.
func (c *conversation) ask(question, preset string) (string, error) {
	if preset != "" {
		question += " [" + preset + "]"
	}
	fmt.Fprint(c.terminal.Out, console.Printable(question)+": ")
	line, err := console.Interruptible(c.ctx, func() (string, error) { return bufio.NewReader(c.terminal.In).ReadString('\n') })
	if err != nil {
		fmt.Fprintln(c.terminal.Out)
		if err == io.EOF {
			return "", errStopped
		}
		return "", err
	}
	if line = strings.TrimSpace(line); line == "" {
		return preset, nil
	}
	if line == "q" {
		return "", errStopped
	}
	return line, nil
}

// askUntil asks until the answer is right.
func (c *conversation) askUntil(question, preset string, check func(string) error) (string, error) {
	for {
		text, err := c.ask(question, preset)
		if err != nil {
			return "", err
		}
		if err = check(text); err == nil {
			return text, nil
		}
		c.tell("  %v", err)
	}
}

// askYes asks a question that does no harm, so that a y will do.
func (c *conversation) askYes(question string) (yes bool, err error) {
	_, err = c.askUntil(question+" (y or n)", "y", func(text string) error {
		switch strings.ToLower(text) {
		case "y", "yes":
			yes = true
		case "n", "no":
		default:
			return errors.New("it is y or n")
		}
		return nil
	})
	return yes, err
}
