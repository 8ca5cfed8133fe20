package main

import (
	"crypto/x509"
	"errors"
	"fmt"

	"github.com/anaplan-agent/anaplan-agent/agent/anaplan"
	"github.com/anaplan-agent/anaplan-agent/agent/config"
)

// errCAFile says that the extra trusted roots cannot be read.
var errCAFile = errors.New("CA file")

// defaultRegion is where tenants are that name no region: the hosts without a
// region in their name (contract section 4).
const defaultRegion = "us1"

// newClient returns a client of the profile's Anaplan.
func newClient(profile *config.Profile) (*anaplan.Client, error) {
	hosts, err := hostsOf(profile)
	if err != nil {
		return nil, err
	}
	roots, err := readRoots(profile.CAFile)
	if err != nil {
		return nil, err
	}
	return anaplan.New(anaplan.Config{
		AuthURL:    hosts.Auth,
		HeaderForm: anaplan.HeaderForm(profile.HeaderForm),
		RootCAs:    roots,
		UserAgent:  program + "/" + version(),
	})
}

// hostsOf returns the two base URLs of a profile.
func hostsOf(profile *config.Profile) (anaplan.Hosts, error) {
	region := profile.Region
	if region == "" {
		region = defaultRegion
	}
	hosts, err := anaplan.Region(region)
	if err != nil {
		return anaplan.Hosts{}, fmt.Errorf("%w: %w", errSettings, err)
	}
	if profile.AuthURL != "" {
		hosts.Auth = profile.AuthURL
	}
	if profile.APIURL != "" {
		hosts.API = profile.APIURL
	}
	return hosts, nil
}

// readRoots returns the system's roots and those of a file; nil, which means the
// system's, without a file.
func readRoots(path string) (*x509.CertPool, error) {
	if path == "" {
		return nil, nil
	}
	data, err := readInput(path)
	if err != nil {
		return nil, fmt.Errorf("%w: %w", errCAFile, err)
	}
	roots, err := x509.SystemCertPool()
	if err != nil {
		roots = x509.NewCertPool()
	}
	if !roots.AppendCertsFromPEM(data) {
		return nil, fmt.Errorf("%w: %s holds no PEM certificate", errCAFile, path)
	}
	return roots, nil
}
