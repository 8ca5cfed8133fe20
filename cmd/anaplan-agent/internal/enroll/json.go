package enroll

import (
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/config"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/login"
)

// progress is how far an enrolment is, for programs; docs/schema/enroll.json describes it.
type progress struct {
	Key         string          `json:"key"`
	Email       string          `json:"email,omitempty"`
	Step        enrolStep       `json:"step"`
	Since       time.Time       `json:"since,omitzero"`
	Request     string          `json:"request,omitempty"`      // the CSR, in PEM
	RequestFile string          `json:"request_file,omitempty"` // absent: it went nowhere else
	Certificate string          `json:"certificate,omitempty"`  // the file that has it; absent: the device
	UploadFile  string          `json:"upload_file,omitempty"`
	User        *login.Identity `json:"user,omitempty"` // of the first login
}

// tell prints how far the enrolment of a key is, if programs want to know.
func (e Enrolment) tell(address config.Address) error {
	if !e.JSON || e.login {
		return nil
	}
	for _, p := range NewStore().Fitting(address) {
		return console.PrintJSON(progress{p.Key, p.Email, p.Step, p.Time.UTC(), p.Request, p.RequestFile, p.Certificate, p.Upload, nil})
	}
	return console.PrintJSON(progress{Key: address.String(), Step: StepStored}) // the key was not made here
}

// tellUser prints whose the first login was.
func (e Enrolment) tellUser(address config.Address, who login.Identity) error {
	if e.JSON {
		return console.PrintJSON(progress{Key: address.String(), Step: stepDone, User: &who})
	}
	return console.PrintResult(console.Printable(who.Text(time.Now())))
}
