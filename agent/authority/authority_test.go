package authority

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"encoding/pem"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

var testHosts = []string{"auth.anaplan.com", "api.anaplan.com", "eu3.api.anaplan.com", "api.au1a.app2.anaplan.com", "au1a.app2.anaplan.com"}

// fixture is a CA with a clock of its own, and a directory for it.
type fixture struct {
	*Authority
	t   *testing.T
	now time.Time
}

func newFixture(t *testing.T) *fixture {
	f := &fixture{t: t, now: time.Now()}
	f.Authority = f.another(filepath.Join(t.TempDir(), "state"))
	return f
}

// another is the CA as another process has it.
func (f *fixture) another(dir string) *Authority {
	a := New(dir, testHosts)
	a.now = func() time.Time { return f.now }
	return a
}

// bundle returns the certificates that are printed.
func (f *fixture) bundle() (all []*x509.Certificate) {
	f.t.Helper()
	text, err := f.Bundle()
	if err != nil {
		f.t.Fatal(err)
	}
	for {
		var block *pem.Block
		if block, text = pem.Decode(text); block == nil {
			return all
		}
		if block.Type != "CERTIFICATE" {
			f.t.Fatalf("a %s is printed", block.Type)
		}
		cert, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			f.t.Fatal(err)
		}
		all = append(all, cert)
	}
}

// verify checks a leaf as a client does that has read the CA before.
func (f *fixture) verify(leaf *x509.Certificate, roots []*x509.Certificate, host string) error {
	pool := x509.NewCertPool()
	for _, root := range roots {
		pool.AddCert(root)
	}
	_, err := leaf.Verify(x509.VerifyOptions{Roots: pool, DNSName: host, CurrentTime: f.now})
	return err
}

func (f *fixture) issue(host string) *x509.Certificate {
	f.t.Helper()
	leaf, err := f.Leaf(host)
	if err != nil {
		f.t.Fatal(err)
	}
	return leaf.Leaf
}

func TestLeavesAreTrusted(t *testing.T) {
	f := newFixture(t)
	roots := f.bundle()
	for _, host := range append(slices.Clone(testHosts), "API.Anaplan.com") {
		leaf := f.issue(host)
		if err := f.verify(leaf, roots, host); err != nil {
			t.Errorf("%s: %v", host, err)
		}
		if life := leaf.NotAfter.Sub(f.now); life > 24*time.Hour {
			t.Errorf("a leaf lives for %v", life)
		}
	}
	ca := roots[0]
	if len(roots) != 1 || !ca.IsCA || !ca.MaxPathLenZero || ca.KeyUsage != x509.KeyUsageCertSign || !ca.PermittedDNSDomainsCritical {
		t.Errorf("%d CAs, %+v", len(roots), ca)
	}
	if want := []string{"api.anaplan.com", "au1a.app2.anaplan.com", "auth.anaplan.com"}; !slices.Equal(ca.PermittedDNSDomains, want) {
		t.Errorf("it is for %q, want %q", ca.PermittedDNSDomains, want)
	}
}

func TestOtherHostsGetNoLeaf(t *testing.T) {
	f := newFixture(t)
	for _, host := range []string{"", "example.com", "anaplan.com", "xauth.anaplan.com", "auth.anaplan.com.", "auth.anaplan.com.example.com", "*.api.anaplan.com", "127.0.0.1", "x.auth.anaplan.com"} {
		if _, err := f.Leaf(host); err == nil {
			t.Errorf("%q has a leaf", host)
		}
	}
}

// forged returns what a thief of the key can make.
func (f *fixture) forged(template *x509.Certificate, parent pair) (*x509.Certificate, *ecdsa.PrivateKey) {
	f.t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		f.t.Fatal(err)
	}
	template.SerialNumber, template.NotBefore, template.NotAfter = serial(), f.now.Add(-time.Hour), f.now.Add(time.Hour)
	der, err := x509.CreateCertificate(rand.Reader, template, parent.cert, key.Public(), parent.key)
	if err != nil {
		f.t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		f.t.Fatal(err)
	}
	return cert, key
}

// TestStolenKey: what the key signs for other names is refused by those who trust the CA, here by
// Go's verifier and by OpenSSL's.
func TestStolenKey(t *testing.T) {
	f := newFixture(t)
	roots := f.bundle()
	thief := f.pairs[0]
	server := []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth}
	sub, subKey := f.forged(&x509.Certificate{IsCA: true, BasicConstraintsValid: true, KeyUsage: x509.KeyUsageCertSign}, thief)
	below, _ := f.forged(&x509.Certificate{DNSNames: []string{"api.anaplan.com"}, ExtKeyUsage: server}, pair{sub, subKey})
	for name, test := range map[string]struct {
		template *x509.Certificate
		host     string
		trusted  bool
	}{
		"its own":         {&x509.Certificate{DNSNames: []string{"api.anaplan.com"}, ExtKeyUsage: server}, "api.anaplan.com", true},
		"another domain":  {&x509.Certificate{DNSNames: []string{"example.com"}, ExtKeyUsage: server}, "example.com", false},
		"one of each":     {&x509.Certificate{DNSNames: []string{"api.anaplan.com", "example.com"}, ExtKeyUsage: server}, "api.anaplan.com", false},
		"Anaplan's pages": {&x509.Certificate{DNSNames: []string{"www.anaplan.com"}, ExtKeyUsage: server}, "www.anaplan.com", false},
		"an address":      {&x509.Certificate{IPAddresses: []net.IP{net.IPv4(192, 0, 2, 1)}, ExtKeyUsage: server}, "192.0.2.1", false},
		"a long address":  {&x509.Certificate{IPAddresses: []net.IP{net.ParseIP("2001:db8::1")}, ExtKeyUsage: server}, "2001:db8::1", false},
	} {
		leaf, _ := f.forged(test.template, thief)
		if err := f.verify(leaf, roots, test.host); (err == nil) != test.trusted {
			t.Errorf("%s: Go says %v", name, err)
		}
		if output, err := f.openssl(leaf, roots, test.host); (err == nil) != test.trusted {
			t.Errorf("%s: openssl says %v\n%s", name, err, output)
		}
	}
	client, _ := f.forged(&x509.Certificate{DNSNames: []string{"api.anaplan.com"}, URIs: []*url.URL{{Scheme: "spiffe", Host: "x"}}, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}, thief)
	pool := x509.NewCertPool()
	pool.AddCert(roots[0])
	if _, err := client.Verify(x509.VerifyOptions{Roots: pool, CurrentTime: f.now, KeyUsages: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}); err == nil {
		t.Error("it logs clients in")
	}
	between := x509.NewCertPool()
	between.AddCert(sub)
	if _, err := below.Verify(x509.VerifyOptions{Roots: pool, Intermediates: between, CurrentTime: f.now, DNSName: "api.anaplan.com"}); err == nil {
		t.Error("it signs further CAs")
	}
}

// openssl has OpenSSL verify a leaf for a host.
func (f *fixture) openssl(leaf *x509.Certificate, roots []*x509.Certificate, host string) (string, error) {
	f.t.Helper()
	if _, err := exec.LookPath("openssl"); err != nil {
		if os.Getenv("ANAPLAN_AGENT_REQUIRE") != "" {
			f.t.Fatal(err)
		}
		err := f.verify(leaf, roots, host)
		return "", err
	}
	dir := f.t.TempDir()
	name := "-verify_hostname"
	if net.ParseIP(host) != nil {
		name = "-verify_ip"
	}
	var bundle []byte
	for _, root := range roots {
		bundle = append(bundle, encodeCertificate(root)...)
	}
	for file, text := range map[string][]byte{"ca.pem": bundle, "leaf.pem": encodeCertificate(leaf)} {
		if err := os.WriteFile(filepath.Join(dir, file), text, 0o600); err != nil {
			f.t.Fatal(err)
		}
	}
	output, err := exec.Command("openssl", "verify", "-x509_strict", "-purpose", "sslserver", name, host, "-CAfile", filepath.Join(dir, "ca.pem"), filepath.Join(dir, "leaf.pem")).CombinedOutput()
	return string(output), err
}

// TestOneCA: it is made once, and another process has the same.
func TestOneCA(t *testing.T) {
	f := newFixture(t)
	dir := filepath.Dir(f.path)
	all := make([]*Authority, 8)
	var together sync.WaitGroup
	for i := range all {
		all[i] = f.another(dir)
		together.Go(func() { all[i].Bundle() })
	}
	together.Wait()
	want, err := f.Bundle()
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range all {
		if got, err := a.Bundle(); err != nil || string(got) != string(want) {
			t.Errorf("another CA: %v", err)
		}
	}
	if err := all[0].Renew(); err != nil {
		t.Fatal(err)
	}
	renewed, err := f.Bundle()
	if err != nil || string(renewed) == string(want) {
		t.Errorf("what another process has renewed is not seen: %v", err)
	}
}

// TestRenewedInTime: whoever has read the CA, and reads it again within 53 days, always trusts what it
// meets, for years; and of a CA that signs no more no key is kept.
func TestRenewedInTime(t *testing.T) {
	f := newFixture(t)
	read := f.bundle()
	made := map[string]bool{}
	const day = 24 * time.Hour
	for n := range 700 {
		f.now = f.now.Add(day)
		if n%53 == 52 {
			read = f.bundle()
		}
		leaf := f.issue("api.anaplan.com")
		if err := f.verify(leaf, read, "api.anaplan.com"); err != nil {
			t.Fatalf("on day %d: %v", n, err)
		}
		now := f.bundle()
		made[string(now[0].Raw)] = true
		if len(now) > 2 {
			t.Fatalf("%d CAs are printed", len(now))
		}
		for _, cert := range now {
			if f.now.After(cert.NotAfter) {
				t.Fatal("one is printed that is over")
			}
		}
	}
	if len(made) != 3 {
		t.Errorf("%d CAs have signed", len(made))
	}
}

func TestRetiredKeysAreGone(t *testing.T) {
	f := newFixture(t)
	f.bundle()
	f.now = f.now.Add(caLife - publishTime + time.Hour)
	if got := len(f.bundle()); got != 2 {
		t.Fatalf("%d CAs two months before the end", got)
	}
	f.now = f.now.Add(publishTime - signTime)
	got := f.bundle()
	if len(got) != 2 || f.issue("api.anaplan.com").CheckSignatureFrom(got[0]) != nil {
		t.Fatalf("%d CAs in the last week", len(got))
	}
	text, err := os.ReadFile(f.path)
	if err != nil || strings.Count(string(text), "PRIVATE KEY-----") != 2 {
		t.Errorf("%d lines about keys, %v", strings.Count(string(text), "PRIVATE KEY-----"), err)
	}
}

// TestRenew: nothing that the old key signs is trusted any more.
func TestRenew(t *testing.T) {
	f := newFixture(t)
	old := f.issue("api.anaplan.com")
	if err := f.Renew(); err != nil {
		t.Fatal(err)
	}
	roots := f.bundle()
	if err := f.verify(old, roots, "api.anaplan.com"); err == nil || len(roots) != 1 {
		t.Errorf("the old one is still trusted, %d are printed", len(roots))
	}
	if err := f.verify(f.issue("api.anaplan.com"), roots, "api.anaplan.com"); err != nil {
		t.Error(err)
	}
}

// TestMoreHosts: a program that knows more hosts makes a CA that is for them, too.
func TestMoreHosts(t *testing.T) {
	f := newFixture(t)
	f.bundle()
	f.hosts = append(f.hosts, "audit.anaplan.com")
	leaf := f.issue("audit.anaplan.com")
	if err := f.verify(leaf, f.bundle(), "audit.anaplan.com"); err != nil {
		t.Error(err)
	}
}

func TestLeavesAreKept(t *testing.T) {
	f := newFixture(t)
	first := f.issue("api.anaplan.com")
	if f.issue("API.anaplan.com") != first {
		t.Error("it is made anew each time")
	}
	f.now = f.now.Add(leafLife - leafRest)
	if f.issue("api.anaplan.com") == first {
		t.Error("it is kept for too long")
	}
}

// TestWhatIsNotUsed: a file that is not the agent's own, and says how to put it right.
func TestWhatIsNotUsed(t *testing.T) {
	good := func(f *fixture) []byte {
		f.bundle()
		text, err := os.ReadFile(f.path)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	for name, spoil := range map[string]func(*fixture, []byte) []byte{
		"nothing":            func(*fixture, []byte) []byte { return nil },
		"words":              func(*fixture, []byte) []byte { return []byte("words\n") },
		"half":               func(_ *fixture, text []byte) []byte { return text[:len(text)-40] },
		"the key of another": func(f *fixture, text []byte) []byte { f.Renew(); return spliced(text, good(f)) },
		"an open CA":         func(f *fixture, _ []byte) []byte { return f.unconstrained() },
	} {
		f := newFixture(t)
		if err := os.WriteFile(f.path, spoil(f, good(f)), 0o600); err != nil {
			t.Fatal(err)
		}
		again := f.another(filepath.Dir(f.path))
		if _, err := again.Bundle(); err == nil || !strings.Contains(err.Error(), "anaplan-agent ca renew") || strings.Contains(err.Error(), "BEGIN") {
			t.Errorf("%s: %v", name, err)
		}
		if err := again.Renew(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if _, err := again.Bundle(); err != nil {
			t.Errorf("%s, renewed: %v", name, err)
		}
	}
}

// spliced is one text's certificate with the other's key.
func spliced(one, other []byte) []byte {
	cert, _ := pem.Decode(one)
	_, rest := pem.Decode(other)
	return append(pem.EncodeToMemory(cert), rest...)
}

// unconstrained is a CA for the whole world.
func (f *fixture) unconstrained() []byte {
	own := f.pairs[0]
	template := &x509.Certificate{SerialNumber: serial(), NotBefore: f.now, NotAfter: f.now.Add(time.Hour), IsCA: true, BasicConstraintsValid: true}
	der, err := x509.CreateCertificate(rand.Reader, template, template, own.key.Public(), own.key)
	if err != nil {
		f.t.Fatal(err)
	}
	return pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: der})
}

func TestNoPlace(t *testing.T) {
	a := New("", testHosts)
	if _, err := a.Bundle(); err == nil || !strings.Contains(err.Error(), "XDG_STATE_HOME") {
		t.Error(err)
	}
	if err := a.Renew(); err == nil {
		t.Error("it is renewed")
	}
}

// TestHandshake: a real TLS client takes it.
func TestHandshake(t *testing.T) {
	f := newFixture(t)
	leaf, err := f.Leaf("auth.anaplan.com")
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(f.bundle()[0])
	near, far := net.Pipe()
	defer near.Close()
	go tls.Server(far, &tls.Config{Certificates: []tls.Certificate{*leaf}}).Handshake()
	if err := tls.Client(near, &tls.Config{RootCAs: pool, ServerName: "auth.anaplan.com"}).Handshake(); err != nil {
		t.Error(err)
	}
}
