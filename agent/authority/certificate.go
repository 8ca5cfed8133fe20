package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"crypto/x509/pkix"
	"fmt"
	"math/big"
	"net"
	"slices"
	"strings"
	"time"
)

const (
	caLife      = 365 * 24 * time.Hour
	publishTime = 60 * 24 * time.Hour // before its end another CA is printed beside it
	signTime    = 7 * 24 * time.Hour  // before its end a CA signs no more
	leafLife    = 12 * time.Hour
	leafRest    = leafLife / 2  // with less than that another leaf is made
	backdated   = 1 * time.Hour // for clocks that are set back a little
)

// makePair makes a CA for hosts.
func makePair(hosts []string, now time.Time) (pair, error) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return pair{}, err
	}
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: "anaplan-agent, for Anaplan's hosts on this machine, " + now.UTC().Format(time.DateOnly)},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(caLife),
		IsCA: true, BasicConstraintsValid: true, MaxPathLenZero: true,
		KeyUsage:    x509.KeyUsageCertSign,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},

		PermittedDNSDomainsCritical: true,
		PermittedDNSDomains:         domainsOf(hosts),
		ExcludedIPRanges:            allAddresses(),
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		return pair{}, err
	}
	cert, err := x509.ParseCertificate(der)
	return pair{cert, key}, err
}

// allAddresses are all IP addresses of both kinds.
func allAddresses() []*net.IPNet {
	return []*net.IPNet{
		{IP: net.IPv4zero.To4(), Mask: net.CIDRMask(0, 32)},
		{IP: net.IPv6zero, Mask: net.CIDRMask(0, 128)},
	}
}

// domainsOf returns the fewest domains that have all hosts: without those within others. A constraint
// to a domain is one to what is below it, too (RFC 5280 section 4.2.1.10).
func domainsOf(hosts []string) (domains []string) {
	for _, host := range hosts {
		within := slices.ContainsFunc(hosts, func(other string) bool { return strings.HasSuffix(host, "."+other) })
		if !within && !slices.Contains(domains, host) {
			domains = append(domains, host)
		}
	}
	slices.Sort(domains)
	return domains
}

// serial returns a serial number: 127 bits of chance.
func serial() *big.Int {
	var bits [16]byte
	rand.Read(bits[:])
	bits[0] = bits[0]&0x7f | 1
	return new(big.Int).SetBytes(bits[:])
}

// Leaf returns a certificate for one of the hosts, with its key.
func (a *Authority) Leaf(host string) (*tls.Certificate, error) {
	host = strings.ToLower(host)
	if !a.Signs(host) {
		return nil, fmt.Errorf("the agent's CA is not for the host %q", host)
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	signer, err := a.signerLocked()
	if err != nil {
		return nil, err
	}
	now := a.now()
	if leaf := a.leaves[host]; leaf != nil && !now.Before(leaf.Leaf.NotBefore) && now.Add(leafRest).Before(leaf.Leaf.NotAfter) && leaf.Leaf.CheckSignatureFrom(signer.cert) == nil {
		return leaf, nil
	}
	leaf, err := a.makeLeafLocked(signer, host)
	if err != nil {
		return nil, err
	}
	a.leaves[host] = leaf
	return leaf, nil
}

func (a *Authority) makeLeafLocked(signer pair, host string) (leaf *tls.Certificate, err error) {
	if a.leaf == nil {
		if a.leaf, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
			return nil, err
		}
	}
	now := a.now()
	template := &x509.Certificate{
		SerialNumber: serial(),
		Subject:      pkix.Name{CommonName: host},
		NotBefore:    now.Add(-backdated), NotAfter: now.Add(leafLife),
		KeyUsage:    x509.KeyUsageDigitalSignature,
		ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth},
		DNSNames:    []string{host},
	}
	der, err := x509.CreateCertificate(rand.Reader, template, signer.cert, a.leaf.Public(), signer.key)
	if err != nil {
		return nil, err
	}
	cert, err := x509.ParseCertificate(der)
	return &tls.Certificate{Certificate: [][]byte{der}, PrivateKey: a.leaf, Leaf: cert}, err
}
