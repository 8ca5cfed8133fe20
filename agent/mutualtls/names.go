package mutualtls

import (
	"crypto/x509"
	"fmt"
	"net"
	"net/url"
	"strings"
)

// spiffe begins a SPIFFE id (https://github.com/spiffe/spiffe/blob/main/standards/SPIFFE-ID.md).
const spiffe = "spiffe://"

// NamesOf returns who the holder of a certificate is: its SPIFFE id first, then its DNS names, in small
// letters. A certificate with several URIs has no SPIFFE id (X509-SVID section 2), nor has a CA's; a
// DNS name that is written as one counts as neither.
func NamesOf(cert *x509.Certificate) []string {
	var names []string
	if len(cert.URIs) == 1 && !cert.IsCA {
		if id, err := CheckName(cert.URIs[0].String()); err == nil && strings.HasPrefix(id, spiffe) {
			names = append(names, id)
		}
	}
	for _, text := range cert.DNSNames {
		if name, err := CheckName(text); err == nil && !strings.HasPrefix(name, spiffe) {
			names = append(names, name)
		}
	}
	return names
}

// CheckName reads the name of somebody's certificate: a SPIFFE id or a DNS name, without wildcards.
func CheckName(text string) (string, error) {
	if len(text) >= len(spiffe) && strings.EqualFold(text[:len(spiffe)], spiffe) {
		return checkID(text)
	}
	name := strings.ToLower(text)
	if strings.ContainsAny(name, ":/@") {
		return "", fmt.Errorf("%q is neither a SPIFFE id (spiffe://DOMAIN/PATH) nor a DNS name", text)
	}
	if name == "" || len(name) > 253 || strings.Trim(name, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "" || net.ParseIP(name) != nil {
		return "", fmt.Errorf("%q is not a DNS name; write it as etl-1.example, without wildcards, or a SPIFFE id as spiffe://DOMAIN/PATH", text)
	}
	for label := range strings.SplitSeq(name, ".") {
		if label == "" || len(label) > 63 {
			return "", fmt.Errorf("%q is not a DNS name: a part of it is empty or too long", text)
		}
	}
	return name, nil
}

// checkID reads a SPIFFE id. Its domain is in small letters; what follows is compared as it is.
func checkID(text string) (string, error) {
	domain, path, _ := strings.Cut(text[len(spiffe):], "/")
	domain = strings.ToLower(domain)
	parsed, err := url.Parse(text)
	switch {
	case err != nil || parsed.RawQuery != "" || parsed.Fragment != "" || strings.ContainsAny(text, "%*?#"):
		return "", fmt.Errorf("%q is not a SPIFFE id; write it as spiffe://DOMAIN/PATH", text)
	case domain == "" || strings.Trim(domain, "abcdefghijklmnopqrstuvwxyz0123456789-._") != "":
		return "", fmt.Errorf("%q is not a SPIFFE id: its trust domain is made of letters, digits, '.', '-' and '_'", text)
	case path == "":
		return "", fmt.Errorf("%q names a whole trust domain; add the path of one workload", text)
	}
	for part := range strings.SplitSeq(path, "/") {
		if part == "" || part == "." || part == ".." || strings.Trim(part, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._") != "" {
			return "", fmt.Errorf("%q is not a SPIFFE id: parts of its path are made of letters, digits, '.', '-' and '_'", text)
		}
	}
	return spiffe + domain + "/" + path, nil
}

// hostOnly returns a Host header without its port.
func hostOnly(host string) string {
	if name, _, err := net.SplitHostPort(host); err == nil {
		return name
	}
	return strings.Trim(host, "[]")
}
