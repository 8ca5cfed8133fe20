package main

// A certificate, explained by Anaplan's rules: one that a CA has sent and that is not stored yet,
// or the one that a login uses.

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

var errWillBeRefused = errors.New("the certificate is one that Anaplan will refuse")

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

// subjectsOf returns the certificates to explain: those that are not a CA's, or all if there are no
// others.
func subjectsOf(certs []*x509.Certificate) []*x509.Certificate {
	leaves := slices.DeleteFunc(slices.Clone(certs), func(cert *x509.Certificate) bool { return cert.IsCA })
	if len(leaves) == 0 {
		return certs
	}
	return leaves
}

// toExplain returns the certificate, followed by its CA's as far as they are known: from file, else
// from the profile's file, else from the device.
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
	// Opening the key pairs it with its certificate, and its errors say why that fails.
	key, err := r.Device.Open(r.Ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return []*x509.Certificate{key.Certificate()}, nil
}

// shownCertificate returns the certificate of the only key that fits the address, and the CA's on
// its token, as far as the device shows them without a PIN. An expired one is as good here: the
// question is why it is refused.
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
	// Without the label and the id, because those of the CA's certificates differ.
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
