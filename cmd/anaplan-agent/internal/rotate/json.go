package rotate

import "time"

// Progress is how far a rotation is, for programs; docs/schema/rotate.json describes its JSON.
type Progress struct {
	Profile     string       `json:"profile"`
	Config      string       `json:"config"`
	Step        rotationStep `json:"step"` // "none": no rotation is under way
	Since       time.Time    `json:"since,omitzero"`
	Old         string       `json:"old,omitempty"` // addresses of the keys
	New         string       `json:"new,omitempty"`
	Request     string       `json:"request,omitempty"`         // the CSR, in PEM
	Certificate string       `json:"new_certificate,omitempty"` // the file that has it; absent: the device
}

// Progress returns how far the rotation is.
func (n *rotation) Progress() Progress {
	if n.Step == "" {
		return Progress{Profile: n.Profile, Config: string(n.Config), Step: "none"}
	}
	return Progress{n.Profile, string(n.Config), n.Step, n.Time.UTC(), n.Old, n.New, n.Request, n.NewCertificate}
}
