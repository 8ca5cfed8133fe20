package main

// A certificate in the words of Anaplan's rules. It may come from anywhere: before it is
// stored, what a CA has sent; after, what a login uses.

import (
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/agent/hardware"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
	"github.com/anaplan-agent/anaplan-agent/hsm"
	"github.com/anaplan-agent/anaplan-agent/hsm/uri"
	"github.com/anaplan-agent/anaplan-agent/piv"
	"github.com/anaplan-agent/anaplan-agent/piv/pivuri"
)

// errWillBeRefused says that what was explained is not as Anaplan wants it.
var errWillBeRefused = errors.New("the certificate will be refused by Anaplan")

// explainCertificate prints what is in the certificate, or what was found in it.
func explainCertificate(r *device.Run, order certOrder) error {
	certs, err := toExplain(r, order.file)
	if err != nil {
		return err
	}
	now := time.Now()
	found := []finding.Finding{} // so that JSON has a list
	var texts []string
	for _, cert := range subjectsOf(certs) {
		_, chain, err := certfile.Leaf(certs, cert.PublicKey)
		if err != nil {
			return err
		}
		found = append(found, certlint.Check(cert, chain, now)...)
		texts = append(texts, certlint.Explain(cert, chain, now))
	}
	if order.asJSON {
		err = console.PrintJSON(found)
	} else {
		err = console.PrintResult(console.Printable(strings.Join(texts, "\n")))
	}
	if err == nil && finding.Worst(found) == finding.Error {
		err = errWillBeRefused
	}
	return err
}

// subjectsOf returns the certificates that are meant by a file: those that are no CA's, if
// there are any beside its.
func subjectsOf(certs []*x509.Certificate) []*x509.Certificate {
	leaves := slices.DeleteFunc(slices.Clone(certs), func(cert *x509.Certificate) bool { return cert.IsCA })
	if len(leaves) == 0 {
		return certs
	}
	return leaves
}

// toExplain returns the certificate and what there is of its CA's: from a file, else from
// the profile's, else from the device.
func toExplain(r *device.Run, file string) ([]*x509.Certificate, error) {
	if file == "" {
		file = r.Profile.Certificate
	}
	if file != "" {
		return device.ReadCertificates(file)
	}
	if _, err := r.Device.Address(); err != nil {
		return nil, err
	}
	if cert, beside := shownCertificate(r); cert != nil {
		_, chain, err := certfile.Leaf(append([]*x509.Certificate{cert}, beside...), cert.PublicKey)
		return append([]*x509.Certificate{cert}, chain...), err
	}
	// Opening the key pairs it with its certificate, and says what is in the way.
	key, err := r.Device.Open(r.Ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return []*x509.Certificate{key.Certificate()}, nil
}

// shownCertificate returns the certificate of the only key that fits the address, and all
// others of its token, as far as the device tells without a PIN. Here one that has expired
// is as good: why it is refused is the question.
func shownCertificate(r *device.Run) (cert *x509.Certificate, beside []*x509.Certificate) {
	address, _ := r.Device.Address()
	if card, ok := address.(pivuri.URI); ok {
		return shownOnCard(r, card), nil
	}
	token := address.(uri.URI)
	tokens, err := hsm.List(r.Ctx, token, r.Device.PublicOptions())
	if err != nil || len(tokens) != 1 || len(tokens[0].Keys) != 1 {
		return nil, nil
	}
	key := tokens[0].Keys[0]
	if cert = key.Certificate; cert == nil {
		cert = lastOf(key.PassedOver)
	}
	if cert == nil {
		return nil, nil
	}
	// Without the label and the id: those of the CA have others.
	all, err := hsm.List(r.Ctx, token.Without("object", "id", "type"), r.Device.PublicOptions())
	if err == nil && len(all) == 1 {
		for _, other := range all[0].Certificates {
			if other.Certificate != nil && other.Certificate.IsCA {
				beside = append(beside, other.Certificate)
			}
		}
	}
	return cert, beside
}

// shownOnCard is shownCertificate for a card.
func shownOnCard(r *device.Run, address pivuri.URI) *x509.Certificate {
	cards, err := piv.List(r.Ctx, address, r.Device.CardOptions(address))
	if err != nil || len(cards) != 1 || cards[0].Err != nil {
		return nil
	}
	keys := slices.DeleteFunc(cards[0].Keys, func(key piv.KeyInfo) bool {
		return key.Certificate == nil || errors.Is(key.Problem, hardware.ErrUnusableKey)
	})
	if len(keys) != 1 {
		return nil
	}
	return keys[0].Certificate
}

// lastOf returns the certificate that ends last; nil for none.
func lastOf(certs []hsm.CertificateInfo) (last *x509.Certificate) {
	for _, info := range certs {
		if cert := info.Certificate; cert != nil && (last == nil || cert.NotAfter.After(last.NotAfter)) {
			last = cert
		}
	}
	return last
}
