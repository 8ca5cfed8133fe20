package main

// The check of audit logs. It needs no agent and no settings, so that it can be done on
// another machine, by somebody who has nothing but the files.

import (
	"errors"
	"fmt"
	"os"
	"strconv"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/audit"
	"github.com/spf13/cobra"
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

Who may write the files can make all of them anew. To be sure against that, copy
the lines to another machine as they come.`

// newAuditCommand returns the audit command.
func newAuditCommand(say *messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "audit",
		Short: "check the agent's audit log",
		Long:  auditHelp,
		Args:  cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) > 0 {
				return &usageError{fmt.Errorf("unknown command %q", "audit "+args[0]), cmd.CommandPath()}
			}
			return cmd.Help()
		},
	}
	cmd.AddCommand(newAuditVerifyCommand(say))
	return cmd
}

// newAuditVerifyCommand returns the verify command of audit.
func newAuditVerifyCommand(*messenger) *cobra.Command {
	return &cobra.Command{
		Use:   "verify FILE...",
		Short: "check that nobody has changed audit logs",
		Long:  auditVerifyHelp,
		RunE: func(cmd *cobra.Command, files []string) error {
			if len(files) == 0 {
				return &usageError{errors.New("which file? name one or more audit logs, the oldest first"), cmd.CommandPath()}
			}
			if err := checkStdout(); err != nil {
				return err
			}
			return verifyAudit(files, printResult)
		},
	}
}

// verifyAudit checks the files in their order, and prints a line for each that is whole
// up to the first that is not.
func verifyAudit(files []string, print func(string) error) error {
	var before audit.Report
	for _, file := range files {
		report, err := verifyAuditFile(file)
		if err == nil && before.Lines > 0 && report.Lines > 0 {
			err = report.Follows(before)
		}
		if err != nil {
			return fmt.Errorf("audit log %s: %w", file, err)
		}
		if err := print(printable(oneLine(file)) + ": " + auditSummary(report) + "\n"); err != nil {
			return err
		}
		if report.Lines > 0 { // an empty one, just made, is passed over
			before = report
		}
	}
	return nil
}

// verifyAuditFile checks one file, or standard input for "-".
func verifyAuditFile(file string) (audit.Report, error) {
	if file == "-" {
		return audit.Verify(os.Stdin)
	}
	log, err := os.Open(file)
	if err != nil {
		return audit.Report{}, errors.Unwrap(err) // the file is named by the caller
	}
	defer log.Close()
	return audit.Verify(log)
}

// auditSummary says what is in a log that is whole.
func auditSummary(report audit.Report) string {
	if report.Lines == 0 {
		return "empty"
	}
	text := fmt.Sprintf("%s from %s to %s, whole", counted(report.Lines, "line"), utc(report.First), utc(report.Last))
	if cuts := len(report.Truncated); cuts > 0 {
		text += fmt.Sprintf("; writing it was interrupted %s, last before line %d, and the agent has noted it there",
			counted(cuts, "time"), report.Truncated[cuts-1])
	}
	return text
}

func utc(at time.Time) string { return at.UTC().Format(time.RFC3339) }

// counted returns a number of things in words that people read at a glance: "1 line",
// "1,234 lines".
func counted(count int, thing string) string {
	digits := strconv.Itoa(count)
	for i := len(digits) - 3; i > 0; i -= 3 {
		digits = digits[:i] + "," + digits[i:]
	}
	if count == 1 {
		return digits + " " + thing
	}
	return digits + " " + thing + "s"
}
