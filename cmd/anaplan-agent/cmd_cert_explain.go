package main

// A certificate, explained by Anaplan's rules: one that a CA has sent and that is not stored yet,
// or the one that a login uses.

import (
	"context"
	"crypto/x509"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/certfile"
	"github.com/anaplan-agent/anaplan-agent/agent/certlint"
	"github.com/anaplan-agent/anaplan-agent/agent/finding"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/console"
	"github.com/anaplan-agent/anaplan-agent/cmd/anaplan-agent/internal/device"
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
		chain := certfile.Chain(cert, certs)
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
	address, err := r.Device.Address()
	if err != nil {
		return nil, err
	}
	if cert, beside := shownCertificate(r.Ctx, r.Device.At(address)); cert != nil {
		return append([]*x509.Certificate{cert}, certfile.Chain(cert, beside)...), nil
	}
	// Opening the key pairs it with its certificate, and its errors say why that fails.
	key, err := r.Device.Open(r.Ctx)
	if err != nil {
		return nil, err
	}
	defer key.Close()
	return []*x509.Certificate{key.Certificate()}, nil
}

// shownCertificate returns the certificate of the key, and the CA's beside it, as far as the
// device shows them without a PIN. An expired one is as good here: the question is why it is
// refused.
func shownCertificate(ctx context.Context, place device.Place) (cert *x509.Certificate, beside []*x509.Certificate) {
	key, ok := place.Shown(ctx)
	if !ok || key.Newest == nil {
		return nil, nil
	}
	if store, ok := place.(device.ChainStore); ok {
		beside = store.Chain(ctx)
	}
	return key.Newest, beside
}
