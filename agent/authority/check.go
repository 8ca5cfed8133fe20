package authority

import (
	"errors"
	"fmt"
	"strings"
)

// domain is the one that all of Anaplan's hosts are in.
const domain = "anaplan.com"

// Check returns an error unless text is what [Authority.Bundle] makes: certificates in PEM, each of a
// CA that is constrained to hosts of Anaplan's, and nothing else. It is for what another process has
// sent, before programs are made to trust it. The error shows none of the text.
func Check(text []byte) error {
	pairs, err := parse(text)
	if err != nil {
		return err
	}
	for _, pair := range pairs {
		if err := pair.check(); err != nil {
			return err
		}
	}
	return nil
}

// check returns an error unless it can be given to programs.
func (p pair) check() error {
	if p.key != nil {
		return errors.New("there is a private key in it")
	}
	return p.checkHosts()
}

// checkHosts returns an error unless it is about hosts of Anaplan's.
func (p pair) checkHosts() error {
	if len(p.cert.PermittedDNSDomains) == 0 {
		return errors.New("there is a CA in it that is not constrained to hosts")
	}
	for _, permitted := range p.cert.PermittedDNSDomains {
		if !strings.HasSuffix("."+permitted, "."+domain) {
			return fmt.Errorf("there is a CA in it for %q, which is not Anaplan's", permitted)
		}
	}
	return nil
}
