package doctor

// The devices of a profile's keys. They are looked at by a process of their own, one a key,
// which says what it finds as it finds it: a module that crashes or hangs ends that process
// and not the examination, and what was found before stays.

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"slices"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/pin"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/subprocess"
)

// deviceTimeout is how long one device is looked at, if the profile's timeout is not shorter.
const deviceTimeout = 20 * time.Second

// deviceReport is what came of looking at the device of one key.
type deviceReport struct {
	findings []finding.Finding
	facts    deviceFacts
	step     ProbeLine // what the process was about to do
	known    bool      // the facts have been told
}

// deviceReports are those of a profile's keys, in their order.
type deviceReports []deviceReport

// ready returns what is known of the first key that can log in; nil if none can, as far as is known.
func (all deviceReports) ready() *deviceFacts {
	for i := range all {
		if all[i].facts.Ready {
			return &all[i].facts
		}
	}
	return nil
}

// names returns the devices that are there.
func (all deviceReports) names() (names []pin.Device) {
	for _, report := range all {
		names = append(names, report.facts.Names...)
	}
	return names
}

// checkDevices looks at the device of each key. A device that fails is an error if no other
// takes its place; else it is one that somebody should look at.
func checkDevices(ctx context.Context, r *Report, p *config.Profile) (reports deviceReports) {
	switch {
	case p == nil:
		r.skip("device.key", "the settings are wrong")
		return nil
	case len(p.Keys) == 0:
		r.skip("device.key", "no key configured to look for")
		return nil
	}
	for _, address := range p.Keys {
		reports = append(reports, checkDevice(ctx, r, p, address))
	}
	works := slices.ContainsFunc(reports, deviceReport.works)
	for i, report := range reports {
		reports.tell(r, i, report.findings, works)
	}
	return reports
}

// works reports whether nothing stands against the device and its key, as far as is known.
func (d deviceReport) works() bool { return finding.Worst(d.findings) != finding.Error }

// tell adds what was found of key i.
func (all deviceReports) tell(r *Report, i int, findings []finding.Finding, works bool) {
	for _, f := range findings {
		if len(all) > 1 {
			f.What = fmt.Sprintf("key %d: %s", i+1, f.What)
		}
		if works && f.Severity == finding.Error {
			f.Severity = finding.Warning
			f.What += " (another key of the profile takes its place)"
		}
		r.add(f)
	}
}

// tellUnproven adds what only a signature proves, or refutes: a key of which the public half shows, and
// errors. They are errors where the first key that was ready has shown by a login to the device that it is
// so, else what nobody has looked at.
func (all deviceReports) tellUnproven(r *Report, came signed) {
	for i := range all {
		first := &all[i].facts == all.ready()
		for _, f := range all[i].facts.Unproven {
			proven := first && came == signedWell
			switch {
			case f.Severity == finding.OK && !proven: // as all that shows says
				f.Severity, f.What, f.Do = finding.Skipped, f.What+": "+device.OnlyPublic, build.Program+" doctor --login looks at the key"
			case f.Severity == finding.OK:
			case proven:
				continue
			case !first || came != signedNot:
				f.Severity, f.What = finding.Skipped, "without a login to the device it looks so, and private keys may show after one only: "+f.What
				f.Do = build.Program + " doctor --login looks at the key; if it is so: " + f.Do
			}
			all.tell(r, i, []finding.Finding{f}, false)
		}
	}
}

// checkDevice has a process look at the device of a key.
func checkDevice(ctx context.Context, r *Report, p *config.Profile, address config.Address) (report deviceReport) {
	limit := min(deviceTimeout, p.Timeout)
	order := ProbeOrder{
		Key: address.String(), Certificate: p.Certificate, Unattended: p.TokenFile != "",
		// Less than it has, since it can say more of what hangs than that it does.
		Limit: limit * 3 / 4,
	}
	ctx, cancel := context.WithTimeout(ctx, limit)
	defer cancel()
	report.step.Step = "starting"
	end, err := subprocess.AskChild(ctx, []string{"doctor", ProbeName}, order, report.hear)
	switch {
	case err != nil:
		report.findings = append(report.findings, r.findingOf("device.process", err))
	case end.Err != nil:
		report.findings = append(report.findings, r.findingOf("device.process", fmt.Errorf("what the process that looks at the device says makes no sense: %w", end.Err)))
	case !end.Done:
		if end.Late {
			report.step.Step += fmt.Sprintf(" (%v is all it has)", limit)
		}
		report.findings = append(report.findings, report.endOfProbe(end.State, end.Late, address))
	}
	return report
}

// hear takes what the process says: what it found, and what it is about to do. done: it came to its
// end.
func (d *deviceReport) hear(answer []byte) (done bool, err error) {
	var line ProbeLine
	if err := json.Unmarshal(answer, &line); err != nil {
		return false, err
	}
	switch {
	case line.Finding != nil:
		d.findings = append(d.findings, *line.Finding)
	case line.Facts != nil:
		d.facts, d.known = *line.Facts, true
	case line.Step != "":
		d.step = line
	}
	return line.Ended, nil
}

// endOfProbe is the finding of a process that ended on the way.
func (d *deviceReport) endOfProbe(state *os.ProcessState, late bool, address config.Address) finding.Finding {
	f := finding.Finding{Check: "device.module", Severity: finding.Error}
	what := "the PKCS#11 module"
	if device.IsCard(address) {
		f.Check, what = "device.card", "the smart card library"
	}
	if late {
		f.What = fmt.Sprintf("%s did not come back while %s", what, d.step.Step)
		f.Do = "is its device or daemon there, and does another program hold it? unplug and replug it, or restart its service; then try again"
	} else {
		f.What = fmt.Sprintf("%s crashed or stopped the process while %s (%v)", what, d.step.Step, state)
		f.Do = "try again; " + otherVersion
	}
	if d.known {
		f.Severity, f.What, f.Do = finding.Warning, f.What+"; "+d.step.Harmless, otherVersion
	}
	return f
}
