package enroll

import (
	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/build"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/explain"
)

// Rows are what to do about an enrolment, and about what a CA has sent.
func Rows() explain.Table {
	return append(explain.Table{
		{Is: errUnderWay, Exit: explain.Failed, Hints: explain.Hints("for a new CSR of that key: --reuse-key; for a new key: another place in --key")},
		{Is: ErrOtherKey, Exit: explain.Failed, Hints: explain.Hints(
			"the CA needs the CSR of this key: " + build.Program + " enroll --resume prints it again, and enroll --key ADDRESS --email YOU --reuse-key makes another",
		)},
		{Is: errOnlyCA, Exit: explain.Failed, Hints: explain.Hints("ask the CA for the certificate that it has issued for your CSR")},
		{Is: errOtherUser, Exit: explain.Failed, Hints: explain.Hints(
			"ask the CA for one with the address of the request, or begin anew for the other address: " + build.Program + " enroll --key ADDRESS --email OTHER --reuse-key",
		)},
		{As: explain.Type[*certfile.NoLeafError], Exit: explain.Failed},
		{As: explain.Type[*certfile.UnsupportedError], Exit: explain.Failed},
	}, explain.Plain(certfile.ErrWrongPassword, certfile.ErrDamaged, certfile.ErrTooLarge, certfile.ErrNoKey, certfile.ErrNoCertificate)...)
}
