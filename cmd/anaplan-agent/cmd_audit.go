package main

// The check of audit logs. It needs no agent and no settings, so that it can be done on another
// machine, with nothing but the files.

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
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/help"
)

const auditHelp = `Work on the agent's audit log. It has one line for each signature, login, refresh, token
handed out and call of Anaplan's API, and for each refusal, with the caller.`

const auditVerifyHelp = `Check that an audit log is as the agent wrote it: that no line was changed, removed,
moved or inserted. Exits 0 if all files are intact, else 1, and names the first line that
is not.

Name the files of a rotated log from the oldest to the newest: each must continue where
the one before ends, so lines cut off at an end show. - is standard input:

  anaplan-agent audit verify audit.log.2 audit.log.1 audit.log
  zcat audit.log.3.gz | anaplan-agent audit verify -

A user with write access to the files can also cut lines off at the end of the last one, or
rewrite all of them. To detect that, the agent writes to its own log once a minute where
the audit log stands. If the agent runs as a service, its own log is the system's journal,
which its user cannot change. --anchors FILE names such a log, - is standard input:

  journalctl -u anaplan-agent -o cat | anaplan-agent audit verify --anchors - audit.log

Name the file that is being written last. To cover the last minute too, copy the lines to
another machine as they come.`

// newAuditCommand returns the audit command.
func newAuditCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:     "audit",
		Short:   "check the agent's audit log",
		Example: "anaplan-agent audit verify /var/log/anaplan-agent/audit.log",
		Long:    auditHelp,
		Args:    cobra.ArbitraryArgs, // so that a wrong word reaches RunE and its own words
		RunE:    help.OnlyCommands,
	}
	cmd.AddCommand(newAuditVerifyCommand(say))
	return cmd
}

// newAuditVerifyCommand returns the verify command of audit.
func newAuditVerifyCommand(say *console.Messenger) *cobra.Command {
	cmd := &cobra.Command{
		Use:   "verify FILE...",
		Short: "check that audit logs were not changed",
		Long:  auditVerifyHelp,
	}
	anchors := cmd.Flags().String("anchors", "", "the agent's own log, or - for standard input: check that the lines it names are there, unchanged")
	asJSON := cmd.Flags().Bool("json", false, "print JSON")
	cmd.RunE = func(cmd *cobra.Command, files []string) error {
		if len(files) == 0 {
			return explain.Usagef(cmd.CommandPath(), "no file given; name one or more audit logs, the oldest first")
		}
		if *anchors == "-" && slices.Contains(files, "-") {
			return explain.Usagef(cmd.CommandPath(), "standard input cannot be both the audit log and the agent's own")
		}
		if err := console.CheckStdout(); err != nil {
			return err
		}
		check := auditCheck{tell: printAudit}
		checked := []auditedFile{}
		if *asJSON {
			check.tell = func(file string, report audit.Report) error {
				checked = append(checked, newAuditedFile(file, report))
				return nil
			}
		}
		if *anchors == "" {
			say.Note("without --anchors, lines cut off at the end of the last file do not show")
		} else if err := check.readAnchors(*anchors); err != nil {
			return err
		}
		err := check.files(files)
		if *asJSON { // also of the files before the first that is not whole
			err = errors.Join(err, console.PrintJSON(checked))
		}
		return err
	}
	return cmd
}

type auditCheck struct {
	anchors audit.Anchors                                // nil: none are known
	tell    func(file string, report audit.Report) error // of each file that is whole
}

// readAnchors reads the agent's own log. One that names no line is an error: it would check
// nothing.
func (c *auditCheck) readAnchors(file string) error {
	in, err := openAuditFile(file)
	if err != nil {
		return fmt.Errorf("the agent's log %s: %w", file, err)
	}
	defer in.Close()
	c.anchors, err = audit.ReadAnchors(in)
	if err == nil && len(c.anchors) == 0 {
		err = errors.New("it does not name any line of an audit log; is log_level above info, or is the log too old or too new?")
	}
	if err != nil {
		return fmt.Errorf("the agent's log %s: %w", file, err)
	}
	return nil
}

// files checks the files in order and prints a line for each, up to the first that is not intact.
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
		if err := c.tell(file, report); err != nil {
			return err
		}
	}
	return nil
}

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

// printAudit tells a person of a file.
func printAudit(file string, report audit.Report) error {
	return console.PrintResult(console.Printable(console.OneLine(file)) + ": " + auditSummary(report) + "\n")
}

// auditedFile is a file that is whole, for programs; docs/schema/audit-verify.json describes it.
type auditedFile struct {
	File        string    `json:"file"`
	Lines       int       `json:"lines"`
	First       time.Time `json:"first,omitzero"`
	Last        time.Time `json:"last,omitzero"`
	Interrupted []int     `json:"interrupted,omitempty"` // lines before which writing was interrupted
}

func newAuditedFile(file string, report audit.Report) auditedFile {
	of := auditedFile{File: file, Lines: report.Lines, Interrupted: report.Truncated}
	if report.Lines > 0 {
		of.First, of.Last = report.First.UTC(), report.Last.UTC()
	}
	return of
}

// auditSummary describes an intact log.
func auditSummary(report audit.Report) string {
	if report.Lines == 0 {
		return "empty"
	}
	text := fmt.Sprintf("%s from %s to %s, whole", console.Counted(report.Lines, "line"), console.Time(report.First), console.Time(report.Last))
	if cuts := len(report.Truncated); cuts > 0 {
		text += fmt.Sprintf("; writing it was interrupted %s, last before line %d, and the agent has noted it there",
			console.Counted(cuts, "time"), report.Truncated[cuts-1])
	}
	return text
}
