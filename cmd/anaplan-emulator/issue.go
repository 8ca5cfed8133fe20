package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplantest"
	"github.com/anaplan-agent/anaplan-agent/agent/textfile"
	"github.com/anaplan-agent/anaplan-agent/cmd/internal/emulator"
)

// issue prints the certificate that a signing request asks for.
func issue(s *settings, stdout io.Writer) error {
	// All checks on what is in it are anaplantest's, so that tests of clients meet the
	// same.
	request, err := os.ReadFile(s.issue)
	if err == nil {
		request, err = textfile.Decode(request)
	}
	if err != nil {
		return fmt.Errorf("reading the signing request: %w", err)
	}
	// After the request is read, so that a mistyped name makes no CA.
	ca, err := anaplantest.OpenCA(s.caDir)
	if err != nil {
		return err
	}
	// The address of the option goes before that of the request, for the CA and
	// not its client decides who a certificate is for.
	cert, err := ca.Issue(request, &anaplantest.IssueOptions{
		Email:    s.email,
		NotAfter: time.Now().AddDate(0, 0, s.days),
	})
	if err != nil {
		return adviseRequest(fmt.Errorf("issuing for %s: %w", s.issue, err))
	}
	// The leaf alone, which is what --register and Anaplan take; no chain.
	return emulator.Print(stdout, string(anaplantest.EncodePEM(cert)))
}

// adviseRequest adds what to do about a request that gets no certificate.
func adviseRequest(err error) error {
	switch {
	case errors.Is(err, anaplantest.ErrNoEmail):
		return emulator.Advise(err, "--email ADDRESS, the Anaplan user's")
	case errors.Is(err, anaplantest.ErrCSR):
		return emulator.Advise(err, "openssl req -new -key key.pem -out request.pem")
	}
	return err
}

// adviseCertificate adds what to do about a certificate that is not registered.
func adviseCertificate(err error) error {
	switch {
	// Bundles are the commonest mistake (contract section 5.2).
	case errors.Is(err, anaplantest.ErrNotOneCertificate):
		return emulator.Advise(err, "openssl x509 -in FILE -out cert.pem keeps the first certificate of a file and nothing else")
	case errors.Is(err, anaplantest.ErrNoEmail):
		return emulator.Advise(err, "the certificate needs the user's address in its subject alternative name; is it the leaf, not the CA?")
	case errors.Is(err, anaplantest.ErrDuplicate):
		return emulator.Advise(err, "name each certificate once")
	case errors.Is(err, anaplantest.ErrUnusableKey):
		return emulator.Advise(err, "openssl genrsa -out key.pem 2048")
	}
	return err
}
