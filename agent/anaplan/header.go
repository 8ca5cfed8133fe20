package anaplan

import (
	"crypto/x509"
	"encoding/base64"
	"encoding/pem"
	"errors"
	"fmt"
)

// HeaderForm is how the certificate is written into the Authorization header
// of a login (contract section 1.1).
type HeaderForm string

const (
	// FormPEM is base64 of the whole PEM text, BEGIN and END lines included:
	// form A, the documented one. The empty HeaderForm means it.
	FormPEM HeaderForm = "pem"

	// FormDER is base64 of the DER: form B, seen in the field.
	FormDER HeaderForm = "der"
)

// ErrHeaderForm is returned for a header form that is neither FormPEM nor FormDER.
var ErrHeaderForm = errors.New("unknown header form")

// ParseHeaderForm returns the header form of that name; FormPEM for "".
func ParseHeaderForm(name string) (HeaderForm, error) {
	switch form := HeaderForm(name); form {
	case "":
		return FormPEM, nil
	case FormPEM, FormDER:
		return form, nil
	}
	return "", fmt.Errorf("%w %q: it is %q or %q", ErrHeaderForm, name, FormPEM, FormDER)
}

// Authorization returns the value of the Authorization header of a login: the
// scheme and the certificate. The certificate is encoded again, because what
// the service makes of text or further certificates around it is not known.
func Authorization(cert *x509.Certificate, form HeaderForm) string {
	value := cert.Raw
	if form != FormDER {
		value = pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: cert.Raw})
	}
	return "CACertificate " + base64.StdEncoding.EncodeToString(value)
}
