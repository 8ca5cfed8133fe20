package main

// The check of audit logs. It needs no agent and no settings, so that it can be done on
// another machine, by somebody who has nothing but the files.

import (
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

const auditHelp = `audit works on the agent's audit log: one line for each signature, login, refresh,
token handed out and call of Anaplan's API, and for what was refused, with who asked for it.`

const auditVerifyHelp = `verify checks that an audit log is as the agent has written it: that no line was
changed, removed, moved or put in. It exits with 0 if all files are, else with 1,
and says which line is not.

Name the files of a log that was rotated from the oldest to the newest: it checks
that each goes on where the one before ends, which shows lines that were cut off
at an end. - is standard input:

  anaplan-agent audit verify audit.log.2 audit.log.1 audit.log
  zcat audit.log.3.gz | anaplan-agent audit verify -

Who may write the files can also cut lines off at the end of the last one, or make all of
them anew. Against that the agent tells in its own log, once a minute, where the
audit log stands; that is the system's journal if it runs as a service, which its user
cannot change. --anchors FILE is such a log, - is standard input:

  journalctl -u anaplan-agent -o cat | anaplan-agent audit verify --anchors - audit.log

Name the file that is written now last. To be sure of the last minute too, copy the
lines to another machine as they come.`

// newAuditCommand returns the audit command.
func newAuditCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "check the agent's audit log",
		Long:  auditHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return explain.Usagef(cmd.CommandPath(), "unknown command %q", "audit "+args[0])
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newAuditVerifyCommand(say))
	return cmd
}

// newAuditVerifyCommand returns the verify command of audit.
func newAuditVerifyCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "check that nobody has changed audit logs",
		Long:  auditVerifyHelp,
	}
	anchors := cmd.Flags().String("anchors", "", "the agent's own log, or - for standard input: check that it names no other lines, and none behind the end")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if len(files) == 0 {
			return explain.Usagef(cmd.CommandPath(), "which file? name one or more audit logs, the oldest first")
		}
		if *anchors == "-" && slices.Contains(files, "-") {
			return explain.Usagef(cmd.CommandPath(), "standard input cannot be both the audit log and the agent's own")
		}
		if err := console.CheckStdout(); err != nil {
			return err
		}
		check := auditCheck{print: console.PrintResult}
		if *anchors == "" {
			say.Note("lines that were cut off at the end of the last file show only with --anchors")
		} else if err := check.readAnchors(*anchors); err != nil {
			return err
		}
		return check.files(files)
	}
	return cmd
}

// auditCheck is a check of audit logs.
type auditCheck struct {
	anchors audit.Anchors // nil: none are known
	print   func(string) error
}

// readAnchors reads the agent's own log. One that names no line is of no use, and somebody has to know that.
func (c *auditCheck) readAnchors(file string) error {
	in, err := openAuditFile(file)
	if err != nil {
		return fmt.Errorf("the agent's log %s: %w", file, err)
	}
	defer in.Close()
	c.anchors, err = audit.ReadAnchors(in)
	if err == nil && len(c.anchors) == 0 {
		err = errors.New("it does not name any line of an audit log; is log_level above info, or is it too old or too new?")
	}
	if err != nil {
		return fmt.Errorf("the agent's log %s: %w", file, err)
	}
	return nil
}

// files checks the files in their order, and prints a line for each that is whole
// up to the first that is not.
func (c *auditCheck) files(files []string) error {
	var before audit.Report
	for i, file := range files {
		report, err := c.file(file)
		if err == nil && before.Lines > 0 && report.Lines > 0 {
			err = report.Follows(before)
		}
		if report.Lines > 0 { // an empty one, just made, is passed over
			before = report
		}
		if err == nil && i == len(files)-1 {
			err = c.anchors.CheckEnd(before)
		}
		if err != nil {
			return fmt.Errorf("audit log %s: %w", file, err)
		}
		if err := c.print(console.Printable(console.OneLine(file)) + ": " + auditSummary(report) + "\n"); err != nil {
			return err
		}
	}
	return nil
}

// file checks one file.
func (c *auditCheck) file(file string) (audit.Report, error) {
	log, err := openAuditFile(file)
	if err != nil {
		return audit.Report{}, err
	}
	defer log.Close()
	return c.anchors.Verify(log)
}

// openAuditFile opens a file, or standard input for "-".
func openAuditFile(file string) (io.ReadCloser, error) {
	if file == "-" {
		return io.NopCloser(os.Stdin), nil
	}
	log, err := os.Open(file)
	if err != nil {
		return nil, errors.Unwrap(err) // the file is named by the caller
	}
	return log, nil
}

// auditSummary says what is in a log that is whole.
func auditSummary(report audit.Report) string {
	if report.Lines == 0 {
		return "empty"
	}
	text := fmt.Sprintf("%s from %s to %s, whole", console.Counted(report.Lines, "line"), utc(report.First), utc(report.Last))
	if cuts := len(report.Truncated); cuts > 0 {
		text += fmt.Sprintf("; writing it was interrupted %s, last before line %d, and the agent has noted it there",
			console.Counted(cuts, "time"), report.Truncated[cuts-1])
	}
	return text
}

func utc(at time.Time) string { return at.UTC().Format(time.RFC3339) }
