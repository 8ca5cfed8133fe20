package doctor

// What has been found, and how it is shown.

import (
	"errors"
	"fmt"
	"net/url"
	"os"
	"slices"
	"strings"

	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
	"github.com/anaplan-agent/anaplan-agent/hsm/owned"
)

// Report collects findings.
type Report struct {
	Errors   func() explain.Table
	findings []finding.Finding

	// Show is called with each finding at once; nil: it is not.
	Show func(finding.Finding)

	// secrets are texts that no finding may hold, wherever it has them from.
	secrets []string

	// private are texts that findings hold and a bundle must not.
	private []string
}

// add adds a finding, without line ends and secrets that its texts may quote.
func (r *Report) add(f finding.Finding) {
	f.What, f.Do = r.clean(f.What), r.clean(f.Do)
	r.findings = append(r.findings, f)
	if r.Show != nil {
		r.Show(f)
	}
}

// clean returns a text as a line without secrets.
func (r *Report) clean(text string) string {
	for _, secret := range r.secrets {
		text = strings.ReplaceAll(text, secret, "(left out)")
	}
	return console.OneLine(text)
}

// hide keeps a secret out of all later findings. One that is too short is left: replacing it would
// take words apart, and so reveal it.
func (r *Report) hide(secret string) {
	if len(secret) >= 4 && !slices.Contains(r.secrets, secret) {
		r.secrets = append(r.secrets, secret)
	}
}

// ok says that something is as it should be.
func (r *Report) ok(check, format string, args ...any) {
	r.add(finding.Finding{Check: check, Severity: finding.OK, What: fmt.Sprintf(format, args...)})
}

// info says what is worth knowing; do may be "".
func (r *Report) info(check, do, format string, args ...any) {
	r.add(finding.Finding{Check: check, Severity: finding.Info, What: fmt.Sprintf(format, args...), Do: do})
}

// skip says why something was not looked at.
func (r *Report) skip(check, why string) {
	r.add(finding.Finding{Check: check, Severity: finding.Skipped, What: why})
}

// warn says what somebody should look at.
func (r *Report) warn(check, do, format string, args ...any) {
	r.add(finding.Finding{Check: check, Severity: finding.Warning, What: fmt.Sprintf(format, args...), Do: do})
}

// fail says what does not work.
func (r *Report) fail(check, do, format string, args ...any) {
	r.add(finding.Finding{Check: check, Severity: finding.Error, What: fmt.Sprintf(format, args...), Do: do})
}

// failed says what an error says, with the hints that a command that met it would give.
func (r *Report) failed(check string, err error) { r.add(r.findingOf(check, err)) }

// findingOf returns an error as a finding.
func (r *Report) findingOf(check string, err error) finding.Finding {
	explained := r.Errors().Explain(err)
	do := strings.Join(explained.Hints, "; ")
	if exposed, ok := errors.AsType[*owned.Error](err); ok {
		do = exposed.Remedy
	}
	if do == "" {
		do = "if those words do not help: " + build.Program + " doctor --bundle FILE.tar.gz makes a report for support"
	}
	return finding.Finding{Check: check, Severity: finding.Error, What: explained.Text, Do: do}
}

// checkProgram looks whether a program is there, and whether others can change it. what says what it
// is for. It reports false if that is told.
func (r *Report) checkProgram(check, do, what, name string) bool {
	path, err := subprocess.FindProgram(name)
	if err != nil {
		r.fail(check, do, "%s: %v", what, err)
		return false
	}
	if err := owned.Check(path); err != nil {
		r.failed(check, err)
		return false
	}
	return true
}

// texts returns what things are called.
func texts[T any](things []T, text func(T) string) (all []string) {
	for _, thing := range things {
		all = append(all, text(thing))
	}
	return all
}

// hasErrors reports whether one of the checks whose names begin so has found an error.
func (r *Report) hasErrors(prefixes ...string) bool {
	return slices.ContainsFunc(r.findings, func(f finding.Finding) bool {
		return f.Severity == finding.Error && slices.ContainsFunc(prefixes, func(prefix string) bool { return strings.HasPrefix(f.Check, prefix) })
	})
}

// conclude prints all of it. The error is also for findings that are errors.
func (r *Report) conclude(options Options) error {
	var err error
	if options.AsJSON {
		err = console.PrintJSON(r.findings)
	} else {
		err = console.PrintResult(console.Marked(r.text(options.All || !console.ResultIsRead()), ofSeverity()))
	}
	if err == nil && finding.Worst(r.findings) == finding.Error {
		return &subprocess.ExitError{Code: explain.Failed} // it has been said what is wrong
	}
	return err
}

// hideProxyPasswords keeps the passwords in the variables that name proxies out of all findings:
// errors of connections may quote those.
func (r *Report) hideProxyPasswords() {
	for _, name := range ProxyVariables {
		value := os.Getenv(name)
		// By hand as well: what is malformed is what an error would quote.
		if _, rest, ok := strings.Cut(value, "://"); ok {
			value = rest
		}
		user := value[:max(strings.LastIndex(value, "@"), 0)]
		_, password, _ := strings.Cut(user, ":")
		r.hide(user)
		r.hide(password)
		if decoded, err := url.PathUnescape(password); err == nil {
			r.hide(decoded)
		}
	}
}
